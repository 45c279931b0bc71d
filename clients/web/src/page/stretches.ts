// The cells' elements in their order, in stretches of a few dozen that the browser passes over as a whole.
//
// In each frame the browser looks at every element that it may pass over (`content-visibility: auto`), which of 1,000 cells
// costs as much as all the rest of a key. So a stretch in which no cell is near is one such element, and its cells are none.
// Owns which cell stands in which stretch. Cells are moved as few as possible, so that nobody's focus or scroll position jumps.

import { increasing } from "../core/increasing.ts";
import { h, place } from "./dom.ts";

const SIZE = 16; // cells of a new stretch; one of more than twice as many is divided

/** A cell, as far as it stands somewhere. */
export interface Standing {
  readonly element: HTMLElement;
}

export class Stretch<T extends Standing> {
  readonly element = h("div", { class: "stretch far" });
  #cells: readonly T[] = [];
  #isFar = true;

  get cells(): readonly T[] {
    return this.#cells;
  }

  set cells(cells: readonly T[]) {
    this.#cells = cells;
    this.element.style.setProperty("--cells", `${cells.length}`); // its height until it has been drawn
  }

  get isFar(): boolean {
    return this.#isFar;
  }

  set isFar(isFar: boolean) {
    if (isFar === this.#isFar) return;
    this.#isFar = isFar;
    this.element.classList.toggle("far", isFar);
  }
}

export class Stretches<T extends Standing> {
  readonly #list: HTMLElement;
  #all: readonly Stretch<T>[] = [];
  #order: readonly T[] = [];

  /** They stand in this element. */
  constructor(list: HTMLElement) {
    this.#list = list;
  }

  get all(): readonly Stretch<T>[] {
    return this.#all;
  }

  /** Have exactly these cells, in this order. The elements of those that are gone are gone already. */
  arrange(cells: readonly T[]): void {
    const placeBefore = new Map(this.#order.map((cell, index) => [cell, index]));
    const mayStay = increasing(cells.map((cell) => placeBefore.get(cell) ?? -1));
    const stays = new Set(cells.filter((_, index) => mayStay[index]));
    const before = this.#all;
    this.#order = cells;
    this.#all = this.#divided(cells, stays);
    let last: Element | null = null;
    for (const stretch of this.#all) last = this.#put(this.#list, stretch.element, last);
    for (const { element, cells: its } of this.#all) {
      let above: Element | null = null;
      for (const cell of its) {
        const isThere = stays.has(cell) && cell.element.parentElement === element;
        above = isThere ? cell.element : this.#put(element, cell.element, above);
      }
    }
    const still = new Set(this.#all);
    for (const stretch of before) if (!still.has(stretch)) stretch.element.remove();
  }

  /** The stretches with their cells: who stays, stays in its own; the others join the one above them. */
  #divided(cells: readonly T[], stays: ReadonlySet<T>): Stretch<T>[] {
    const own = new Map(this.#all.flatMap((stretch) => stretch.cells.map((cell) => [cell, stretch])));
    const its = new Map<Stretch<T>, T[]>(this.#all.map((stretch) => [stretch, []]));
    let current = this.#all[0] ?? new Stretch<T>();
    if (this.#all.length === 0) its.set(current, []);
    for (const cell of cells) {
      if (stays.has(cell)) current = own.get(cell) ?? current;
      its.get(current)?.push(cell);
    }
    return [...its].flatMap(([stretch, all]) => {
      const size = all.length > 2 * SIZE ? SIZE : Math.max(all.length, 1);
      return Array.from({ length: Math.ceil(all.length / size) }, (_, index) => {
        const one = index === 0 ? stretch : new Stretch<T>();
        one.cells = all.slice(index * size, (index + 1) * size);
        return one;
      });
    });
  }

  #put(parent: HTMLElement, element: HTMLElement, after: Element | null): Element {
    const next = after === null ? parent.firstElementChild : after.nextElementSibling;
    if (next !== element) place(parent, element, next);
    return element;
  }
}
