// What stands in the place of code or outputs that are folded away: pressing it brings them back.

import { h } from "./dom.ts";
import { icon } from "./icons.ts";

export interface Folded {
  readonly source_hidden: boolean;
  readonly outputs_hidden: boolean;
}

export class CellFolds {
  readonly input: HTMLElement;
  readonly outputs: HTMLElement;
  readonly #firstLine = h("code", {});

  constructor(unfold: (what: "input" | "output") => void) {
    const stub = (label: string, what: "input" | "output", ...more: HTMLElement[]) =>
      h("button", { type: "button", class: "folded", "aria-label": label, title: label, click: () => unfold(what) }, icon("chevron"), ...more);
    this.input = stub("Show the code", "input", this.#firstLine);
    this.outputs = stub("Show the output", "output", h("span", {}, "Output is folded"));
  }

  show({ source_hidden, outputs_hidden }: Folded, source: string, hasOutputs: boolean): void {
    this.input.hidden = !source_hidden;
    this.outputs.hidden = !(outputs_hidden && hasOutputs);
    if (!source_hidden) return;
    const [first = "", ...others] = source.split("\n");
    this.#firstLine.textContent = others.length > 0 ? `${first} …` : first;
  }
}
