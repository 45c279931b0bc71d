// Running cells and the kernel that runs them, and writing the file.

import type { Command } from "../commands.ts";
import type { Page } from "../page.ts";

export function running(page: Page): void {
  const { cells, commands, executions, notebook, requests, selection, structure, toasts } = page;
  const some = () => selection.active !== null;

  const runSelected = () => {
    const ids = selection.ids;
    const code = ids.filter((id) => notebook.type(id) === "code");
    if (code.length > 0) requests.ask({ method: "execute", cell_ids: code }, code.length === 1 ? "run the cell" : "run the cells");
    for (const id of ids) cells.get(id)?.render();
    return ids.at(-1) as string;
  };
  const insertBelow = (cellId: string) => {
    if (!page.mayEdit()) return;
    const [id] = structure.insert(notebook.cellIds().indexOf(cellId) + 1, [{ type: "code", source: "" }]);
    selection.choose(id ?? null, "edit");
  };
  const stay = () => selection.choose(runSelected());
  const next = () => {
    const last = runSelected();
    const ids = notebook.cellIds();
    const following = ids[ids.indexOf(last) + 1];
    if (following === undefined && page.session.mayEdit) insertBelow(last);
    else selection.choose(following ?? last);
  };
  const interrupt = () => {
    const { running } = executions;
    if (running === null) toasts.say("Nothing is running.");
    else requests.ask({ method: "interrupt", execution_id: running }, "interrupt the cell");
  };
  const restart = () => {
    if (confirm("Restart the kernel? What it has in memory is lost.")) requests.ask({ method: "restart_kernel" }, "restart the kernel");
  };
  const run = (id: string, title: string, keys: string[], act: () => void, more: Partial<Command> = {}): Command => {
    return { id: `run.${id}`, title, group: "Run", keys, where: "cell", when: some, run: act, ...more };
  };
  commands.add(
    run("next", "Run, and go to the next cell", ["Shift+Enter"], next),
    run("cells", "Run the selected cells", ["Ctrl+Enter"], stay, { cellMenu: 0 }),
    run("insert", "Run, and insert a cell below", ["Alt+Enter"], () => insertBelow(runSelected())),
    run("all", "Run all cells", [], () => requests.ask({ method: "execute", cell_ids: null }, "run all cells"), { when: () => true }),
    { id: "kernel.interrupt", title: "Interrupt what is running", group: "Kernel", keys: ["i i"], run: interrupt },
    { id: "kernel.restart", title: "Restart the kernel", group: "Kernel", keys: ["0 0"], run: restart },
    {
      id: "notebook.save",
      title: "Write the file now",
      group: "Notebook",
      keys: ["Ctrl+s", "s"],
      where: "anywhere",
      run: () => requests.ask({ method: "save" }, "write the file"),
    },
  );
}
