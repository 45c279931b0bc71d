// Where in the notebook a screen is: the cell in its middle, and how far down in that cell the middle is.
//
// Told in cells, not pixels, so that it means the same on a screen of another size.

import type { CellList } from "./cell_list.ts";

export interface ViewPlace {
  readonly cell_id: string;
  /** 0 is the cell's top, 1 its bottom. */
  readonly fraction: number;
}

export function readViewPlace(value: unknown): ViewPlace | null {
  const { cell_id, fraction } = (value ?? {}) as Record<string, unknown>;
  return typeof cell_id === "string" && typeof fraction === "number" ? { cell_id, fraction: Math.min(1, Math.max(0, fraction)) } : null;
}

const CLOSE = 4; // pixels that are not worth scrolling

/** Where this screen is; null in an empty notebook. */
export function viewPlace(cells: CellList): ViewPlace | null {
  const box = cells.element.getBoundingClientRect();
  const middle = Math.min(Math.max(innerHeight / 2, box.top + 1), box.bottom - 1);
  const found = document.elementsFromPoint(box.left + box.width / 2, Math.min(innerHeight - 1, Math.max(0, middle)));
  const cell = found.map((element) => element.closest<HTMLElement>(".cell")).find((each) => each !== null);
  const id = cell?.dataset["cell"];
  if (cell === null || cell === undefined || id === undefined) return null;
  const { top, height } = cell.getBoundingClientRect();
  return { cell_id: id, fraction: height === 0 ? 0 : (innerHeight / 2 - top) / height };
}

/** Scroll so that this screen is there, too; whether the cell is here. */
export function goToViewPlace(cells: CellList, { cell_id, fraction }: ViewPlace): boolean {
  const cell = cells.get(cell_id)?.element;
  if (cell === undefined) return false;
  const { top, height } = cell.getBoundingClientRect();
  const by = top + fraction * height - innerHeight / 2;
  if (Math.abs(by) > CLOSE) scrollBy({ top: by, behavior: "smooth" });
  return true;
}
