// Where the notebook is safe, in words. Pure.

import type { LinkState } from "../link.ts";

export interface Safety {
  readonly link: LinkState;
  readonly joined: boolean;
  /** Changes made here that the server has not acknowledged. */
  readonly unsaved: number;
  /** Whether the file says what the document here says. */
  readonly inFile: boolean;
  readonly fileError: string | null;
}

export interface Said {
  readonly text: string;
  readonly more: string;
  readonly tone: "calm" | "busy" | "warn";
}

export function saySafety({ link, joined, unsaved, inFile, fileError }: Safety): Said {
  const edits = unsaved === 1 ? "1 edit" : `${unsaved} edits`;
  if (link === "refused") return { text: "Not connected", more: "The server refused this page.", tone: "warn" };
  if (link !== "online") {
    const text = unsaved > 0 ? `Offline · ${edits} only here` : "Offline";
    return { text, more: "Go on: this browser keeps your edits and sends them when the server is back.", tone: "warn" };
  }
  if (!joined) return { text: "Catching up…", more: "The server is sending what has changed.", tone: "busy" };
  if (unsaved > 0) return { text: "Saving…", more: `${edits} on the way to the server's disk.`, tone: "busy" };
  if (fileError !== null) return { text: "Saved on the server, not in the file", more: fileError, tone: "warn" };
  if (inFile) return { text: "Saved", more: "On the server's disk and in the file.", tone: "calm" };
  return { text: "Saved on the server", more: "On the server's disk; the file follows in a moment.", tone: "calm" };
}
