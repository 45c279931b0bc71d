// Going from cell to cell, selecting several, and between command and edit mode.

import type { Command } from "../commands.ts";
import type { Page } from "../page.ts";

export function navigation(page: Page): void {
  const { commands, sections, selection } = page;
  const some = () => selection.active !== null;
  const go = (by: number) => selection.choose(selection.neighbour(by));
  const extend = (by: number) => {
    const next = selection.neighbour(by);
    if (next !== null) selection.extendTo(next);
  };
  const step = (id: string, title: string, keys: string[], run: () => void): Command => {
    return { id, title, group: "Go", keys, small: true, when: some, run };
  };
  commands.add(
    step("go.next", "Go to the next cell", ["ArrowDown", "j"], () => go(1)),
    step("go.previous", "Go to the previous cell", ["ArrowUp", "k"], () => go(-1)),
    step("go.extend-down", "Select the next cell, too", ["Shift+j", "Shift+ArrowDown"], () => extend(1)),
    step("go.extend-up", "Select the previous cell, too", ["Shift+k", "Shift+ArrowUp"], () => extend(-1)),
    step("go.edit", "Edit the cell", ["Enter"], () => selection.choose(selection.active, "edit")),
    { id: "go.first", title: "Go to the first cell", group: "Go", keys: ["Ctrl+Home", "Home"], when: some, run: () => selection.choose(sections.visible[0] ?? null) },
    { id: "go.last", title: "Go to the last cell", group: "Go", keys: ["Ctrl+End", "End"], when: some, run: () => selection.choose(sections.visible.at(-1) ?? null) },
    { id: "go.select-all", title: "Select all cells", group: "Go", keys: ["Ctrl+a"], when: some, run: () => selection.chooseAll(sections.visible) },
  );
}
