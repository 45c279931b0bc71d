// What several parts of the page do with cells: going to one, and what is done to the selected ones, folded sections
// included.

import { bringToView } from "./bring_to_view.ts";
import type { Page } from "./page.ts";

/** The index before the first selected cell, or after the last; the end, if nothing is selected. */
export function placeOf({ notebook, sections, selection }: Page, edge: "first" | "last"): number {
  const ids = sections.withFolded(selection.ids);
  const id = edge === "first" ? ids[0] : ids.at(-1);
  return id === undefined ? notebook.cellIds().length : notebook.cellIds().indexOf(id) + (edge === "last" ? 1 : 0);
}

/** Select a cell, if it is still here, and bring it to the middle of the screen, or its beginning to the top. */
export function goTo(page: Page, cellId: string, block: "center" | "start" = "center"): void {
  if (!page.notebook.has(cellId)) return;
  page.selection.choose(cellId);
  const view = page.cells.get(cellId);
  if (view !== undefined) bringToView(view.element, block);
}

/** Remove the selected cells, and say so; one is left to write in. */
export function removeSelected(page: Page, what: "deleted" | "cut"): void {
  const { commands, notebook, sections, selection, structure, toasts } = page;
  const ids = sections.withFolded(selection.ids);
  structure.remove(ids);
  if (notebook.cellIds().length === 0) structure.insert(0, [{ type: "code", source: "" }]);
  selection.choose(selection.active); // the focus was in a cell that is gone
  toasts.say(ids.length === 1 ? `Cell ${what}.` : `${ids.length} cells ${what}.`, { label: "Undo", press: () => commands.run("cell.undo") });
}
