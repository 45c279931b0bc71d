// The changes of a notebook as an index: which there are, what they build on, and which cells each of them touched. Pure.
//
// The twin of notebook_doc/history/change_log.py. A ChangeLog follows one replica and reads each change once; asking again
// costs what is new. What each touched is read when that is first asked for. Changes stand after those they build on.

import type { ChangeMeta, Heads, Replica } from "../replica.ts";
import type { NotebookRoot } from "../schema.ts";
import { Heap } from "./heap.ts";
import { readTouches, type Touch } from "./touched.ts";

/** What a change touched: ids of cells, and the document's other roots ("metadata", "comments"). The root "cells" is among
 *  them if not only single cells were, as in the change that a document begins with. */
export interface Touched {
  readonly cells: ReadonlySet<string>;
  readonly roots: ReadonlySet<string>;
}

const CELLS = "cells";
const ROOT = "_root";
const NOTHING: Touched = { cells: new Set(), roots: new Set() };
const UNREAD: Touched = { cells: new Set(), roots: new Set([CELLS]) }; // whatever it did

export class ChangeLog {
  readonly #replica: Replica<NotebookRoot>;
  readonly #changes: ChangeMeta[] = [];
  readonly #places = new Map<string, number>(); // hash -> index
  #upTo: Heads = [];
  readonly #touched: Touched[] = []; // of the first changes, as far as they were read
  #readUpTo: Heads = [];
  readonly #rootOf = new Map<string, string>(); // object -> the root that it is or is in
  readonly #cellOf = new Map<string, string>(); // object inside a cell -> the cell's id

  constructor(replica: Replica<NotebookRoot>) {
    this.#replica = replica;
  }

  /** All changes. */
  all(): readonly ChangeMeta[] {
    const heads = this.#replica.heads();
    if (heads.join() !== this.#upTo.join()) {
      for (const change of this.#replica.changesSince(this.#upTo)) this.#places.set(change.hash, this.#changes.push(change) - 1);
      this.#upTo = heads;
    }
    return this.#changes;
  }

  get(hash: string): ChangeMeta | null {
    const known = this.#places.get(hash) ?? (this.all(), this.#places.get(hash));
    return known === undefined ? null : (this.#changes[known] as ChangeMeta);
  }

  /** Where in `all` the last of these changes stands; -1 if none is here. */
  placeOf(heads: Heads): number {
    this.all();
    return Math.max(-1, ...heads.map((head) => this.#places.get(head) ?? -1));
  }

  /** What was touched by the changes that only one of two moments contains; null if either is not here. Costs what lies
   *  between the two. */
  between(a: Heads, b: Heads): Touched | null {
    this.all();
    const reached = new Map<number, number>(); // index -> from which of the two: 1, 2, or both
    const next = new Heap<number>((one, other) => other - one); // the latest first, so that what builds on a change comes before it
    let onlyOne = 0; // of those that wait
    const reach = (hash: string, from: number): boolean => {
      const index = this.#places.get(hash);
      if (index === undefined) return false;
      const before = reached.get(index);
      reached.set(index, (before ?? 0) | from);
      if (before === undefined) next.push(index);
      if (before === undefined && from < 3) onlyOne += 1;
      if (before !== undefined && before < 3 && (before | from) === 3) onlyOne -= 1;
      return true;
    };
    if (![...a.map((head) => reach(head, 1)), ...b.map((head) => reach(head, 2))].every(Boolean)) return null;
    const cells = new Set<string>();
    const roots = new Set<string>();
    while (onlyOne > 0) {
      const index = next.pop() as number;
      const from = reached.get(index) as number;
      if (from < 3) {
        onlyOne -= 1;
        const touched = this.touched(index);
        for (const cell of touched.cells) cells.add(cell);
        for (const root of touched.roots) roots.add(root);
      }
      for (const dep of (this.#changes[index] as ChangeMeta).deps) reach(dep, from);
    }
    return { cells, roots };
  }

  /** What one change touched. Costs that change, however long the history is. */
  touchedBy(hash: string): Touched {
    const index = this.#places.get(hash) ?? (this.all(), this.#places.get(hash));
    if (index === undefined) return NOTHING;
    if (index < this.#touched.length) return this.#touched[index] as Touched;
    const chunk = this.#replica.chunkOf(hash);
    const read = chunk && readTouches(chunk);
    if (read === null) return UNREAD;
    const { deps } = this.#changes[index] as ChangeMeta;
    const cells = new Set<string>();
    const roots = new Set<string>();
    for (const target of new Set(read.touches.map((touch) => touch.target))) {
      const its = () => read.touches.flatMap((touch) => (touch.target === target && touch.key !== null ? touch.key : []));
      const path = target === ROOT ? [] : (this.#replica.pathOf(target, [hash]) ?? this.#replica.pathOf(target, deps));
      const [root, cell] = path ?? [];
      if (path === null || (root === CELLS && typeof cell === "number")) continue; // in what was gone again
      if (root === undefined) for (const key of its()) roots.add(key);
      else if (root !== CELLS) roots.add(`${root}`);
      else for (const id of cell === undefined ? its() : [`${cell}`]) cells.add(id);
    }
    return { cells, roots };
  }

  /** What the change at this index touched. */
  touched(index: number): Touched {
    if (this.#touched.length <= index) this.#readOn();
    return this.#touched[index] as Touched;
  }

  #readOn(): void {
    const all = this.all();
    const found = new Map<string, Touched>();
    for (const chunk of this.#replica.chunksSince(this.#readUpTo)) {
      const read = readTouches(chunk);
      if (read !== null) found.set(`${read.actor} ${read.seq}`, this.#told(read.touches));
    }
    for (const { actor, seq } of all.slice(this.#touched.length)) this.#touched.push(found.get(`${actor} ${seq}`) ?? UNREAD);
    this.#readUpTo = this.#upTo;
  }

  #told(touches: readonly Touch[]): Touched {
    const cells = new Set<string>();
    const roots = new Set<string>();
    for (const { target, key, made } of touches) {
      const root = target === ROOT ? key : (this.#rootOf.get(target) ?? null);
      const cell = this.#cellOf.get(target) ?? (root === CELLS && target !== ROOT ? key : null);
      if (cell !== null) {
        cells.add(cell);
        if (made !== null) this.#cellOf.set(made, cell);
      } else if (root !== null) {
        roots.add(root);
        if (made !== null) this.#rootOf.set(made, root);
      }
    }
    return { cells, roots };
  }
}
