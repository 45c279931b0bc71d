// The sheet of keys: every command that has one, by group.

import { GROUPS, spell } from "../commands.ts";
import { openDialog } from "../dialogs.ts";
import { h } from "../dom.ts";
import type { Page } from "../page.ts";

export function helpSheet(page: Page): void {
  page.commands.add({ id: "view.help", title: "Show all keys", group: "View", keys: ["?", "h", "F1"], where: "command", run: () => open(page) });
}

function open(page: Page): void {
  const all = page.commands.all();
  const sections = GROUPS.map((group) => {
    const rows = all
      .filter((command) => command.group === group && (command.keys ?? []).length > 0)
      .map(({ keys = [], title }) => h("div", {}, h("dt", {}, ...keys.flatMap((key, i) => [i > 0 ? " " : null, h("kbd", {}, spell(key))])), h("dd", {}, title)));
    return rows.length === 0 ? null : h("section", {}, h("h3", {}, group), h("dl", {}, ...rows));
  });
  const close = h("button", { type: "button", class: "plain", click: () => dialog.close() }, "Close");
  const hint = h("p", {}, "Esc leaves a cell's editor; these keys work then. Those with Ctrl, Alt or Shift and Enter work inside, too.");
  const dialog = openDialog("Keys", "help", [
    h("header", {}, h("h2", {}, "Keys"), close),
    hint,
    h("div", { class: "key-groups", tabindex: "0", role: "group", "aria-label": "All keys" }, ...sections),
  ]);
}
