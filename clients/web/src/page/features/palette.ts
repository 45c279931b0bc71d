// The command palette: type some letters of what you want, press Enter.

import { canRun, type Command, perform, spell } from "../commands.ts";
import { openDialog } from "../dialogs.ts";
import { h } from "../dom.ts";
import { rank } from "../matching.ts";
import type { Page } from "../page.ts";

export function palette(page: Page): void {
  page.commands.add({
    id: "view.palette",
    title: "Open the command palette",
    group: "View",
    keys: ["Ctrl+Shift+p", "p"],
    where: "anywhere",
    small: true,
    run: () => openPalette(page),
  });
}

function openPalette(page: Page): void {
  const all = page.commands.all().filter((command) => command.small !== true && canRun(command));
  const field = h("input", {
    type: "text",
    role: "combobox",
    "aria-label": "Command",
    "aria-expanded": "true",
    "aria-controls": "palette-list",
    "aria-autocomplete": "list",
    placeholder: "What would you like to do?",
    autocomplete: "off",
    spellcheck: "false",
    input: () => show(),
  });
  const list = h("ul", { id: "palette-list", role: "listbox", "aria-label": "Commands" });
  const none = h("p", { class: "nothing", role: "status" });
  let found: Command[] = [];
  let at = 0;

  const choose = (command: Command | undefined) => {
    if (command === undefined) return;
    dialog.close(); // the focus is back where it was, so the command finds what it is about
    perform(command);
  };
  const mark = () => {
    for (const [index, option] of [...list.children].entries()) option.setAttribute("aria-selected", `${index === at}`);
    const option = list.children[at];
    if (option === undefined) field.removeAttribute("aria-activedescendant");
    else field.setAttribute("aria-activedescendant", option.id);
    option?.scrollIntoView({ block: "nearest" });
  };
  const show = () => {
    found = rank(field.value, all, ({ title, group }) => `${title} ${group}`);
    at = 0;
    list.replaceChildren(...found.map((command, index) => option(command, index, () => choose(command))));
    none.textContent = found.length === 0 ? "There is no such command." : "";
    mark();
  };
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") at = (at + 1) % Math.max(1, found.length);
    else if (event.key === "ArrowUp") at = (at - 1 + found.length) % Math.max(1, found.length);
    else if (event.key === "Enter") choose(found[at]);
    else return;
    event.preventDefault();
    mark();
  });
  show();
  const dialog = openDialog("Command palette", "palette", [field, list, none]);
}

function option(command: Command, index: number, press: () => void): HTMLElement {
  const [keys] = command.keys ?? [];
  const shown = keys === undefined ? null : h("kbd", {}, spell(keys));
  const isOn = command.isOn?.() === true ? h("span", { class: "is-on" }, "on") : null;
  const group = h("span", { class: "group" }, command.group);
  return h("li", { id: `palette-${index}`, role: "option", click: press }, group, h("span", { class: "what" }, command.title), isOn, shown);
}
