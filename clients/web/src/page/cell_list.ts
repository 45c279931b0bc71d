// The cells on the page, in the document's order.
//
// Owns the cells' views: it makes one for each cell, puts it away when the cell is gone, and moves as few as possible, so
// that nobody's focus or scroll position jumps. Of a cell far from the screen (near_cells.ts) the source and outputs that are
// text are on the page, at their height, where searching the page, the focus and screen readers find them; what costs
// more, its editor, its tools, frames and pictures, is made when it comes near. The browser passes over far cells when it
// lays out and paints (the class `far`), which it could not do for near ones: their tools and tips reach beyond them.

import type { Notebook } from "../core/notebook.ts";
import { Signal } from "../core/signal.ts";
import { type CellActions, CellView } from "./cell_view.ts";
import { h } from "./dom.ts";
import { NearCells } from "./near_cells.ts";

export class CellList {
  readonly element = h("main", { class: "cells", "aria-label": "Notebook" });
  readonly #views = new Map<string, CellView>();
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

  /** Have exactly these cells on the page, in this order. */
  arrange(ids: readonly string[]): void {
    const here = new Set(ids);
    for (const [id, view] of this.#views) {
      if (here.has(id)) continue;
      view.destroy();
      this.#views.delete(id);
      this.removed.emit(id);
    }
    const fresh: CellView[] = [];
    let at = this.element.firstElementChild;
    for (const [index, id] of ids.entries()) {
      let view = this.#views.get(id);
      if (view === undefined) {
        view = this.#make(id);
        this.#views.set(id, view);
        fresh.push(view);
      }
      if (view.element === at) at = at.nextElementSibling;
      else if (at !== null && at.nextElementSibling === view.element && index > 0) {
        const stray = at; // one that was moved down: put it away instead of moving all that it passed
        at = view.element.nextElementSibling;
        place(this.element, stray, null);
        at ??= stray;
      } else place(this.element, view.element, at);
    }
    for (const view of fresh) this.added.emit(view);
    this.#near.arranged(ids.map((id) => this.#views.get(id) as CellView));
  }
}

/** Put an element somewhere else without losing its state, where the browser can do that. */
function place(parent: HTMLElement, element: Element, before: Element | null): void {
  const { moveBefore } = parent as { moveBefore?: (node: Node, before: Node | null) => void };
  if (moveBefore !== undefined && element.isConnected) moveBefore.call(parent, element, before);
  else parent.insertBefore(element, before);
}
