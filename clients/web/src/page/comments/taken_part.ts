// Who can be mentioned: who is here, and who has taken part as far as this tab knows. And who the reader is.
//
// The hub says once who wrote in the notebook, when that is first wanted; offline, those who said something have to do.

import type { Thread } from "../../core/comments.ts";
import { type Author, sameAuthor } from "../../core/history/authors.ts";
import { isReader, type Reader } from "../../core/mentions.ts";
import type { Page } from "../page.ts";
import { formerNames } from "../you.ts";

export interface Mentionable {
  readonly who: Author;
  readonly isHere: boolean;
}

const KINDS: readonly Author["kind"][] = ["person", "agent", "program"];

export class TakenPart {
  readonly #page: Page;
  readonly #threads: () => readonly Thread[];
  #wrote: readonly Author[] = [];
  #asked = false;
  #reader: Reader | null = null; // as of the present name

  constructor(page: Page, threads: () => readonly Thread[]) {
    this.#page = page;
    this.#threads = threads;
  }

  /** Whoever sits here. */
  get reader(): Reader {
    const { peer_id, kind, name } = this.#page.session.peer;
    if (this.#reader?.names[0] !== name) this.#reader = { peer_id, kind, names: [...new Set([name, ...formerNames()])] };
    return this.#reader;
  }

  /** Have the hub tell who wrote; what is known without that is known at once. */
  async ask(): Promise<void> {
    if (this.#asked) return;
    this.#asked = true;
    const told = await this.#page.requests.question({ method: "writers", since: 0 });
    this.#asked = told !== null;
    if (told !== null) this.#wrote = told["authors"] as Author[];
  }

  /** Everybody but the reader, who is here first, each once. */
  all(): Mentionable[] {
    const { reader } = this;
    const here = this.#page.people.others.map(({ peer }): Author => peer);
    const said = this.#threads().flatMap(({ messages }) => messages.flatMap(({ author, mentions }) => [author, ...mentions]));
    const found: Mentionable[] = [];
    for (const [isHere, authors] of [[true, here], [false, said], [false, this.#wrote]] as const) {
      for (const who of authors) {
        if (!KINDS.includes(who.kind) || who.name === "" || isReader(who, reader) || found.some((one) => sameAuthor(one.who, who))) continue;
        found.push({ who, isHere });
      }
    }
    return found;
  }

  /** Somebody as they are called now. */
  nameOf(who: Author): string {
    return isReader(who, this.reader) ? this.#page.session.peer.name : (this.#page.people.get(who.peer_id)?.peer.name ?? who.name);
  }
}
