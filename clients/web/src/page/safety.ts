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
  #file: { heads: Heads; error: string | null; written: number | null } = { heads: [], error: null, written: null };
  #storageError: string | null = null;
  #heard = false; // of the file since the session began: newer than what was asked then

  constructor(session: Session, bar: TopBar) {
    this.#session = session;
    this.#bar = bar;
  }

  /** So the file was when the session began: what it said (null: not all that the notebook says), why it could not be
   *  written, and when it last was. What the hub has told since is newer. */
  fileWas(heads: Heads | null, error: string | null, written: number | null): void {
    if (!this.#heard) this.#file = { heads: heads ?? [], error, written };
    this.show();
  }

  setLink(state: LinkState): void {
    this.#link = state;
    this.show();
  }

  take(message: Incoming): void {
    if (message.type === "welcome") {
      this.#file = { heads: [], error: null, written: null };
      this.#heard = false;
      this.#storageError = null;
    }
    if (message.type === "error" && message.code.startsWith("storage")) this.#storageError = `${message.message} ${message.hint}`;
    if (message.type !== "notebook_saved") return;
    this.#heard = true;
    const error = message.error === null ? null : `${message.error.message} ${message.error.hint}`;
    if (error === null) this.#file = { heads: message.heads.map(toHex), error, written: Date.now() / 1000 };
    else this.#file = { ...this.#file, error };
    this.#bar.setPath(message.path);
    this.show();
  }

  show(): void {
    const { notebook, notebookSync } = this.#session;
    const { heads, error, written } = this.#file;
    const inFile = heads.length > 0 && notebook.heads().join() === heads.toSorted().join();
    const { joined, unsaved } = notebookSync;
    if (unsaved === 0) this.#storageError = null; // it has stored everything, so it can
    const { mayEdit } = this.#session;
    this.#bar.setSaving(saySafety({ link: this.#link, joined, unsaved, inFile, fileError: error, storageError: this.#storageError, written, mayEdit }));
  }
}
