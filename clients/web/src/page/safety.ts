// Where this tab's edits are: here, on the server, in the file. Owns what is known of the file.

import { type Incoming, toHex } from "../core/messages.ts";
import type { Heads } from "../core/replica.ts";
import type { Session } from "../core/session.ts";
import type { LinkState } from "../link.ts";
import { saySafety } from "./saving.ts";
import type { TopBar } from "./top_bar.ts";

export class SafetyOfEdits {
  readonly #session: Session;
  readonly #bar: TopBar;
  #link: LinkState = "connecting";
  #file: { heads: Heads; error: string | null } = { heads: [], error: null };

  constructor(session: Session, bar: TopBar) {
    this.#session = session;
    this.#bar = bar;
  }

  /** The file said this when the session began; what the hub has told since is newer. */
  fileSaid(heads: Heads): void {
    if (this.#file.heads.length === 0 && this.#file.error === null) this.#file = { heads, error: null };
    this.show();
  }

  setLink(state: LinkState): void {
    this.#link = state;
    this.show();
  }

  take(message: Incoming): void {
    if (message.type === "welcome") this.#file = { heads: [], error: null };
    if (message.type !== "notebook_saved") return;
    const error = message.error === null ? null : `${message.error.message} ${message.error.hint}`;
    this.#file = { heads: error === null ? message.heads.map(toHex) : this.#file.heads, error };
    this.#bar.setPath(message.path);
    this.show();
  }

  show(): void {
    const { notebook, notebookSync } = this.#session;
    const { heads, error } = this.#file;
    const inFile = notebook.contains(heads) && notebook.hashesSince(heads).length === 0;
    const { joined, unsaved } = notebookSync;
    this.#bar.setSaving(saySafety({ link: this.#link, joined, unsaved, inFile, fileError: error }));
  }
}
