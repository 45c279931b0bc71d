// Outputs as elements. One OutputArea shows the outputs of a cell's latest execution and redraws only those that changed.
// Of thousands it shows the first and the last, and the others on demand: what an update costs does not grow with them.

import { type Execution, type Output, Outputs } from "../core/schema.ts";
import { h, place } from "../page/dom.ts";
import type { Surroundings } from "./mime.ts";
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

const FIRST = 150; // outputs of a cell that are shown at its beginning; more on demand
const LAST = 50; // and at its end, where the newest are
const STEP = 200; // outputs that one press, or one frame of "show all", adds
const KEPT = 1000; // milliseconds for which a cell that runs again keeps its outputs' height: the page does not jump

export class OutputArea {
  readonly element = h("div", { class: "outputs", role: "region", "aria-label": "Output" });
  readonly #around: Surroundings;
  #latest: Execution | null = null;
  #first = FIRST;
  #wanted = FIRST; // how many shall be shown at the beginning; `#first` grows to it, a step a frame
  #growing = false;
  #leftOut: HTMLElement | null = null;
  readonly #shown = new Map<number, Shown>(); // by place, in order
  #execution: string | null = null;
  #isNear = false;
  #release: ReturnType<typeof setTimeout> | undefined;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  update(execution: Execution | null): void {
    this.#latest = execution;
    if (this.#execution !== (execution?.id ?? null)) this.#begin(execution);
    const outputs = execution?.outputs ?? Outputs.NONE;
    const { length } = outputs;
    const head = length <= this.#first + LAST ? length : this.#first;
    const tail = Math.max(head, length - LAST);
    for (const index of this.#shown.keys()) if (index >= length || (index >= head && index < tail)) this.#drop(index);
    let before: Element | null = null; // the element that the next one comes after
    for (let index = 0; index < head; index++) before = this.#show(index, outputs.at(index), before);
    before = this.#leaveOut(tail - head, before);
    for (let index = tail; index < length; index++) before = this.#show(index, outputs.at(index), before);
    if (head < tail && this.#first < this.#wanted) this.#grow();
    this.element.hidden = length === 0 && this.element.style.minHeight === "";
    if (execution?.status !== "queued" && execution?.status !== "running") this.#letGo();
  }

  get isEmpty(): boolean {
    return this.#shown.size === 0;
  }

  /** The cell came near the screen, or went away from it. */
  setNear(isNear: boolean): void {
    this.#isNear = isNear;
    for (const shown of this.#shown.values()) shown.setNear?.(isNear);
  }

  #begin(execution: Execution | null): void {
    const height = this.#shown.size > 0 ? this.element.offsetHeight : 0;
    this.#execution = execution?.id ?? null;
    this.#first = this.#wanted = FIRST;
    for (const index of this.#shown.keys()) this.#drop(index);
    if (execution === null || height === 0) return;
    this.element.style.minHeight = `${height}px`;
    clearTimeout(this.#release);
    this.#release = setTimeout(() => this.#letGo(), KEPT);
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
      h("button", { type: "button", class: "more", click: () => this.#showMore(STEP) }, `Show ${STEP} more`),
      h("button", { type: "button", class: "more", click: () => this.#showMore(Infinity) }, "Show all"),
    );
    if (!this.#leftOut.isConnected || this.#leftOut.previousElementSibling !== after) this.#put(this.#leftOut, after);
    (this.#leftOut.firstElementChild as Element).textContent = `${count.toLocaleString("en")} more outputs`;
    return this.#leftOut;
  }

  #put(element: Element, after: Element | null): void {
    place(this.element, element, after === null ? this.element.firstElementChild : after.nextElementSibling);
  }

  #showMore(count: number): void {
    this.#wanted += count;
    this.#grow();
  }

  /** Show a step more in the next frame, until as many are shown as were asked for. */
  #grow(): void {
    if (this.#growing) return;
    this.#growing = true;
    requestAnimationFrame(() => {
      this.#growing = false;
      this.#first = Math.min(this.#first + STEP, this.#wanted);
      this.update(this.#latest);
    });
  }

  #letGo(): void {
    clearTimeout(this.#release);
    this.element.style.minHeight = "";
    this.element.hidden = this.#shown.size === 0;
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
  if (output.output_type === "error") return traceback(output);
  return new RichOutput(output, around, isNear);
}
