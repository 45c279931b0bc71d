// Questions in the middle of the page. Each is answered once; Escape, or pressing beside it, is no answer: null.

import { type Child, h } from "./dom.ts";

export interface Answer<T> {
  readonly label: string;
  readonly value: T;
  /** The one that Enter means. */
  readonly isMain?: boolean;
  /** It cannot be taken back. */
  readonly isGrave?: boolean;
}

/** Show a dialog with these children; `close` of what is returned ends it, and the focus is back where it was. */
export function openDialog(label: string, look: string, children: Child[], closed: () => void = () => {}): HTMLDialogElement {
  const dialog = h(
    "dialog",
    {
      class: look,
      "aria-label": label,
      close: () => {
        dialog.remove();
        closed();
      },
    },
    ...children,
  );
  dialog.addEventListener("keydown", (event) => event.stopPropagation()); // the page's keys are not for it
  dialog.addEventListener("pointerdown", ({ target }) => target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

export function ask<T>(title: string, text: string, answers: readonly Answer<T>[]): Promise<T | null> {
  return new Promise((resolve) => {
    let chosen: T | null = null;
    const buttons = answers.map(({ label, value, isMain, isGrave }) => {
      const look = ["plain", isMain ? "main" : "", isGrave ? "grave" : ""].filter(Boolean).join(" ");
      const press = () => {
        chosen = value;
        dialog.close();
      };
      return h("button", { type: "button", class: look, autofocus: isMain === true, click: press }, label);
    });
    const cancel = h("button", { type: "button", class: "plain", click: () => dialog.close() }, "Cancel");
    const inside = [h("h2", {}, title), h("p", {}, text), h("div", { class: "answers" }, cancel, ...buttons)];
    const dialog = openDialog(title, "question", inside, () => resolve(chosen));
  });
}

export function askText(title: string, label: string, value: string): Promise<string | null> {
  return new Promise((resolve) => {
    let said: string | null = null;
    const field = h("input", { type: "text", value, autocomplete: "off", autofocus: true });
    const submit = (event: Event) => {
      event.preventDefault();
      said = field.value.trim();
      dialog.close();
    };
    const cancel = h("button", { type: "button", class: "plain", click: () => dialog.close() }, "Cancel");
    const answers = h("div", { class: "answers" }, cancel, h("button", { type: "submit", class: "plain main" }, "OK"));
    const form = h("form", { submit }, h("h2", {}, title), h("label", {}, h("span", {}, label), field), answers);
    const dialog = openDialog(title, "question", [form], () => resolve(said));
    field.select();
  });
}

/** Choose one of several, the present one marked. */
export function askWhich<T>(title: string, text: string, choices: readonly { label: string; more: string; value: T; isNow: boolean }[]): Promise<T | null> {
  return new Promise((resolve) => {
    let chosen: T | null = null;
    const buttons = choices.map(({ label, more, value, isNow }) => {
      const press = () => {
        chosen = value;
        dialog.close();
      };
      const look = { type: "button", class: "choice", "aria-current": `${isNow}`, autofocus: isNow, click: press };
      return h("li", {}, h("button", look, h("strong", {}, label), h("span", {}, isNow ? `${more} · now` : more)));
    });
    const cancel = h("button", { type: "button", class: "plain", click: () => dialog.close() }, "Cancel");
    const inside = [h("h2", {}, title), h("p", {}, text), h("ul", { class: "choices" }, ...buttons), h("div", { class: "answers" }, cancel)];
    const dialog = openDialog(title, "question", inside, () => resolve(chosen));
  });
}
