// The order of cells, and where one fits. The port of notebook_doc/cell_order.py. Pure; writes nothing itself.

import { evenly, isPosition } from "./position.ts";

/** Sorts after every real position: the place of cells whose own cannot be read. */
export const UNREADABLE = "\uffff";

export interface Place {
  readonly id: string;
  readonly position: string;
}

export interface Placement {
  /** One for each cell that is to come, ascending. */
  readonly positions: readonly string[];
  /** Cells that have to be given a new position first: [id, position]. */
  readonly others: readonly (readonly [string, string])[];
}

export function readable(position: unknown): string {
  return isPosition(position) ? position : UNREADABLE;
}

/** By position, then id, both compared as code units, which for these strings is how Python compares them. */
export function inOrder<P extends Place>(places: Iterable<P>): P[] {
  const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return [...places].sort((a, b) => compare(a.position, b.position) || compare(a.id, b.id));
}

/** The positions for `count` cells that are to stand at `index` among `places`, which are in order. */
export function placeAt(places: readonly Place[], index: number, count = 1): Placement {
  const left = places[index - 1]?.position ?? null;
  const right = places[index]?.position ?? null;
  if (left === UNREADABLE) return settled(places, index, count);
  if (left !== null && left === right) return spread(places, left, index, count);
  return { positions: evenly(count, left, right === UNREADABLE ? null : right), others: [] };
}

function spread(places: readonly Place[], left: string, index: number, count: number): Placement {
  let end = index;
  while (places[end]?.position === left) end++;
  const right = places[end]?.position ?? UNREADABLE;
  const fresh = evenly(end - index + count, left, right === UNREADABLE ? null : right);
  const positions = fresh.splice(0, count);
  return { positions, others: places.slice(index, end).map(({ id }, i) => [id, fresh[i] as string]) };
}

function settled(places: readonly Place[], index: number, count: number): Placement {
  const first = places.findIndex(({ position }) => position === UNREADABLE);
  const fresh = evenly(places.length - first + count, places[first - 1]?.position ?? null);
  const positions = fresh.splice(index - first, count);
  return { positions, others: places.slice(first).map(({ id }, i) => [id, fresh[i] as string]) };
}
