// The order of cells, and where one fits. The port of notebook_doc/cell_order.py. Pure; writes nothing itself.

import { between, evenly, isPosition } from "./position.ts";

/** Sorts after every real position: the place of cells whose own cannot be read. */
export const UNREADABLE = "\uffff";

export interface Place {
  readonly id: string;
  readonly position: string;
}

export interface Placement {
  readonly position: string;
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

/** The position for a cell that is to stand at `index` among `places`, which are in order. */
export function placeAt(places: readonly Place[], index: number): Placement {
  const left = places[index - 1]?.position ?? null;
  const right = places[index]?.position ?? null;
  if (left === UNREADABLE) return settled(places, index);
  if (left !== null && left === right) return spread(places, left, index);
  return { position: between(left, right === UNREADABLE ? null : right), others: [] };
}

function spread(places: readonly Place[], left: string, index: number): Placement {
  let end = index;
  while (places[end]?.position === left) end++;
  const right = places[end]?.position ?? UNREADABLE;
  const [own, ...rest] = evenly(end - index + 1, left, right === UNREADABLE ? null : right);
  return { position: own as string, others: places.slice(index, end).map(({ id }, i) => [id, rest[i] as string]) };
}

function settled(places: readonly Place[], index: number): Placement {
  const first = places.findIndex(({ position }) => position === UNREADABLE);
  const fresh = evenly(places.length - first + 1, places[first - 1]?.position ?? null);
  const [own] = fresh.splice(index - first, 1);
  return { position: own as string, others: places.slice(first).map(({ id }, i) => [id, fresh[i] as string]) };
}
