// A short message at the foot of the page, perhaps with something to press; it goes by itself.

import { h } from "./dom.ts";

const SECONDS = 8;

export class Toasts {
  readonly element = h("div", { class: "toasts", role: "status", "aria-live": "polite" });

  say(text: string, action?: { label: string; press: () => void }): void {
    const toast = h("div", { class: "toast" }, h("span", {}, text));
    const timer = setTimeout(() => toast.remove(), SECONDS * 1000);
    const close = () => {
      clearTimeout(timer);
      toast.remove();
    };
    if (action !== undefined) {
      const press = () => {
        close();
        action.press();
      };
      toast.append(h("button", { type: "button", click: press }, action.label));
    }
    this.element.replaceChildren(toast);
  }
}
