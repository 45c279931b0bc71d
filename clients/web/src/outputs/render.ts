// Outputs as elements. One OutputArea shows the outputs of a cell's latest execution and redraws only those that changed.

import type { Execution, Output } from "../core/schema.ts";
import { h } from "../page/dom.ts";
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

const AT_ONCE = 200; // outputs of a cell; more are shown on demand
const KEPT = 1000; // milliseconds for which a cell that runs again keeps its outputs' height: the page does not jump

export class OutputArea {
  readonly element = h("div", { class: "outputs", role: "region", "aria-label": "Output" });
  readonly #around: Surroundings;
  readonly #more = h("button", { type: "button", class: "more", click: () => this.#showMore() });
  #latest: Execution | null = null;
  #most = AT_ONCE;
  #shown: Shown[] = [];
  #execution: string | null = null;
  #isNear = false;
  #release: ReturnType<typeof setTimeout> | undefined;

  constructor(around: Surroundings) {
    this.#around = around;
    this.element.append(this.#more);
  }

  update(execution: Execution | null): void {
    this.#latest = execution;
    const all = execution?.outputs ?? [];
    const outputs = all.slice(0, this.#most);
    if (this.#execution !== (execution?.id ?? null)) this.#begin(execution);
    this.#cut(outputs.length);
    for (const [index, output] of outputs.entries()) {
      const before = this.#shown[index];
      if (before?.update(output) === true) continue;
      const shown = show(output, this.#around, this.#isNear);
      if (before === undefined) this.#more.before(shown.element);
      else {
        before.element.replaceWith(shown.element);
        before.destroy();
      }
      this.#shown[index] = shown;
    }
    this.#more.hidden = all.length <= outputs.length;
    this.#more.textContent = `${(all.length - outputs.length).toLocaleString("en")} more outputs · show`;
    this.element.hidden = outputs.length === 0 && this.element.style.minHeight === "";
    if (execution?.status !== "queued" && execution?.status !== "running") this.#letGo();
  }

  get isEmpty(): boolean {
    return this.#shown.length === 0;
  }

  /** The cell came near the screen, or went away from it. */
  setNear(isNear: boolean): void {
    this.#isNear = isNear;
    for (const shown of this.#shown) shown.setNear?.(isNear);
  }

  #begin(execution: Execution | null): void {
    const height = this.#shown.length > 0 ? this.element.offsetHeight : 0;
    this.#execution = execution?.id ?? null;
    this.#most = AT_ONCE;
    this.#cut(0);
    if (execution === null || height === 0) return;
    this.element.style.minHeight = `${height}px`;
    clearTimeout(this.#release);
    this.#release = setTimeout(() => this.#letGo(), KEPT);
  }

  #showMore(): void {
    this.#most += AT_ONCE;
    this.update(this.#latest);
  }

  #letGo(): void {
    clearTimeout(this.#release);
    this.element.style.minHeight = "";
    this.element.hidden = this.#shown.length === 0;
  }

  #cut(length: number): void {
    for (const shown of this.#shown.splice(length)) {
      shown.element.remove();
      shown.destroy();
    }
  }
}

function show(output: Output, around: Surroundings, isNear: boolean): Shown {
  if (output.output_type === "stream") return new StreamView(output);
  if (output.output_type === "error") return traceback(output);
  return new RichOutput(output, around, isNear);
}
