// Which cells are near the screen. Cells stand one below the other, so a few looks at where some of them are tell it for
// thousands: an IntersectionObserver on each costs 20 ms of every frame in which a key is typed.
//
// Owns the stretches it was given, which of them are near, and which cells of those. It looks once a frame, if something
// moved. At cells of far stretches it never looks: asking where such a cell is has the browser lay out its stretch.

import { firstWhere } from "../core/near.ts";
import type { Standing, Stretch } from "./stretches.ts";

const NEAR = 1000; // pixels beyond the screen; at ordinary speed a cell is made before it shows
const FAR = 3000; // what went further than this is far again

export interface NearCell extends Standing {
  /** It comes near in a moment: do now what looks at the page, and nothing that changes it. */
  prepare(): void;
  setNear(isNear: boolean): void;
}

export class NearCells {
  readonly #list: HTMLElement;
  #stretches: readonly Stretch<NearCell>[] = [];
  #near = new Set<NearCell>();
  #looks = false;

  constructor(list: HTMLElement) {
    this.#list = list;
    addEventListener("scroll", () => this.#later(), { passive: true, capture: true });
    addEventListener("resize", () => this.#later());
    new ResizeObserver(() => this.#later()).observe(list);
  }

  /** These are the cells now, in this order. */
  arranged(stretches: readonly Stretch<NearCell>[]): void {
    this.#stretches = stretches;
    const here = new Set(stretches.flatMap(({ cells }) => cells));
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
    if (!this.#list.checkVisibility()) return; // while the past is shown in their place no cell is anywhere
    const [near, notFar] = [within(this.#stretches, NEAR), new Set(within(this.#stretches, FAR))];
    for (const stretch of this.#stretches) stretch.isFar ||= !notFar.has(stretch);
    for (const stretch of near) stretch.isFar = false;
    const cells = this.#stretches.filter(({ isFar }) => !isFar).flatMap((stretch) => stretch.cells).filter((cell) => !cell.element.hidden);
    const come = within(cells, NEAR).filter((cell) => !this.#near.has(cell));
    for (const cell of come) cell.prepare(); // while nothing has changed since the looks above, looking costs nothing
    for (const cell of this.#near.difference(new Set(within(cells, FAR)))) {
      this.#near.delete(cell);
      cell.setNear(false);
    }
    for (const cell of come) {
      this.#near.add(cell);
      cell.setNear(true);
    }
  }
}

/** Those of a column that are on the screen, or not further from it than this. */
function within<T extends Standing>(column: readonly T[], pixels: number): T[] {
  const box = (index: number) => (column[index] as T).element.getBoundingClientRect();
  const first = firstWhere(column.length, (index) => box(index).bottom > -pixels);
  const end = firstWhere(column.length, (index) => box(index).top > innerHeight + pixels);
  return column.slice(first, end);
}
