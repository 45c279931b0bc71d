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

/** Have an element say this. One that says it already is left alone: the browser would lay it out and paint it anew. */
export function say(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** A button that is an icon; its label is its name and, with its keys, its tooltip. */
export function button(label: string, picture: IconName, press: (event: MouseEvent) => void, keys = ""): HTMLButtonElement {
  const title = keys ? `${label} (${keys})` : label;
  return h("button", { type: "button", class: "icon-button", "aria-label": label, title, click: press }, icon(picture));
}

/** Put an element in its place or somewhere else without losing its state, where the browser can do that. */
export function place(parent: HTMLElement, element: Element, before: Element | null): void {
  const { moveBefore } = parent as { moveBefore?: (node: Node, before: Node | null) => void };
  if (moveBefore !== undefined && element.isConnected) moveBefore.call(parent, element, before);
  else parent.insertBefore(element, before);
}
