// What can be done to cells: add, delete, move, split, merge, retype, cut, copy and paste; and taking that back.

import type { NewCell } from "../../core/notebook.ts";
import type { CellType } from "../../core/schema.ts";
import type { Command } from "../commands.ts";
import type { Page } from "../page.ts";

export function cellCommands(page: Page): void {
  const { commands, notebook, selection, structure, toasts } = page;
  let clipboard: readonly NewCell[] = [];

  const some = () => selection.active !== null;
  const cell = (id: string, title: string, keys: string[], run: () => void, more: Partial<Command> = {}): Command => {
    const edit = () => page.mayEdit() && run();
    return { id: `cell.${id}`, title, group: "Cells", keys, when: some, run: edit, ...more };
  };
  const undoable = (text: string) => toasts.say(text, { label: "Undo", press: () => commands.run("cell.undo") });
  const places = () => notebook.cellIds().length;
  const placeOf = (edge: "first" | "last"): number => {
    const id = edge === "first" ? selection.ids[0] : selection.ids.at(-1);
    return id === undefined ? places() : notebook.cellIds().indexOf(id) + (edge === "last" ? 1 : 0);
  };
  const insert = (index: number, type: CellType = "code") => {
    const [id] = structure.insert(index, [{ type, source: "" }]);
    selection.choose(id ?? null);
  };
  const remove = (what: string) => {
    const ids = selection.ids;
    structure.remove(ids);
    if (places() === 0) structure.insert(0, [{ type: "code", source: "" }]);
    undoable(ids.length === 1 ? `Cell ${what}.` : `${ids.length} cells ${what}.`);
  };
  const copy = () => {
    const records = selection.ids.flatMap((id) => notebook.record(id) ?? []);
    clipboard = records.map(({ type, source, metadata, attachments }) => ({ type, source, metadata, attachments }));
    void navigator.clipboard?.writeText(records.map(({ source }) => source).join("\n\n")).catch(() => {}); // a courtesy
  };
  const paste = (index: number) => {
    const ids = structure.insert(index, clipboard, clipboard.length === 1 ? "the pasted cell" : "the pasted cells");
    selection.chooseAll(ids);
  };
  const move = (by: -1 | 1) => {
    const ids = selection.ids;
    const order = notebook.cellIds();
    const first = order.indexOf(ids[0] as string);
    const last = order.indexOf(ids.at(-1) as string);
    const others = order.filter((id) => !selection.has(id));
    const beside = by === -1 ? order[first - 1] : order[last + 1];
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
    cell("above", "Insert a cell above", ["a"], () => insert(placeOf("first")), { cellMenu: 1, when: () => true }),
    cell("below", "Insert a cell below", ["b"], () => insert(placeOf("last")), { cellMenu: 1, when: () => true }),
    cell("cut", "Cut cells", ["x"], () => (copy(), remove("cut")), { cellMenu: 2 }),
    cell("copy", "Copy cells", ["c"], copy, { cellMenu: 2, run: copy }),
    cell("paste", "Paste cells below", ["v"], () => paste(placeOf("last")), { cellMenu: 2, when: () => clipboard.length > 0 }),
    cell("paste-above", "Paste cells above", ["Shift+v"], () => paste(placeOf("first")), { when: () => clipboard.length > 0 }),
    cell("duplicate", "Duplicate cells", [], () => (copy(), paste(placeOf("last"))), { cellMenu: 2 }),
    cell("delete", "Delete cells", ["d d"], () => remove("deleted"), { cellMenu: 2 }),
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
