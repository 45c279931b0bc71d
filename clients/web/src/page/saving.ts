// Where the notebook is safe, in words. Pure.

import type { LinkState } from "../link.ts";
import { said } from "./people_text.ts";

export interface Safety {
  readonly link: LinkState;
  readonly joined: boolean;
  /** Changes made here that the server has not acknowledged. */
  readonly unsaved: number;
  /** Whether the file says what the document here says. */
  readonly inFile: boolean;
  readonly fileError: string | null;
  /** Why the server cannot store what it gets. */
  readonly storageError: string | null;
  /** When the file was last written, seconds since 1970. */
  readonly written: number | null;
  readonly mayEdit: boolean;
}

export interface Said {
  readonly text: string;
  readonly more: string;
  readonly tone: "calm" | "busy" | "warn";
}

export function saySafety({ link, joined, unsaved, inFile, fileError, storageError, written, mayEdit }: Safety): Said {
  const edits = unsaved === 1 ? "1 edit" : `${unsaved} edits`;
  if (link === "refused") return { text: "Not connected", more: "The server refused this page.", tone: "warn" };
  if (link !== "online") {
    const text = unsaved > 0 ? `Offline · ${edits} only here` : "Offline";
    return { text, more: "Go on: this browser keeps your edits and sends them when the server is back.", tone: "warn" };
  }
  if (!joined) return { text: "Catching up…", more: "The server is sending what has changed.", tone: "busy" };
  if (unsaved > 0 && storageError !== null) {
    const more = `${edits} only in memory and in this browser: ${storageError}`;
    return { text: "Not saved: the server's disk fails", more, tone: "warn" };
  }
  if (unsaved > 0) return { text: "Saving…", more: `${edits} on the way to the server's disk.`, tone: "busy" };
  const since = written === null ? "" : `, last written ${said(written)}`;
  if (fileError !== null) return { text: "Saved on the server, not in the file", more: `${fileError} The file was${since === "" ? " never written" : since.replace(",", "")}.`, tone: "warn" };
  const who = mayEdit ? "" : "You may read this notebook, but not change it. ";
  if (inFile) return { text: mayEdit ? "Saved" : "Read only", more: `${who}On the server's disk and in the file${since}.`, tone: "calm" };
  return { text: mayEdit ? "Saved on the server" : "Read only", more: `${who}On the server's disk; the file follows in a moment${since}.`, tone: "calm" };
}
