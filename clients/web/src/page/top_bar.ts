// The bar at the top: what this is, running it, the kernel's state, who is here, where the notebook is safe.

import type { PresentPeer } from "../core/messages.ts";
import type { Kernel } from "../core/schema.ts";
import { colourOf } from "./colours.ts";
import { button, h } from "./dom.ts";
import type { Said } from "./saving.ts";

export interface BarActions {
  command(id: string): void;
  jumpTo(peerId: string): void;
  rename(name: string): void;
}

export class TopBar {
  readonly element: HTMLElement;
  /** Where other parts of the page put their buttons. */
  readonly tools = h("div", { class: "bar-tools" });
  readonly #title = h("h1", { class: "title" }, "…");
  readonly #kernel = h("span", { class: "kernel", role: "status", "aria-label": "Kernel" });
  readonly #saving: HTMLButtonElement;
  readonly #people = h("ul", { class: "people", "aria-label": "Who is here" });
  readonly #actions: BarActions;

  constructor(actions: BarActions) {
    this.#actions = actions;
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
      this.#kernel,
      h("span", { class: "stretch" }),
      this.#saving,
      this.#people,
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

  setKernel(kernel: Kernel | null, waiting: number, hasDaemon: boolean): void {
    const { text, tone } = sayKernel(kernel, waiting, hasDaemon);
    this.#kernel.textContent = text;
    this.#kernel.dataset["tone"] = tone;
    this.#kernel.title = kernel?.error ?? "";
  }

  setSaving({ text, more, tone }: Said): void {
    if (this.#saving.textContent !== text) this.#saving.textContent = text;
    this.#saving.title = `${more} Press to write the file now.`;
    this.#saving.dataset["tone"] = tone;
  }

  setPeople(self: PresentPeer, others: readonly PresentPeer[]): void {
    const avatar = ({ peer }: PresentPeer, title: string, press: () => void) => {
      const letters = h("span", { "aria-hidden": "true" }, initials(peer.name));
      const look = `avatar ${peer.kind} ${colourOf(peer.peer_id)}`;
      return h("li", {}, h("button", { type: "button", class: look, title, click: press }, letters, h("span", { class: "heard" }, title)));
    };
    const kinds = { person: "", agent: " (agent)", program: " (program)", daemon: " (runs the cells)" };
    this.#people.replaceChildren(
      ...others.map((other) => avatar(other, `${other.peer.name}${kinds[other.peer.kind] ?? ""}`, () => this.#actions.jumpTo(other.peer.peer_id))),
      avatar(self, `${self.peer.name} (you): change your name`, () => {
        const name = prompt("Your name, as the others see it:", self.peer.name)?.trim();
        if (name) this.#actions.rename(name);
      }),
    );
  }
}

function sayKernel(kernel: Kernel | null, waiting: number, hasDaemon: boolean): { text: string; tone: string } {
  if (kernel === null) return { text: "", tone: "off" };
  if (!hasDaemon) return { text: "Nothing here can run cells", tone: "bad" };
  const name = kernel.name || "Kernel";
  if (kernel.lifecycle === "ready") {
    if (kernel.activity !== "busy") return { text: `${name} · idle`, tone: "idle" };
    return { text: waiting > 1 ? `${name} · running, ${waiting - 1} waiting` : `${name} · running`, tone: "busy" };
  }
  if (kernel.lifecycle === "dead") return { text: `${name} · died`, tone: "bad" };
  if (kernel.lifecycle === "starting" || kernel.lifecycle === "restarting") return { text: `${name} · ${kernel.lifecycle}`, tone: "busy" };
  return { text: kernel.error === null ? "Kernel starts when a cell runs" : "Kernel could not start", tone: kernel.error === null ? "off" : "bad" };
}

function initials(name: string): string {
  const words = name.split(/\s+/).filter(Boolean);
  return words.length > 1 ? `${[...(words[0] ?? "")][0]}${[...(words.at(-1) ?? "")][0]}` : [...name].slice(0, 2).join("");
}
