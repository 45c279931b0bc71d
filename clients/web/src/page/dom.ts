// Making elements. Text is always text; nothing here parses HTML.

import { icon, type IconName } from "./icons.ts";

export type Child = Node | string | null;
export type Attributes = Record<string, string | boolean | ((event: any) => void)>;

export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (typeof value === "boolean") element.toggleAttribute(name, value);
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** A button that is an icon; its label is its name and, with its keys, its tooltip. */
export function button(label: string, picture: IconName, press: (event: MouseEvent) => void, keys = ""): HTMLButtonElement {
  const title = keys ? `${label} (${keys})` : label;
  return h("button", { type: "button", class: "icon-button", "aria-label": label, title, click: press }, icon(picture));
}
