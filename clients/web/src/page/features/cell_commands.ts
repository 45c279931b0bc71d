// What can be done to cells: add, delete, move, split, merge, retype; and taking that back. Copying is in clipboard.ts.

import type { CellType } from "../../core/schema.ts";
import { placeOf, removeSelected } from "../cell_deeds.ts";
import type { Command } from "../commands.ts";
import type { Page } from "../page.ts";

export function cellCommands(page: Page): void {
  const { commands, notebook, sections, selection, structure, toasts } = page;

  const some = () => selection.active !== null;
  const cell = (id: string, title: string, keys: string[], run: () => void, more: Partial<Command> = {}): Command => {
    const edit = () => page.mayEdit() && run();
    return { id: `cell.${id}`, title, group: "Cells", keys, when: some, run: edit, ...more };
  };
  const insert = (index: number, type: CellType = "code") => {
    const [id] = structure.insert(index, [{ type, source: "" }]);
    selection.choose(id ?? null);
  };
  const move = (by: -1 | 1) => {
    const ids = sections.withFolded(selection.ids);
    const moving = new Set(ids);
    const order = notebook.cellIds();
    const others = order.filter((id) => !moving.has(id));
    const first = ids[0] as string;
    const above = sections.visible[sections.visible.indexOf(first) - 1];
    const below = order[order.indexOf(ids.at(-1) as string) + 1];
    const asSection = sections.heading(first)?.folded === true; // it passes whole sections, or it would take cells of theirs in
    const end = (id: string) => (asSection ? sections.section(id).at(-1) ?? id : sections.withFolded([id]).at(-1));
    const beside = by === 1 ? below && end(below) : asSection ? sections.sectionBefore(first) ?? above : above;
    if (beside === undefined) return;
    structure.move(ids, others.indexOf(beside) + (by === 1 ? 1 : 0));
    page.cells.get(selection.active)?.element.scrollIntoView({ block: "nearest" });
  };
  const merge = (ids: readonly string[]) => {
    structure.merge(ids);
    selection.choose(ids[0] ?? null);
  };
  const mergeSelected = () => {
    const ids = selection.ids;
    const below = notebook.cellIds()[notebook.cellIds().indexOf(ids.at(-1) as string) + 1];
    if (ids.length === 1 && below !== undefined) ids.push(below);
    if (ids.length > 1) merge(ids);
  };
  const split = () => {
    const id = selection.active as string;
    const editor = page.cells.get(id)?.editor.view;
    if (editor === null || editor === undefined) return;
    const made = structure.split(id, editor.state.selection.main.head);
    if (made === null) return;
    selection.choose(made, "edit");
    page.cells.get(made)?.editor.view?.dispatch({ selection: { anchor: 0 } });
  };
  const back = (step: () => string | null, done: string, nothing: string) => {
    const before = new Set(notebook.cellIds());
    const what = step();
    const returned = notebook.cellIds().filter((id) => !before.has(id));
    if (returned.length > 0) selection.chooseAll(returned);
    toasts.say(what === null ? nothing : `${done} ${what}.`);
  };
  const types: [CellType, string, string][] = [["code", "y", "code"], ["markdown", "m", "text"], ["raw", "r", "raw text"]];

  commands.add(
    cell("above", "Insert a cell above", ["a"], () => insert(placeOf(page, "first")), { cellMenu: 1, when: () => true }),
    cell("below", "Insert a cell below", ["b"], () => insert(placeOf(page, "last")), { cellMenu: 1, when: () => true }),
    cell("delete", "Delete cells", ["d d"], () => removeSelected(page, "deleted"), { cellMenu: 2 }),
    cell("move-up", "Move cells up", ["Alt+ArrowUp", "Ctrl+Shift+ArrowUp"], () => move(-1), { cellMenu: 3 }),
    cell("move-down", "Move cells down", ["Alt+ArrowDown", "Ctrl+Shift+ArrowDown"], () => move(1), { cellMenu: 3 }),
    cell("split", "Split the cell at the cursor", ["Ctrl+_"], split, { where: "cell", when: () => selection.isEditing }),
    cell("merge", "Merge cells", ["Shift+m"], mergeSelected, { cellMenu: 3 }),
    ...types.map(([type, key, name]) => cell(`to-${type}`, `Make it ${name}`, [key], () => structure.setType(selection.ids, type), { cellMenu: 4 })),
    ...[1, 2, 3, 4, 5, 6].map((level) => cell(`heading-${level}`, `Make it a heading of level ${level}`, [`${level}`], () => structure.setHeading(selection.ids, level))),
    cell("undo", "Undo what was done to cells", ["z", "Ctrl+z"], () => back(() => structure.undo(), "Undone:", "Nothing of yours to undo."), { when: () => true }),
    cell("redo", "Do to cells again what was undone", ["Shift+z", "Ctrl+Shift+z"], () => back(() => structure.redo(), "Done again:", "Nothing to do again."), { when: () => true }),
  );
}
