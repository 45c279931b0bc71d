// What folds outputs away, and what stands in the place of folded code and outputs: pressing it brings them back.

import { h } from "./dom.ts";
import { icon } from "./icons.ts";

export interface Folded {
  readonly source_hidden: boolean;
  readonly outputs_hidden: boolean;
}

/** Where the parts go when they are made: of 1,000 cells hardly one is folded. */
export interface FoldPlaces {
  input(stub: HTMLElement): void;
  outputs(stub: HTMLElement): void;
  bar(bar: HTMLElement): void;
}

export class CellFolds {
  readonly #toggle: (what: "input" | "output") => void;
  readonly #places: FoldPlaces;
  readonly #firstLine = h("code", {});
  #input: HTMLElement | null = null;
  #outputs: HTMLElement | null = null;
  /** Beside outputs that are shown: pressing it folds them. */
  #bar: HTMLElement | null = null;
  #barIsShown = false;
  #isMounted = false;

  constructor(toggle: (what: "input" | "output") => void, places: FoldPlaces) {
    this.#toggle = toggle;
    this.#places = places;
  }

  /** The cell came near: make what the pointer uses. */
  mount(): void {
    this.#isMounted = true;
    this.#showBar();
  }

  show({ source_hidden, outputs_hidden }: Folded, source: string, hasOutputs: boolean): void {
    if (source_hidden && this.#input === null) {
      this.#input = this.#stub("Show the code", "input", this.#firstLine);
      this.#places.input(this.#input);
    }
    if (outputs_hidden && hasOutputs && this.#outputs === null) {
      this.#outputs = this.#stub("Show the output", "output", h("span", {}, "Output is folded"));
      this.#places.outputs(this.#outputs);
    }
    setHidden(this.#input, !source_hidden);
    setHidden(this.#outputs, !(outputs_hidden && hasOutputs));
    this.#barIsShown = !outputs_hidden && hasOutputs;
    this.#showBar();
    if (!source_hidden) return;
    const [first = "", ...others] = source.split("\n");
    this.#firstLine.textContent = others.length > 0 ? `${first} …` : first;
  }

  #showBar(): void {
    if (this.#barIsShown && this.#isMounted && this.#bar === null) {
      const fold = { "aria-label": "Fold the output", title: "Fold the output (O)", tabindex: "-1" }; // by key: O
      this.#bar = h("button", { type: "button", class: "fold-bar", click: () => this.#toggle("output"), ...fold });
      this.#places.bar(this.#bar);
    }
    setHidden(this.#bar, !this.#barIsShown);
  }

  #stub(label: string, what: "input" | "output", ...more: HTMLElement[]): HTMLElement {
    const look = { class: "folded", "aria-label": label, title: label };
    return h("button", { type: "button", click: () => this.#toggle(what), ...look }, icon("chevron"), ...more);
  }
}

function setHidden(element: HTMLElement | null, isHidden: boolean): void {
  if (element !== null && element.hidden !== isHidden) element.hidden = isHidden;
}
