// Where this tab's edits are: here, on the server, in the file. Owns what is known of the file.
//
// An edit is on the server's disk in a few milliseconds, and a bar that said so of each would be drawn twice for every key.
// So that edits are on their way is said in words once it has lasted ON_THE_WAY; until then the words before stay, marked
// as busy. Everything else, that the server is gone first of all, is said at once.

import { type Incoming, toHex } from "../core/messages.ts";
import type { Heads } from "../core/replica.ts";
import type { Session } from "../core/session.ts";
import type { LinkState } from "../link.ts";
import { saySafety } from "./saving.ts";
import type { TopBar } from "./top_bar.ts";

const ON_THE_WAY = 300; // milliseconds; nobody reads faster

export class SafetyOfEdits {
  readonly #session: Session;
  readonly #bar: Pick<TopBar, "setSaving" | "setBusy" | "setPath">;
  #link: LinkState = "connecting";
  #file: { heads: Heads; error: string | null; written: number | null } = { heads: [], error: null, written: null };
  #storageError: string | null = null;
  #wait: ReturnType<typeof setTimeout> | null = null; // until it is said that edits are on their way
  #isSlow = false; // it has been said
  #heard = false; // of the file since the session began: newer than what was asked then

  constructor(session: Session, bar: Pick<TopBar, "setSaving" | "setBusy" | "setPath">) {
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
    const said = saySafety({ link: this.#link, joined, unsaved, inFile, fileError: error, storageError: this.#storageError, written, mayEdit });
    const isOnTheWay = said.tone === "busy" && joined;
    this.#bar.setBusy(said.tone === "busy");
    if (!isOnTheWay) this.#arrived();
    else if (!this.#isSlow) {
      this.#wait ??= setTimeout(() => {
        this.#isSlow = true;
        this.show();
      }, ON_THE_WAY);
      return;
    }
    this.#bar.setSaving(said);
  }

  /** Nothing is on its way any more. */
  #arrived(): void {
    if (this.#wait !== null) clearTimeout(this.#wait);
    this.#wait = null;
    this.#isSlow = false;
  }
}
