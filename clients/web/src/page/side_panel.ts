// The panel beside the cells: one of several at a time, each with a button in the bar and a command in the palette.
//
// Owns which panel is open and how wide it is, which this browser remembers. A panel is made anew each time it opens:
// `mount` fills an empty element and returns what ends it. Escape in it, or its button, closes it and puts the focus back.

import type { Commands } from "./commands.ts";
import { button, h } from "./dom.ts";
import { icon, type IconName } from "./icons.ts";

export interface Panel {
  /** Also names its command: `panel.<id>`. */
  readonly id: string;
  readonly title: string;
  readonly icon: IconName;
  readonly keys?: readonly string[];
  /** Fill the panel; what is returned ends it (listeners, timers). */
  mount(host: HTMLElement): () => void;
}

const WIDTH = { least: 260, usual: 340, most: 720 }; // pixels
const STEP = 20; // pixels, of an arrow key on the edge
const KEY = "quire.panel-width";

export class SidePanel {
  /** The panel; empty and hidden while none is open. */
  readonly element: HTMLElement;
  /** The buttons that open them, for the bar. */
  readonly buttons = h("div", { class: "panel-buttons", role: "toolbar", "aria-label": "Panels" });
  readonly #commands: Commands;
  readonly #edge: HTMLElement;
  readonly #title = h("h2", {});
  readonly #host = h("div", { class: "panel-body" });
  readonly #panels = new Map<string, { panel: Panel; button: HTMLButtonElement; count: HTMLElement }>();
  #open: { id: string; end: () => void; focusBefore: Element | null } | null = null;
  #width = WIDTH.usual;

  constructor(commands: Commands) {
    this.#commands = commands;
    this.#edge = h("div", {
      class: "panel-edge",
      role: "separator",
      tabindex: "0",
      "aria-orientation": "vertical",
      "aria-label": "Width of the panel",
      "aria-valuemin": `${WIDTH.least}`,
      "aria-valuemax": `${WIDTH.most}`,
      pointerdown: (event: PointerEvent) => this.#drag(event),
      keydown: (event: KeyboardEvent) => this.#resizeByKey(event),
    });
    const close = button("Close the panel", "close", () => this.close(), "Esc");
    this.element = h("aside", { class: "panel", keydown: (event: KeyboardEvent) => this.#pressed(event) }, this.#edge, h("header", {}, this.#title, close), this.#host);
    this.element.hidden = true;
    this.#resize(Number(localStorage.getItem(KEY)) || WIDTH.usual);
  }

  get openId(): string | null {
    return this.#open?.id ?? null;
  }

  register(panel: Panel): void {
    const count = h("span", { class: "panel-count", "aria-hidden": "true" });
    const look = { type: "button", class: "icon-button", "aria-label": panel.title, title: panel.title, "aria-expanded": "false" };
    const opener = h("button", { ...look, click: () => this.toggle(panel.id) }, icon(panel.icon), count);
    this.#panels.set(panel.id, { panel, button: opener, count });
    this.buttons.append(opener);
    this.#commands.add({
      id: `panel.${panel.id}`,
      title: `Show or hide the panel ${panel.title}`,
      group: "View",
      where: "anywhere",
      ...(panel.keys === undefined ? {} : { keys: panel.keys }),
      isOn: () => this.openId === panel.id,
      run: () => this.toggle(panel.id),
    });
  }

  /** A number on a panel's button: how much is in it that wants attention; 0 takes it away. `wanted` says, in words, what of
   *  it waits for the reader in person. */
  setCount(id: string, count: number, wanted = ""): void {
    const found = this.#panels.get(id);
    if (found === undefined) return;
    found.count.textContent = count === 0 ? "" : `${count}`;
    found.count.classList.toggle("wanted", wanted !== "");
    const label = count === 0 ? found.panel.title : `${found.panel.title}: ${count}${wanted === "" ? "" : `, ${wanted}`}`;
    found.button.setAttribute("aria-label", label);
    found.button.title = wanted === "" ? found.panel.title : label;
  }

  toggle(id: string): void {
    if (this.openId === id) this.close();
    else this.open(id);
  }

  /** Open it, or leave it open, and put the focus into it unless `takeFocus` is false. */
  open(id: string, takeFocus = true): void {
    const found = this.#panels.get(id);
    if (found === undefined) throw new Error(`There is no panel ${id}.`);
    if (this.openId !== id) {
      const focusBefore = this.#open?.focusBefore ?? document.activeElement;
      this.#end();
      this.#title.textContent = found.panel.title;
      this.element.setAttribute("aria-label", found.panel.title);
      this.element.hidden = false;
      found.button.setAttribute("aria-expanded", "true");
      this.#open = { id, end: found.panel.mount(this.#host), focusBefore };
    }
    if (takeFocus && !this.#host.contains(document.activeElement)) {
      const first = this.#host.querySelector<HTMLElement>("[autofocus], input, textarea, select, button, a[href], [tabindex='0']");
      (first ?? this.element.querySelector("button"))?.focus();
    }
  }

  close(): void {
    const { focusBefore } = this.#open ?? {};
    const hadFocus = this.element.contains(document.activeElement);
    this.#end();
    this.element.hidden = true;
    if (hadFocus && focusBefore instanceof HTMLElement) focusBefore.focus({ preventScroll: true });
  }

  #end(): void {
    if (this.#open === null) return;
    this.#panels.get(this.#open.id)?.button.setAttribute("aria-expanded", "false");
    const { end } = this.#open;
    this.#open = null;
    end();
    this.#host.replaceChildren();
  }

  #pressed(event: KeyboardEvent): void {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.preventDefault();
    this.close();
  }

  #resize(width: number): void {
    this.#width = Math.round(Math.min(WIDTH.most, Math.max(WIDTH.least, width)));
    this.element.style.setProperty("--panel-width", `${this.#width}px`);
    this.#edge.setAttribute("aria-valuenow", `${this.#width}`);
  }

  #resizeByKey(event: KeyboardEvent): void {
    const by = { ArrowLeft: STEP, ArrowRight: -STEP }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    this.#resize(this.#width + by);
    localStorage.setItem(KEY, `${this.#width}`);
  }

  #drag(event: PointerEvent): void {
    event.preventDefault();
    this.#edge.setPointerCapture(event.pointerId);
    const { width } = this;
    const move = ({ clientX }: PointerEvent) => this.#resize(width + event.clientX - clientX);
    const end = () => {
      this.#edge.removeEventListener("pointermove", move);
      localStorage.setItem(KEY, `${this.#width}`);
    };
    this.#edge.addEventListener("pointermove", move);
    this.#edge.addEventListener("lostpointercapture", end, { once: true });
  }

  get width(): number {
    return this.#width;
  }
}
