// Cutting, copying and pasting cells: by Jupyter's keys, and by the browser's own copy and paste, which other programs see.

import type { NewCell } from "../../core/notebook.ts";
import { CELLS_TYPE, hasCells, keepCells, keptCells, readCells, textOf } from "../cell_clipboard.ts";
import { placeOf, removeSelected } from "../cell_deeds.ts";
import type { Command } from "../commands.ts";
import type { Page } from "../page.ts";

export function clipboard(page: Page): void {
  const { cells, commands, notebook, selection, structure, toasts } = page;

  const chosen = () => page.sections.withFolded(selection.ids);
  const copy = (isCut: boolean) => {
    const records = chosen().flatMap((id) => notebook.record(id) ?? []);
    return keepCells(records.map(({ id, type, source, metadata, attachments }) => ({ id: isCut ? id : undefined, type, source, metadata, attachments })));
  };
  const copyByKey = (isCut: boolean) => void navigator.clipboard?.writeText(copy(isCut).text).catch(() => {}); // a courtesy to other programs
  const cut = () => removeSelected(page, "cut");
  const paste = (edge: "first" | "last", pasted: readonly NewCell[] = keptCells()) => {
    if (pasted.length === 0) return;
    const ids = structure.insert(placeOf(page, edge), pasted, pasted.length === 1 ? "the pasted cell" : "the pasted cells");
    selection.chooseAll(ids);
    cells.get(ids[0] ?? null)?.element.scrollIntoView({ block: "nearest" });
  };

  const command = (id: string, title: string, keys: string[], run: () => void, more: Partial<Command> = {}): Command => {
    const edit = () => page.mayEdit() && run();
    return { id: `cell.${id}`, title, group: "Cells", keys, when: () => selection.active !== null, run: edit, cellMenu: 2, ...more };
  };
  commands.add(
    command("cut", "Cut cells", ["x"], () => (copyByKey(true), cut())),
    command("copy", "Copy cells", ["c"], () => copyByKey(false), { run: () => copyByKey(false) }),
    command("paste", "Paste cells below", ["v"], () => paste("last"), { when: hasCells }),
    command("paste-above", "Paste cells above", ["Shift+v"], () => paste("first"), { when: hasCells }),
    command("duplicate", "Duplicate cells", [], () => paste("last", chosen().flatMap((id) => notebook.record(id) ?? []))),
  );

  /** Whether the browser's own commands are meant for cells: these have the focus. */
  const isForCells = () => {
    const focused = document.activeElement;
    const isCell = focused === document.body || focused?.classList.contains("cell") === true;
    return isCell && selection.active !== null && cells.element.checkVisibility();
  };
  /** Whether text is selected on the page; what was selected in an editor that was left is not meant. */
  const isTextSelected = () => {
    const { isCollapsed = true, anchorNode = null } = getSelection() ?? {};
    return !isCollapsed && anchorNode?.parentElement?.closest(".cm-editor") === null;
  };
  const take = (event: ClipboardEvent) => {
    if (!isForCells() || isTextSelected() || event.clipboardData === null) return;
    if (event.type === "cut" && !page.mayEdit()) return;
    event.preventDefault();
    const { json, text } = copy(event.type === "cut");
    event.clipboardData.setData("text/plain", text);
    event.clipboardData.setData(CELLS_TYPE, json);
    if (event.type === "cut") cut();
    else toasts.say(chosen().length === 1 ? "Cell copied." : `${chosen().length} cells copied.`);
  };
  document.addEventListener("copy", take);
  document.addEventListener("cut", take);
  document.addEventListener("paste", (event) => {
    if (!isForCells() || event.clipboardData === null || !page.mayEdit()) return;
    const text = event.clipboardData.getData("text/plain");
    const given = readCells(event.clipboardData.getData(CELLS_TYPE));
    const kept = keptCells();
    const pasted = given.length > 0 ? given : textOf(kept) === text ? kept : text.trim() === "" ? [] : [{ type: "code" as const, source: text }];
    if (pasted.length === 0) return;
    event.preventDefault();
    paste("last", pasted);
  });
}
