// What folds outputs away, and what stands in the place of folded code and outputs: pressing it brings them back.

import { h } from "./dom.ts";
import { icon } from "./icons.ts";

export interface Folded {
  readonly source_hidden: boolean;
  readonly outputs_hidden: boolean;
}

export class CellFolds {
  readonly input: HTMLElement;
  readonly outputs: HTMLElement;
  /** Beside outputs that are shown: pressing it folds them. */
  readonly bar: HTMLElement;
  readonly #firstLine = h("code", {});

  constructor(toggle: (what: "input" | "output") => void) {
    const stub = (label: string, what: "input" | "output", ...more: HTMLElement[]) =>
      h("button", { type: "button", class: "folded", "aria-label": label, title: label, click: () => toggle(what) }, icon("chevron"), ...more);
    this.input = stub("Show the code", "input", this.#firstLine);
    this.outputs = stub("Show the output", "output", h("span", {}, "Output is folded"));
    const fold = { "aria-label": "Fold the output", title: "Fold the output (O)", tabindex: "-1" }; // by key: O
    this.bar = h("button", { type: "button", class: "fold-bar", click: () => toggle("output"), ...fold });
  }

  show({ source_hidden, outputs_hidden }: Folded, source: string, hasOutputs: boolean): void {
    this.input.hidden = !source_hidden;
    this.outputs.hidden = !(outputs_hidden && hasOutputs);
    this.bar.hidden = outputs_hidden || !hasOutputs;
    if (!source_hidden) return;
    const [first = "", ...others] = source.split("\n");
    this.#firstLine.textContent = others.length > 0 ? `${first} …` : first;
  }
}
