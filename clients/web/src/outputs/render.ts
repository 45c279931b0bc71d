// Outputs as elements. One OutputArea shows the outputs of a cell's latest execution and redraws only those that changed.
// Of thousands it shows the first and the last, and on demand all in a box that scrolls (output_window.ts): what an update
// costs does not grow with them.

import { type Execution, type Output, Outputs } from "../core/schema.ts";
import { h, place } from "../page/dom.ts";
import type { Surroundings } from "./mime.ts";
import { OutputWindow } from "./output_window.ts";
import { RichOutput } from "./rich_output.ts";
import { StreamView } from "./stream.ts";
import { traceback } from "./traceback.ts";

/** One output on the page. */
export interface Shown {
  readonly element: HTMLElement;
  /** Show this instead, where it is; false if it is of another kind. */
  update(output: Output): boolean;
  /** Its cell came near the screen, or went away from it. */
  setNear?(cellIsNear: boolean): void;
  destroy(): void;
}

const FIRST = 150; // outputs of a cell that are shown at its beginning; all on demand
const LAST = 50; // and at its end, where the newest are
/** Milliseconds for which an output that a running cell cleared stays until another takes its place: a loop that clears, prints
 *  and draws would blink with each round, since what is drawn comes later than what is printed. */
const LINGER = 300;
const KEPT = 1000; // milliseconds for which a cell that runs again keeps its outputs' height: the page does not jump

export class OutputArea {
  readonly element = h("div", { class: "outputs", role: "group", "aria-label": "Output" });
  readonly #around: Surroundings;
  #latest: Execution | null = null;
  #leftOut: HTMLElement | null = null;
  #window: OutputWindow | null = null; // shows all, in the place of `#shown`
  readonly #shown = new Map<number, Shown>(); // by place, in order
  #execution: string | null = null;
  #isNear = false;
  #release: ReturnType<typeof setTimeout> | undefined;
  #lingering: ReturnType<typeof setTimeout> | null = null; // outputs beyond the last are still shown

  constructor(around: Surroundings) {
    this.#around = around;
  }

  update(execution: Execution | null): void {
    this.#latest = execution;
    if (this.#execution !== (execution?.id ?? null)) this.#begin(execution);
    const outputs = execution?.outputs ?? Outputs.NONE;
    const { length } = outputs;
    const head = length <= FIRST + LAST ? length : FIRST;
    if (this.#window !== null && head < length) this.#window.update(outputs);
    else this.#showSome(outputs, head);
    this.element.hidden = this.isEmpty && this.element.style.minHeight === "";
    if (execution?.status !== "queued" && execution?.status !== "running") this.#letGo();
  }

  get isEmpty(): boolean {
    return this.#shown.size === 0 && this.#window === null;
  }

  /** The cell came near the screen, or went away from it. */
  setNear(isNear: boolean): void {
    this.#isNear = isNear;
    this.#window?.setNear(isNear);
    for (const shown of this.#shown.values()) shown.setNear?.(isNear);
  }

  #begin(execution: Execution | null): void {
    const height = this.isEmpty ? 0 : this.element.offsetHeight;
    this.#execution = execution?.id ?? null;
    this.#closeWindow();
    for (const index of this.#shown.keys()) this.#drop(index);
    if (execution === null || height === 0) return;
    this.element.style.minHeight = `${height}px`;
    clearTimeout(this.#release);
    this.#release = setTimeout(() => this.#letGo(), KEPT);
  }

  /** The first `head` of these, and if that is not all of them, the last. */
  #showSome(outputs: Outputs, head: number): void {
    this.#closeWindow();
    const { length } = outputs;
    const tail = Math.max(head, length - LAST);
    for (const index of this.#shown.keys()) if (index >= head && index < tail) this.#drop(index);
    this.#dropBeyond(length);
    let before: Element | null = null; // the element that the next one comes after
    for (let index = 0; index < head; index++) before = this.#show(index, outputs.at(index), before);
    before = this.#leaveOut(tail - head, before);
    for (let index = tail; index < length; index++) before = this.#show(index, outputs.at(index), before);
  }

  /** Those from this place on were cleared: they go, or, while the cell runs, soon. */
  #dropBeyond(length: number): void {
    const beyond = [...this.#shown.keys()].filter((index) => index >= length);
    if (beyond.length > 0 && this.#latest?.status === "running") {
      this.#lingering ??= setTimeout(() => {
        this.#lingering = null;
        for (const index of this.#shown.keys()) if (index >= (this.#latest?.outputs.length ?? 0)) this.#drop(index);
        this.element.hidden = this.isEmpty && this.element.style.minHeight === "";
      }, LINGER);
      return;
    }
    if (this.#lingering !== null) clearTimeout(this.#lingering);
    this.#lingering = null;
    for (const index of beyond) this.#drop(index);
  }

  /** Have this output after that element; returns its element. One that did not change costs a look. */
  #show(index: number, output: Output, after: Element | null): Element {
    const before = this.#shown.get(index);
    if (before?.update(output) === true) {
      if (before.element.previousElementSibling !== after) this.#put(before.element, after);
      return before.element;
    }
    const shown = show(output, this.#around, this.#isNear);
    if (before === undefined) this.#put(shown.element, after);
    else {
      before.element.replaceWith(shown.element);
      before.destroy();
    }
    this.#shown.set(index, shown);
    return shown.element;
  }

  /** Say after that element how many are not shown, if any; returns what comes before the next output. */
  #leaveOut(count: number, after: Element | null): Element | null {
    if (count === 0) {
      this.#leftOut?.remove();
      return after;
    }
    this.#leftOut ??= h(
      "div",
      { class: "left-out", role: "group", "aria-label": "Outputs that are not shown" },
      h("span"),
      h("button", { type: "button", class: "more", click: () => this.#showAll() }, "Show all"),
    );
    if (!this.#leftOut.isConnected || this.#leftOut.previousElementSibling !== after) this.#put(this.#leftOut, after);
    (this.#leftOut.firstElementChild as Element).textContent = `${count.toLocaleString("en")} more outputs`;
    return this.#leftOut;
  }

  #put(element: Element, after: Element | null): void {
    place(this.element, element, after === null ? this.element.firstElementChild : after.nextElementSibling);
  }

  /** Beginning with the first that is not shown yet. */
  #showAll(): void {
    for (const index of this.#shown.keys()) this.#drop(index);
    this.#leftOut?.remove();
    const make = (output: Output) => show(output, this.#around, this.#isNear);
    this.#window = new OutputWindow(this.#latest?.outputs ?? Outputs.NONE, make, () => this.#showFewer());
    this.element.append(this.#window.element);
    this.#window.goTo(FIRST);
    this.element.scrollIntoView({ block: "nearest" });
  }

  #showFewer(): void {
    this.#closeWindow();
    this.update(this.#latest);
    this.#leftOut?.querySelector("button")?.focus();
  }

  #closeWindow(): void {
    this.#window?.destroy();
    this.#window = null;
  }

  #letGo(): void {
    clearTimeout(this.#release);
    this.element.style.minHeight = "";
    this.element.hidden = this.isEmpty;
  }

  #drop(index: number): void {
    const shown = this.#shown.get(index);
    this.#shown.delete(index);
    shown?.element.remove();
    shown?.destroy();
  }
}

function show(output: Output, around: Surroundings, isNear: boolean): Shown {
  if (output.output_type === "stream") return new StreamView(output);
  if (output.output_type === "error") return traceback(output, around);
  return new RichOutput(output, around, isNear);
}
