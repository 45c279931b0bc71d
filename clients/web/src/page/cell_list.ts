// The cells on the page, in the document's order.
//
// Owns the cells' views: it makes one for each cell and puts it away when the cell is gone. Of a cell far from the screen
// (near_cells.ts) the source and outputs that are text are on the page, at their height, where searching the page, the focus
// and screen readers find them; what costs more, its editor, its tools, frames and pictures, is made when it comes near. The
// browser passes over what is far when it lays out and paints (the class `far`; stretches.ts), which it could not do for near
// cells: their tools and tips reach beyond them.

import type { Notebook } from "../core/notebook.ts";
import { Signal } from "../core/signal.ts";
import { type CellActions, CellView } from "./cell_view.ts";
import { h } from "./dom.ts";
import { NearCells } from "./near_cells.ts";
import { Stretches } from "./stretches.ts";

export class CellList {
  readonly element = h("main", { class: "cells", "aria-label": "Notebook" });
  readonly #views = new Map<string, CellView>();
  readonly #stretches = new Stretches<CellView>(this.element);
  readonly #near: NearCells;
  readonly #make: (cellId: string) => CellView;
  /** A cell came; its view is made. */
  readonly added = new Signal<CellView>();
  /** A cell went; its view is no more. */
  readonly removed = new Signal<string>();

  constructor(notebook: Notebook, actions: CellActions, mayEdit: () => boolean) {
    this.#make = (cellId) => new CellView(notebook, cellId, actions, mayEdit());
    this.#near = new NearCells(this.element);
  }

  get(cellId: string | null): CellView | undefined {
    return cellId === null ? undefined : this.#views.get(cellId);
  }

  [Symbol.iterator](): IterableIterator<[string, CellView]> {
    return this.#views.entries();
  }

  /** Have exactly these cells on the page, in this order, those that are folded away out of sight. */
  arrange(ids: readonly string[], isFolded: (cellId: string) => boolean): void {
    const here = new Set(ids);
    for (const [id, view] of this.#views) {
      if (here.has(id)) continue;
      view.destroy();
      this.#views.delete(id);
      this.removed.emit(id);
    }
    const fresh: CellView[] = [];
    const views = ids.map((id) => {
      const known = this.#views.get(id);
      if (known !== undefined) return known;
      const view = this.#make(id);
      this.#views.set(id, view);
      fresh.push(view);
      return view;
    });
    this.#stretches.arrange(views);
    for (const view of fresh) this.added.emit(view);
    this.fold(isFolded);
  }

  /** Other cells are folded away. */
  fold(isFolded: (cellId: string) => boolean): void {
    for (const [id, view] of this.#views) view.setHidden(isFolded(id));
    for (const { element, cells } of this.#stretches.all) element.hidden = cells.every((cell) => cell.element.hidden);
    this.#near.arranged(this.#stretches.all.filter(({ element }) => !element.hidden)); // what is hidden is nowhere
  }
}
