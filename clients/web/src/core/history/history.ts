// A notebook's past as one tab knows it: its moments, what it said at each, who wrote what, and named versions. Pure.
//
// Everything is computed from this tab's own replica and from what the hub told of who wrote when (`told`), so it works
// offline with what was told before. The first moment is read whole. Each other is made of the nearest that was read, by
// reading those cells alone that a change between the two touched; cells that are the same are the same objects, so
// comparing two moments costs what differs, too. The latest that were read are kept.

import { newId, type Notebook, recordOf } from "../notebook.ts";
import { inOrder } from "../order.ts";
import { type ChangeMeta, type Heads, plain, scalar } from "../replica.ts";
import type { CellMap } from "../schema.ts";
import { type Author, authorKeyOf, Authors, sameAuthor, type Span, type Writing } from "./authors.ts";
import { metadataOf, read, type Then } from "./diff.ts";
import { type Moment, momentsOf, type Version } from "./moments.ts";

const KEPT = 64; // moments that were read
const FEW = 0.3; // of all cells: where more were touched, reading all is faster
export const LONGEST_NAME = 200; // characters

/** A part of a source, in code units, and who wrote it when. */
export interface Blamed {
  readonly from: number;
  readonly to: number;
  readonly by: Writing;
}

/** A moment that was read, and where the last of its changes stands in the log. */
interface Read {
  readonly heads: Heads;
  readonly place: number;
  readonly then: Then;
}

export class History {
  readonly #notebook: Notebook;
  readonly #known: () => ReadonlyMap<string, Author>;
  readonly #spans = new Map<string, Span>();
  readonly #read = new Map<string, Read>();
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
    return momentsOf(this.#notebook.changes.all(), this.authors, this.versions());
  }

  at(heads: Heads): Then {
    const key = heads.join();
    const then = this.#read.get(key)?.then ?? this.#revised(heads) ?? read(this.#notebook.replica.at(heads));
    this.#read.delete(key);
    this.#read.set(key, { heads, place: this.#notebook.changes.placeOf(heads), then });
    const [oldest] = this.#read.keys();
    if (this.#read.size > KEPT && oldest !== undefined) this.#read.delete(oldest);
    return then;
  }

  now(): Then {
    return this.at(this.#notebook.replica.heads());
  }

  /** The nearest moment that was read, with what was touched between that and these heads as it was then. */
  #revised(heads: Heads): Then | null {
    const place = this.#notebook.changes.placeOf(heads);
    const far = (one: Read) => Math.abs(one.place - place);
    const near = [...this.#read.values()].reduce<Read | null>((best, one) => (best === null || far(one) < far(best) ? one : best), null);
    const touched = near && this.#notebook.changes.between(near.heads, heads);
    if (near === null || touched === null) return null;
    const { cells, metadata } = near.then;
    if (touched.roots.has("cells") || touched.cells.size > FEW * cells.length) return null;
    const { replica } = this.#notebook;
    const again = new Map(cells.map((cell) => [cell.id, cell]));
    for (const id of touched.cells) {
      const cell = recordOf(id, replica.mapAt(heads, ["cells", id]) as CellMap | undefined);
      if (cell === null) again.delete(id);
      else again.set(id, cell);
    }
    return {
      cells: touched.cells.size === 0 ? cells : inOrder([...again.values()]),
      metadata: touched.roots.has("metadata") ? metadataOf(replica.mapAt(heads, ["metadata"])) : metadata,
    };
  }

  /** A cell's source in pieces, each by one author at one time, in order. */
  blame(cellId: string): Blamed[] {
    const { authors } = this;
    const of = changeFinder(this.#notebook.changes.all());
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

/** Peers by what their actors begin with: filled as they are met. */
export class KnownPeers {
  readonly #byKey = new Map<string, Author>();
  readonly #met = new Set<string>();

  get byKey(): ReadonlyMap<string, Author> {
    return this.#byKey;
  }

  meet(author: Author): void {
    if (this.#met.has(author.peer_id)) return;
    this.#met.add(author.peer_id);
    this.#byKey.set(authorKeyOf(author.peer_id), author);
  }
}
