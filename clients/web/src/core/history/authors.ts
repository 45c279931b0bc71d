// Who is behind an actor, and when its changes reached the hub: told by the hub, for a change has neither. Pure.
//
// The twin of notebook_doc/history/authors.py. Authors are told apart by name and kind: a person who comes back tomorrow,
// or has two tabs, has another peer id each time.

import { sha256 } from "@noble/hashes/sha2.js"; // the browser's own answers later, and over plain HTTP not at all
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

export type AuthorKind = "person" | "agent" | "program" | "daemon" | "file" | "unknown";

export interface Author {
  readonly peer_id: string;
  readonly name: string;
  readonly kind: AuthorKind;
}

/** The changes of `actor` from number `from` on: whose, and when (seconds since 1970) the first of them came. */
export interface Span {
  readonly actor: string; // in hexadecimal
  readonly from: number;
  readonly author: Author;
  readonly time: number;
  readonly brought: boolean;
}

export interface Writing {
  readonly author: Author;
  readonly time: number | null;
  readonly brought: boolean;
}

const KEY_DIGITS = 16; // of an actor, which all of one peer's begin with

export const sameAuthor = (a: Author, b: Author): boolean => a.name === b.name && a.kind === b.kind;
export const authorKey = (actor: string): string => actor.slice(0, KEY_DIGITS);

export class Authors {
  readonly #spans = new Map<string, Span[]>();
  readonly #known: ReadonlyMap<string, Author>;

  /** `known` are peers by what their actors begin with, for changes that the hub has not told of yet. */
  constructor(spans: Iterable<Span>, known: ReadonlyMap<string, Author>) {
    this.#known = known;
    for (const span of spans) {
      const of = this.#spans.get(span.actor);
      if (of === undefined) this.#spans.set(span.actor, [span]);
      else of.push(span);
    }
    for (const of of this.#spans.values()) of.sort((a, b) => a.from - b.from);
  }

  of(actor: string, seq: number): Writing {
    const span = this.#spans.get(actor)?.findLast(({ from }) => from <= seq);
    if (span !== undefined) return span;
    const author = this.#known.get(authorKey(actor));
    return { author: author ?? { peer_id: actor, name: `somebody ${actor.slice(0, 4)}`, kind: "unknown" }, time: null, brought: false };
  }
}

/** The first half of all actors of a peer, and a random other half: everybody can tell whose changes these are. */
export function actorOf(peerId: string): string {
  const own = crypto.getRandomValues(new Uint8Array(KEY_DIGITS / 2));
  return authorKeyOf(peerId) + bytesToHex(own);
}

/** What all actors of this author begin with. */
export const authorKeyOf = (authorId: string): string => bytesToHex(sha256(utf8ToBytes(`quire author\0${authorId}`))).slice(0, KEY_DIGITS);
