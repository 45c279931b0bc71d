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
  const metadata = (plain(root.metadata ?? {}) ?? {}) as Record<string, unknown>;
  return { cells: places.flatMap(({ id }) => recordOf(id, byId.get(id)) ?? []), metadata };
}

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
  const best = common.map(({ written }) => ({ weight: written ? 1 : common.length + 1, from: -1 }));
  for (let i = 0; i < common.length; i++) {
    const own = (best[i] as { weight: number }).weight;
    for (let j = 0; j < i; j++) {
      const reached = (best[j] as { weight: number }).weight + own;
      if ((common[j] as { index: number }).index < (common[i] as { index: number }).index && reached > (best[i] as { weight: number }).weight) {
        best[i] = { weight: reached, from: j };
      }
    }
  }
  const moved = new Set(common.map(({ id }) => id));
  let at = best.reduce((top, { weight }, i) => (weight > (best[top] as { weight: number }).weight ? i : top), 0);
  for (; at >= 0; at = (best[at] as { from: number }).from) moved.delete((common[at] as { id: string }).id);
  return moved;
}
