// The bar at the top: what this is, running it, where the notebook is safe, and places for what features put there.

import { button, h } from "./dom.ts";
import type { Said } from "./saving.ts";

export interface BarActions {
  command(id: string): void;
}

export class TopBar {
  readonly element: HTMLElement;
  /** Where other parts of the page put their buttons. */
  readonly tools = h("div", { class: "bar-tools" });
  readonly #title = h("h1", { class: "title" }, "…");
  /** Who is here. */
  readonly people = h("div", { class: "bar-people" });
  /** Beside the run buttons: the kernel. */
  readonly middle = h("div", { class: "bar-middle" });
  readonly #saving: HTMLButtonElement;

  constructor(actions: BarActions) {
    this.#saving = h("button", { type: "button", class: "saving", "aria-live": "polite", click: () => actions.command("notebook.save") });
    this.element = h(
      "header",
      { class: "bar" },
      h("a", { href: "/", class: "brand", title: "All open notebooks" }, h("img", { src: "/quire.svg", alt: "Quire", width: "24" })),
      this.#title,
      h(
        "div",
        { class: "run-tools", role: "toolbar", "aria-label": "Run" },
        button("Run all cells", "runAll", () => actions.command("run.all")),
        button("Interrupt", "stop", () => actions.command("kernel.interrupt"), "I I"),
        button("Restart the kernel", "restart", () => actions.command("kernel.restart"), "0 0"),
      ),
      this.middle,
      h("span", { class: "stretch" }),
      this.#saving,
      this.people,
      this.tools,
      button("Commands", "command", () => actions.command("view.palette"), "Ctrl+Shift+P"),
      button("Keys", "help", () => actions.command("view.help"), "?"),
    );
  }

  setPath(path: string | null): void {
    const name = path?.split("/").at(-1) ?? "Notebook";
    this.#title.textContent = name.replace(/\.ipynb$/, "");
    this.#title.title = path ?? "";
    document.title = `${name} · Quire`;
  }

  setSaving({ text, more, tone }: Said): void {
    if (this.#saving.textContent !== text) this.#saving.textContent = text;
    const title = `${more} Press to write the file now.`;
    if (this.#saving.title !== title) this.#saving.title = title;
    if (this.#saving.dataset["tone"] !== tone) this.#saving.dataset["tone"] = tone; // each write has the browser look
  }

  /** What it says of saving is about to be another thing. Nothing of it is seen. */
  setBusy(isBusy: boolean): void {
    const said = `${isBusy}`;
    if (this.#saving.ariaBusy !== said) this.#saving.ariaBusy = said;
  }
}
