// A menu of commands that opens at a button or where the pointer is, with the keys menus have everywhere.

import { canRun, type Command, perform, spell } from "./commands.ts";
import { h } from "./dom.ts";

export type At = Element | { readonly x: number; readonly y: number };

/** Commands with the same number stand together, between lines. */
export interface MenuEntry {
  readonly section: number;
  readonly command: Command;
}

const TOGETHER = 700; // milliseconds between letters of one word
const EDGE = 8; // pixels kept free around a menu

/** Open it; the focus goes into it, and back to where it was when it closes. `before` is called ahead of the command. */
export function openMenu(label: string, entries: readonly MenuEntry[], at: At, before: () => void = () => {}): void {
  const focusBefore = document.activeElement;
  const menu = h("div", { class: "menu", role: "menu", "aria-label": label, tabindex: "-1" });
  const close = (goBack = true) => {
    document.removeEventListener("pointerdown", outside, true);
    host.remove();
    if (goBack && focusBefore instanceof HTMLElement) focusBefore.focus({ preventScroll: true });
  };
  const outside = ({ target }: PointerEvent) => {
    if (!menu.contains(target as Node)) close(false);
  };
  let section = entries[0]?.section;
  for (const entry of entries) {
    if (entry.section !== section) menu.append(h("hr", { role: "separator" }));
    section = entry.section;
    menu.append(item(entry.command, () => (close(), before(), perform(entry.command))));
  }
  const items = [...menu.querySelectorAll<HTMLElement>("[role^=menuitem]")];
  const host = h("section", { "aria-label": `Menu: ${label}` }, menu); // a landmark: a screen reader finds it
  let typed = "";
  let typedAt = 0;
  const go = (index: number) => items[(index + items.length) % items.length]?.focus();
  menu.addEventListener("keydown", (event) => {
    event.stopPropagation();
    const now = items.indexOf(document.activeElement as HTMLElement);
    if (event.key === "ArrowDown") go(now + 1);
    else if (event.key === "ArrowUp") go(now - 1);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(-1);
    else if (event.key === "Escape" || event.key === "Tab") close();
    else if (event.key.length !== 1 || event.ctrlKey || event.metaKey) return;
    else {
      typed = event.timeStamp - typedAt < TOGETHER ? typed + event.key : event.key;
      typedAt = event.timeStamp;
      find(items, now, typed);
    }
    event.preventDefault();
  });
  document.addEventListener("pointerdown", outside, true);
  document.body.append(host);
  place(menu, at);
  go(0);
}

function item(command: Command, press: () => void): HTMLElement {
  const [keys] = command.keys ?? [];
  const isOn = command.isOn?.();
  const role = isOn === undefined ? { role: "menuitem" } : { role: "menuitemcheckbox", "aria-checked": `${isOn}` };
  const shown = keys === undefined ? null : h("kbd", { "aria-hidden": "true" }, spell(keys));
  const button = h("button", { type: "button", tabindex: "-1", ...role, click: press }, h("span", {}, command.title), shown);
  if (!canRun(command)) button.setAttribute("aria-disabled", "true");
  return button;
}

/** Go to the entry that begins with these letters; with one letter, from entry to entry that does. */
function find(items: readonly HTMLElement[], now: number, typed: string): void {
  const from = typed.length === 1 ? now + 1 : Math.max(0, now);
  const order = [...items.slice(from), ...items.slice(0, from)];
  order.find((one) => one.textContent?.toLowerCase().startsWith(typed.toLowerCase()))?.focus();
}

function place(menu: HTMLElement, at: At): void {
  const { width, height } = menu.getBoundingClientRect();
  const box = at instanceof Element ? at.getBoundingClientRect() : { left: at.x, right: at.x, top: at.y, bottom: at.y };
  const left = box.left + width + EDGE > innerWidth ? box.right - width : box.left;
  const top = box.bottom + height + EDGE > innerHeight ? Math.max(EDGE, box.top - height) : box.bottom;
  menu.style.left = `${Math.max(EDGE, left)}px`;
  menu.style.top = `${top}px`;
}
