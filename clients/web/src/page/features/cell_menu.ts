// The menu of a cell: its commands that say they belong there, at the cell's button, the pointer, or by key.

import type { At } from "../menu.ts";
import { openMenu } from "../menu.ts";
import type { Page } from "../page.ts";

export function cellMenu(page: Page): void {
  const { cells, commands, selection } = page;
  commands.add({
    id: "cell.menu",
    title: "Open the menu of the cell",
    group: "Cells",
    keys: ["Shift+F10", "ContextMenu"],
    small: true,
    when: () => selection.active !== null,
    run: () => {
      const view = cells.get(selection.active);
      if (view !== undefined) openCellMenu(page, view.element);
    },
  });
}

/** Open it for the selected cells. */
export function openCellMenu(page: Page, at: At): void {
  const entries = page.commands
    .all()
    .flatMap((command) => (command.cellMenu === undefined ? [] : [{ section: command.cellMenu, command }]))
    .sort((a, b) => a.section - b.section);
  openMenu("Cell", entries, at);
}
