// A notebook as it was, and what differs between two of them, cell by cell. Pure.
//
// The twin of notebook_doc/history/diff.py: a cell is the same when its id is, and has moved if it stands elsewhere among
// the cells that are in both; as few cells as possible count as moved, and of those the ones whose position was written.

import { inOrder, readable } from "../order.ts";
import { type CellRecord, recordOf } from "../notebook.ts";
import { plain } from "../replica.ts";
import type { NotebookRoot } from "../schema.ts";

export interface Then {
  readonly cells: readonly CellRecord[];
  readonly metadata: Record<string, unknown>;
}

export type Field = "type" | "source" | "metadata" | "attachments";
const FIELDS: readonly Field[] = ["type", "source", "metadata", "attachments"];

export interface CellDiff {
  readonly cellId: string;
  readonly kind: "added" | "deleted" | "changed" | "same";
  readonly old: CellRecord | null;
  readonly now: CellRecord | null;
  readonly moved: boolean;
  readonly fields: readonly Field[];
}

/** All that a document says, of whatever time it is. */
export function read(root: Readonly<NotebookRoot>): Then {
  const cells = Object.entries(root.cells ?? {});
  const places = inOrder(cells.map(([id, cell]) => ({ id, position: readable(plain(cell?.position)) })));
  const byId = new Map(cells);
  return { cells: places.flatMap(({ id }) => recordOf(id, byId.get(id)) ?? []), metadata: metadataOf(root.metadata) };
}

/** The notebook's metadata as JSON. */
export const metadataOf = (stored: unknown): Record<string, unknown> => (plain(stored ?? {}) ?? {}) as Record<string, unknown>;

export const same = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);

/** All cells in the order of the newer notebook, deleted ones where they stood. */
export function diffCells(old: readonly CellRecord[], now: readonly CellRecord[]): CellDiff[] {
  const before = new Map(old.map((cell) => [cell.id, cell]));
  const after = new Set(now.map(({ id }) => id));
  const moved = movedCells(old, now);
  const deletedAfter = new Map<string | null, CellDiff[]>();
  let last: string | null = null;
  for (const cell of old) {
    if (after.has(cell.id)) last = cell.id;
    else {
      const gone: CellDiff = { cellId: cell.id, kind: "deleted", old: cell, now: null, moved: false, fields: ["source"] };
      deletedAfter.set(last, [...(deletedAfter.get(last) ?? []), gone]);
    }
  }
  const found = [...(deletedAfter.get(null) ?? [])];
  for (const cell of now) {
    found.push(diffCell(before.get(cell.id) ?? null, cell, moved.has(cell.id)), ...(deletedAfter.get(cell.id) ?? []));
  }
  return found;
}

function diffCell(old: CellRecord | null, now: CellRecord, moved: boolean): CellDiff {
  if (old === null) return { cellId: now.id, kind: "added", old, now, moved: false, fields: ["source"] };
  const fields = FIELDS.filter((field) => !same(old[field], now[field]));
  return { cellId: now.id, kind: fields.length > 0 || moved ? "changed" : "same", old, now, moved, fields };
}

function movedCells(old: readonly CellRecord[], now: readonly CellRecord[]): Set<string> {
  const place = new Map(now.map((cell, index) => [cell.id, { index, position: cell.position }]));
  const common = old.flatMap(({ id, position }) => {
    const there = place.get(id);
    return there === undefined ? [] : [{ id, index: there.index, written: there.position !== position }];
  });
  if (!common.some(({ written }) => written)) return new Set();
  // The heaviest series in order; one whose position was not written weighs more than all others together.
  const best = new HeaviestUpTo(now.length);
  const steps: Step[] = [];
  for (const { id, index, written } of common) {
    const before = best.upTo(index);
    const step = { id, weight: (before?.weight ?? 0) + (written ? 1 : common.length + 1), before };
    best.raise(index, step);
    steps.push(step);
  }
  const moved = new Set(common.map(({ id }) => id));
  let at: Step | null = steps.reduce((top, step) => (step.weight > top.weight ? step : top));
  for (; at !== null; at = at.before) moved.delete(at.id);
  return moved;
}

/** A cell that stays where it is, and the one before it that does. */
interface Step {
  readonly id: string;
  readonly weight: number;
  readonly before: Step | null;
}

/** The heaviest step at any place before one: a Fenwick tree of prefix maxima. */
class HeaviestUpTo {
  readonly #tree: (Step | null)[];

  constructor(places: number) {
    this.#tree = new Array<Step | null>(places + 1).fill(null);
  }

  upTo(end: number): Step | null {
    let found: Step | null = null;
    for (; end > 0; end -= end & -end) {
      const step = this.#tree[end] as Step | null;
      if (step !== null && step.weight > (found?.weight ?? 0)) found = step;
    }
    return found;
  }

  raise(index: number, step: Step): void {
    for (let at = index + 1; at < this.#tree.length; at += at & -at) {
      if (step.weight > ((this.#tree[at] as Step | null)?.weight ?? 0)) this.#tree[at] = step;
    }
  }
}
