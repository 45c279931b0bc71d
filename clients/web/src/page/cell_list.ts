// The cells on the page, in the document's order.
//
// Owns the cells' views: it makes one for each cell, puts it away when the cell is gone, and moves as few as possible, so
// that nobody's focus or scroll position jumps. A view's editor is made when the cell comes near the screen.

import type { Notebook } from "../core/notebook.ts";
import { Signal } from "../core/signal.ts";
import { type CellActions, CellView } from "./cell_view.ts";
import { h } from "./dom.ts";

const NEAR = "900px";

export class CellList {
  readonly element = h("main", { class: "cells", "aria-label": "Notebook" });
  readonly #views = new Map<string, CellView>();
  readonly #near: IntersectionObserver;
  readonly #make: (cellId: string) => CellView;
  /** A cell came; its view is made. */
  readonly added = new Signal<CellView>();
  /** A cell went; its view is no more. */
  readonly removed = new Signal<string>();

  constructor(notebook: Notebook, actions: CellActions, mayEdit: () => boolean) {
    this.#make = (cellId) => new CellView(notebook, cellId, actions, mayEdit());
    this.#near = new IntersectionObserver((entries) => this.#approach(entries), { rootMargin: NEAR });
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
      this.#near.unobserve(view.element);
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
        this.#near.observe(view.element);
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
  }

  #approach(entries: IntersectionObserverEntry[]): void {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      this.#views.get((target as HTMLElement).dataset["cell"] ?? "")?.mount();
      this.#near.unobserve(target);
    }
  }
}

/** Put an element somewhere else without losing its state, where the browser can do that. */
function place(parent: HTMLElement, element: Element, before: Element | null): void {
  const { moveBefore } = parent as { moveBefore?: (node: Node, before: Node | null) => void };
  if (moveBefore !== undefined && element.isConnected) moveBefore.call(parent, element, before);
  else parent.insertBefore(element, before);
}
