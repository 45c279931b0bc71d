// How the page looks to this reader: light or dark, line numbers, folded cells.

import { button } from "../dom.ts";
import type { Page } from "../page.ts";
import { setTheme, theme, THEMES } from "../theme.ts";

const NUMBERS = "quire.line-numbers";

export function appearance(page: Page): void {
  const { bar, cells, commands, notebook, selection } = page;
  const some = () => selection.active !== null;

  const next = () => {
    const chosen = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length] ?? "system";
    setTheme(chosen);
    page.toasts.say(chosen === "system" ? "Light or dark as the system has it." : chosen === "dark" ? "Dark." : "Light.");
  };
  bar.tools.append(button("Light or dark", "theme", next));

  let numbered = localStorage.getItem(NUMBERS) === "on";
  const numberAll = (on: boolean) => {
    numbered = on;
    localStorage.setItem(NUMBERS, on ? "on" : "off");
    for (const [, view] of cells) view.editor.setNumbered(on);
  };
  const numberSome = () => {
    const views = selection.ids.flatMap((id) => cells.get(id) ?? []);
    const on = !views.every(({ editor }) => editor.isNumbered);
    for (const { editor } of views) editor.setNumbered(on);
  };
  cells.added.add(({ editor }) => editor.setNumbered(numbered));

  const fold = (key: "source_hidden" | "outputs_hidden", cellIds: () => string[]) => () => {
    const ids = cellIds().filter((id) => notebook.type(id) === "code");
    if (!page.mayEdit() || ids.length === 0) return;
    const hide = !ids.every((id) => notebook.folded(id)[key]);
    notebook.setMetadata(
      ids.flatMap((cellId) => [
        { cellId, path: ["jupyter", key], value: hide ? true : undefined },
        ...(key === "outputs_hidden" ? [{ cellId, path: ["collapsed"], value: undefined }] : []), // as older Jupyters said it
      ]),
    );
  };
  const chosen = () => selection.ids;
  const all = () => notebook.cellIds();
  const none = () => selection.choose(selection.active);
  commands.add(
    { id: "view.theme", title: "Light, dark, or as the system has it", group: "View", run: next },
    { id: "view.fold-output", title: "Fold or unfold the output", group: "View", keys: ["o"], cellMenu: 5, when: some, run: fold("outputs_hidden", chosen) },
    { id: "view.fold-input", title: "Fold or unfold the code", group: "View", keys: ["Shift+o"], cellMenu: 5, when: some, run: fold("source_hidden", chosen) },
    { id: "view.fold-all-outputs", title: "Fold or unfold all outputs", group: "View", run: fold("outputs_hidden", all) },
    { id: "view.fold-all-inputs", title: "Fold or unfold all code", group: "View", run: fold("source_hidden", all) },
    { id: "view.line-numbers", title: "Line numbers of the selected cells", group: "View", keys: ["l"], when: some, run: numberSome },
    { id: "view.all-line-numbers", title: "Line numbers of all cells", group: "View", keys: ["Shift+l"], isOn: () => numbered, run: () => numberAll(!numbered) },
    { id: "go.one", title: "Select the active cell alone", group: "Go", keys: ["Escape"], small: true, when: some, run: none },
  );
}
