// The tools over a cell that the pointer is on, and the buttons under it that insert another.

import type { CellType } from "../core/schema.ts";
import { button, h } from "./dom.ts";

/** What the tools ask for. */
export interface ToolActions {
  /** Do a command to this cell, or to the selected ones if it is one of them. */
  command(cellId: string, commandId: string): void;
  insertAfter(cellId: string, type: CellType): void;
  /** Open the cell's menu at this element. */
  menu(cellId: string, at: Element): void;
}

export const KINDS: Record<CellType, string> = { code: "Code", markdown: "Text", raw: "Raw" };

export class CellTools {
  readonly element: HTMLElement;
  readonly insert: HTMLElement;
  readonly #type: HTMLSelectElement;

  constructor(id: string, actions: ToolActions) {
    this.#type = h(
      "select",
      { "aria-label": "Cell type", change: () => actions.command(id, `cell.to-${this.#type.value}`) },
      ...Object.entries(KINDS).map(([value, name]) => h("option", { value }, name)),
    );
    const more = button("More about this cell", "more", () => actions.menu(id, more));
    more.setAttribute("aria-haspopup", "menu");
    this.element = h(
      "div",
      { class: "tools", role: "toolbar", "aria-label": "Cell" },
      this.#type,
      button("Move up", "up", () => actions.command(id, "cell.move-up"), "Alt+↑"),
      button("Move down", "down", () => actions.command(id, "cell.move-down"), "Alt+↓"),
      button("Delete cell", "remove", () => actions.command(id, "cell.delete"), "D D"),
      more,
    );
    this.insert = h(
      "div",
      { class: "insert" },
      h("button", { type: "button", click: () => actions.insertAfter(id, "code") }, "+ Code"),
      h("button", { type: "button", click: () => actions.insertAfter(id, "markdown") }, "+ Text"),
    );
  }

  setType(type: CellType): void {
    this.#type.value = type;
  }
}
