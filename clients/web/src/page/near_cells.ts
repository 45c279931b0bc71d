// Which cells are near the screen. Cells stand one below the other, so a few looks at where some of them are tell it for
// thousands: an IntersectionObserver on each costs 20 ms of every frame in which a key is typed.
//
// Owns the order it was given and which of them it has called near. It looks once a frame, if something moved.

import { firstWhere } from "../core/near.ts";

const NEAR = 1000; // pixels beyond the screen; at ordinary speed a cell is made before it shows
const FAR = 3000; // what went further than this is far again

export interface NearCell {
  readonly element: HTMLElement;
  setNear(isNear: boolean): void;
}

export class NearCells {
  #cells: readonly NearCell[] = [];
  #near = new Set<NearCell>();
  #looks = false;

  constructor(list: HTMLElement) {
    addEventListener("scroll", () => this.#later(), { passive: true, capture: true });
    addEventListener("resize", () => this.#later());
    new ResizeObserver(() => this.#later()).observe(list);
  }

  /** These are the cells now, in this order. */
  arranged(cells: readonly NearCell[]): void {
    this.#cells = cells;
    const here = new Set(cells);
    for (const cell of this.#near) if (!here.has(cell)) this.#near.delete(cell);
    this.#later();
  }

  #later(): void {
    if (this.#looks) return;
    this.#looks = true;
    requestAnimationFrame(() => {
      this.#looks = false;
      this.#look();
    });
  }

  #look(): void {
    const cells = this.#cells;
    const range = (margin: number) => {
      const first = firstWhere(cells.length, (index) => bottom(cells[index]) > -margin);
      return [first, firstWhere(cells.length, (index) => top(cells[index]) > innerHeight + margin)] as const;
    };
    const come = cells.slice(...range(NEAR)).filter((cell) => !this.#near.has(cell));
    const stay = new Set(cells.slice(...range(FAR)));
    for (const cell of this.#near.difference(stay)) {
      this.#near.delete(cell);
      cell.setNear(false);
    }
    for (const cell of come) {
      this.#near.add(cell);
      cell.setNear(true);
    }
  }
}

const top = (cell: NearCell | undefined) => cell?.element.getBoundingClientRect().top ?? 0;
const bottom = (cell: NearCell | undefined) => cell?.element.getBoundingClientRect().bottom ?? 0;
