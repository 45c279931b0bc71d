// A notebook's past as one tab knows it: its moments, what it said at each, who wrote what, and named versions. Pure.
//
// Everything is computed from this tab's own replica and from what the hub told of who wrote when (`told`), so it works
// offline with what was told before. Reading a moment costs what reading the notebook costs; the latest that were read are
// kept, so that going back and forth costs nothing.

import { newId, type Notebook } from "../notebook.ts";
import { type ChangeMeta, type Heads, plain, scalar } from "../replica.ts";
import { type Author, authorKey, Authors, sameAuthor, type Span, type Writing } from "./authors.ts";
import { read, type Then } from "./diff.ts";
import { type Moment, momentsOf, type Version } from "./moments.ts";

const KEPT = 64; // moments that were read
export const LONGEST_NAME = 200; // characters

/** A part of a source, in code units, and who wrote it when. */
export interface Blamed {
  readonly from: number;
  readonly to: number;
  readonly by: Writing;
}

export class History {
  readonly #notebook: Notebook;
  readonly #known: () => ReadonlyMap<string, Author>;
  readonly #spans = new Map<string, Span>();
  readonly #read = new Map<string, Then>();
  #changes: ChangeMeta[] = [];
  #upTo: Heads = [];
  /** The hub's time up to which it has told who wrote; what to ask for next begins there. */
  toldUntil = 0;

  /** `known` are peers by what their actors begin with, for changes that the hub has not told of yet. */
  constructor(notebook: Notebook, known: () => ReadonlyMap<string, Author>) {
    this.#notebook = notebook;
    this.#known = known;
  }

  /** The hub answered `writers`. */
  told(result: Record<string, unknown>): void {
    const { authors, spans, time } = result as { authors: Author[]; spans: [Uint8Array, number | bigint, number, number, boolean][]; time: number };
    for (const [actor, from, author, at, brought] of spans) {
      const hex = Array.from(actor, (byte) => byte.toString(16).padStart(2, "0")).join("");
      this.#spans.set(`${hex} ${from}`, { actor: hex, from: Number(from), author: authors[author] as Author, time: at, brought });
    }
    this.toldUntil = Math.max(0, time - 60); // a span has the time of its arrival and is on disk a bit later
  }

  get authors(): Authors {
    return new Authors(this.#spans.values(), this.#known());
  }

  moments(): Moment[] {
    return momentsOf(this.#all(), this.authors, this.versions());
  }

  at(heads: Heads): Then {
    const key = heads.join();
    const known = this.#read.get(key);
    const then = known ?? read(this.#notebook.replica.at(heads));
    this.#read.delete(key);
    this.#read.set(key, then);
    const [oldest] = this.#read.keys();
    if (this.#read.size > KEPT && oldest !== undefined) this.#read.delete(oldest);
    return then;
  }

  now(): Then {
    return read(this.#notebook.replica.value);
  }

  /** A cell's source in pieces, each by one author at one time, in order. */
  blame(cellId: string): Blamed[] {
    const { authors } = this;
    const of = changeFinder(this.#all());
    const pieces: { from: number; to: number; by: Writing }[] = [];
    const writings = new Map<ChangeMeta, Writing>();
    const elements = this.#notebook.replica.elements(["cells", cellId, "source"], this.#notebook.source(cellId).length);
    for (const [index, element] of elements.entries()) {
      const [counter, actor = ""] = element.split("@");
      const change = of(actor, Number(counter));
      let by = change === null ? authors.of(actor, 1) : writings.get(change);
      if (by === undefined) by = authors.of(actor, change?.seq ?? 1);
      if (change !== null) writings.set(change, by);
      const last = pieces.at(-1);
      if (last !== undefined && sameAuthor(last.by.author, by.author) && last.by.time === by.time) last.to = index + 1;
      else pieces.push({ from: index, to: index + 1, by });
    }
    return pieces;
  }

  // --- versions --------------------------------------------------------------------------------------------------------

  versions(): Version[] {
    const { replica } = this.#notebook;
    const found = Object.entries(replica.value.versions ?? {}).flatMap(([id, value]): Version[] => {
      const { name, heads, time } = (plain(value) ?? {}) as Record<string, unknown>;
      if (typeof name !== "string" || !Array.isArray(heads) || typeof time !== "number") return [];
      return [{ id, name, heads: heads.map(String).sort(), time, made: replica.madeBy(["versions", id]) ?? "" }];
    });
    return found.sort((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1));
  }

  /** Give the notebook at these heads a name. */
  nameVersion(name: string, heads: Heads, time: number): void {
    this.#notebook.replica.change((draft) => {
      if (draft.versions !== undefined) draft.versions[newId()] = { name: scalar(name), heads: heads.map(scalar), time };
    }, this.#notebook);
  }

  forgetVersion(id: string): void {
    this.#notebook.replica.change((draft) => {
      if (draft.versions !== undefined) delete draft.versions[id];
    }, this.#notebook);
  }

  #all(): readonly ChangeMeta[] {
    const { replica } = this.#notebook;
    const heads = replica.heads();
    if (heads.join() !== this.#upTo.join()) {
      this.#changes.push(...replica.changesSince(this.#upTo));
      this.#upTo = heads;
    }
    return this.#changes;
  }
}

/** Looks up the change that an operation is in. */
function changeFinder(changes: readonly ChangeMeta[]): (actor: string, counter: number) => ChangeMeta | null {
  const byActor = Map.groupBy(changes, ({ actor }) => actor);
  return (actor, counter) => {
    const of = byActor.get(actor) ?? [];
    let [low, high] = [0, of.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((of[middle] as ChangeMeta).startOp <= counter) low = middle + 1;
      else high = middle;
    }
    return of[low - 1] ?? null;
  };
}

/** Peers by what their actors begin with, of those whose peer id gives that: filled as they are met. */
export class KnownPeers {
  readonly #byKey = new Map<string, Author>();
  readonly #asked = new Set<string>();

  get byKey(): ReadonlyMap<string, Author> {
    return this.#byKey;
  }

  async meet(author: Author, actorOf: (peerId: string) => Promise<string>): Promise<void> {
    if (this.#asked.has(author.peer_id)) return;
    this.#asked.add(author.peer_id);
    this.#byKey.set(authorKey(await actorOf(author.peer_id)), author);
  }
}
