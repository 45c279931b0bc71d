// A short message at the foot of the page, perhaps with things to press; it goes by itself, but not from under a pointer.

import { h } from "./dom.ts";

const SECONDS = 8;

export interface ToastAction {
  readonly label: string;
  readonly press: () => void;
}

export class Toasts {
  readonly element = h("div", { class: "toasts", role: "status", "aria-live": "polite" });

  say(text: string, ...actions: readonly (ToastAction | undefined)[]): void {
    const toast = h("div", { class: "toast" }, h("span", {}, text));
    let timer: ReturnType<typeof setTimeout> | undefined;
    const wait = () => (timer = setTimeout(() => toast.remove(), SECONDS * 1000));
    const stay = () => clearTimeout(timer);
    for (const action of actions) {
      if (action === undefined) continue;
      const press = () => {
        stay();
        toast.remove();
        action.press();
      };
      toast.append(h("button", { type: "button", click: press }, action.label));
    }
    toast.addEventListener("pointerenter", stay);
    toast.addEventListener("pointerleave", wait);
    toast.addEventListener("focusin", stay);
    toast.addEventListener("focusout", wait);
    this.element.replaceChildren(toast);
    wait();
  }
}
