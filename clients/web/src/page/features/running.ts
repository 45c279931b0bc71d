// Running cells, stopping what runs, and writing the file.

import type { RequestBody } from "../../core/messages.ts";
import type { Command } from "../commands.ts";
import type { Page } from "../page.ts";

export function running(page: Page): void {
  const { cells, commands, executions, notebook, requests, sections, selection, structure } = page;
  const some = () => selection.active !== null;
  const always = { when: () => true };

  const runSelected = () => {
    const ids = sections.withFolded(selection.ids);
    const code = ids.filter((id) => notebook.type(id) === "code");
    if (code.length > 0) requests.ask({ method: "execute", cell_ids: code }, code.length === 1 ? "run the cell" : "run the cells");
    for (const id of ids) cells.get(id)?.render();
    return ids.at(-1) as string;
  };
  const insertBelow = (cellId: string) => {
    if (!page.mayEdit()) return;
    const [id] = structure.insert(notebook.cellIds().indexOf(sections.withFolded([cellId]).at(-1) as string) + 1, [{ type: "code", source: "" }]);
    selection.choose(id ?? null, "edit");
  };
  const stay = () => selection.choose(runSelected());
  const next = () => {
    const last = runSelected();
    const ids = notebook.cellIds();
    const following = ids.slice(ids.indexOf(last) + 1).find((id) => !sections.isHidden(id));
    if (following === undefined && page.session.mayEdit) insertBelow(last);
    else selection.choose(following ?? last);
  };
  const execute = (body: RequestBody, inWords: string) => () => requests.ask(body, inWords);
  const part = (part: "above" | "below") => () => {
    const id = selection.active as string;
    requests.ask(part === "above" ? { method: "execute", above: id } : { method: "execute", below: id }, `run the cells ${part}`);
  };
  const clear = (ids: string[] | null) => () => requests.ask({ method: "clear_outputs", cell_ids: ids }, "clear the outputs");
  const stopSelected = () => {
    const ids = selection.ids.flatMap((id) => executions.waitingOf(id) ?? []);
    if (ids.length > 0) requests.ask({ method: "stop", execution_ids: ids }, "stop the cells");
  };
  const isStoppable = () => selection.ids.some((id) => executions.waitingOf(id) !== null);
  const isBusy = () => executions.running !== null;
  const run = (id: string, title: string, keys: string[], act: () => void, more: Partial<Command> = {}): Command => {
    return { id: `run.${id}`, title, group: "Run", keys, where: "cell", when: some, run: () => page.mayRun() && act(), ...more };
  };
  commands.add(
    run("next", "Run, and go to the next cell", ["Shift+Enter"], next),
    run("cells", "Run the selected cells", ["Ctrl+Enter"], stay, { cellMenu: 0 }),
    run("insert", "Run, and insert a cell below", ["Alt+Enter"], () => insertBelow(runSelected())),
    run("all", "Run all cells", [], execute({ method: "execute", cell_ids: null }, "run all cells"), always),
    run("above", "Run all cells above", [], part("above"), { cellMenu: 0 }),
    run("below", "Run this cell and all below", [], part("below"), { cellMenu: 0 }),
    run("clear", "Clear the outputs", [], () => clear(sections.withFolded(selection.ids))(), { cellMenu: 5 }),
    run("clear-all", "Clear all outputs", [], clear(null), always),
    run("stop", "Stop the selected cells", [], stopSelected, { cellMenu: 0, when: isStoppable }),
    run("stop-mine", "Stop what I asked to run", [], execute({ method: "stop", whose: "mine" }, "stop your cells"), { when: isBusy }),
    run("stop-all", "Stop everything, whoever asked for it", [], execute({ method: "stop", whose: "all" }, "stop all cells"), { when: isBusy }),
    {
      id: "notebook.save",
      title: "Write the file now",
      group: "Notebook",
      keys: ["Ctrl+s", "s"],
      where: "anywhere",
      run: execute({ method: "save" }, "write the file"),
    },
  );
}
