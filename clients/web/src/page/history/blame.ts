// Who wrote what of a cell, below it: its source in the colours of its authors, with a legend. Follows the cell's edits.

import type { Author } from "../../core/history/authors.ts";
import type { History } from "../../core/history/history.ts";
import { button, h } from "../dom.ts";
import type { Page } from "../page.ts";
import { colours } from "../colours.ts";
import { authorChip, said } from "../people_text.ts";

const REDRAW_AFTER = 400; // milliseconds without an edit

export class Blame {
  readonly #page: Page;
  readonly #past: History;
  readonly #ask: () => Promise<void>;
  readonly #shown = new Map<string, HTMLElement>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(page: Page, past: History, ask: () => Promise<void>) {
    this.#page = page;
    this.#past = past;
    this.#ask = ask;
    page.cells.removed.add((cellId) => this.#shown.delete(cellId));
    page.edited.add((events) => {
      if (this.#shown.size === 0 || !events.some((event) => "cellId" in event && this.#shown.has(event.cellId))) return;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#redraw(), REDRAW_AFTER);
    });
  }

  isOn(cellId: string): boolean {
    return this.#shown.has(cellId);
  }

  toggle(cellId: string): void {
    const shown = this.#shown.get(cellId);
    if (shown !== undefined) {
      shown.remove();
      this.#shown.delete(cellId);
      return;
    }
    const view = this.#page.cells.get(cellId);
    if (view === undefined) return;
    const element = h("div", { class: "blame", role: "region", "aria-label": "Who wrote what of this cell" });
    view.under.append(element);
    this.#shown.set(cellId, element);
    this.#draw(cellId, element);
    void this.#ask().then(() => this.#redraw());
  }

  #redraw(): void {
    for (const [cellId, element] of this.#shown) this.#draw(cellId, element);
  }

  #draw(cellId: string, element: HTMLElement): void {
    const source = this.#page.notebook.source(cellId);
    const pieces = this.#past.blame(cellId);
    const authors = new Map<string, Author>(pieces.map(({ by }) => [`${by.author.kind} ${by.author.name}`, by.author]));
    const text = pieces.map(({ from, to, by }) => {
      const title = `${by.author.name}, ${said(by.time)}${by.brought ? " (written offline before)" : ""}`;
      return h("span", { class: `piece ${by.author.kind} ${colours.of(by.author)}`, title }, source.slice(from, to));
    });
    const close = button("Hide who wrote what", "close", () => this.toggle(cellId));
    const nothing = pieces.length === 0 ? [h("span", { class: "quiet" }, "The cell is empty.")] : [];
    element.replaceChildren(
      h("header", {}, ...[...authors.values()].flatMap((author) => [authorChip(author), " "]), close),
      h("pre", {}, ...text, ...nothing),
    );
  }
}
