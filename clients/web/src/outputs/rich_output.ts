// An output that offers its value in several forms (a display, or a cell's result), drawn in the best of them.
//
// Text is there at once, for the reader and for whoever searches the page. What is costly is drawn when it comes near the
// screen (nearness.ts) and holds its place until then, so that nothing jumps. What replaces it is drawn beside it first, the
// newest alone if many come: a display that is updated twenty times a second does not flicker.

import type { Output } from "../core/schema.ts";
import { h } from "../page/dom.ts";
import { type Bundle, choose, type Surroundings } from "./mime.ts";
import { type Watched, whenNear } from "./nearness.ts";
import { richTools } from "./output_tools.ts";
import { dispose } from "./sandbox.ts";

const UNSEEN = 120; // pixels that a costly output takes until it was drawn once

interface Wanted {
  readonly output: Output;
  readonly key: string;
  readonly bundle: Bundle;
}

export class RichOutput {
  readonly element = h("div", { class: "rich" });
  readonly #around: Surroundings;
  #wanted: Wanted;
  #drawn: { element: HTMLElement; key: string } | null = null;
  #mayDraw = false;
  #isDrawing = false;
  #cellIsNear: boolean;
  #watched: Watched | null = null;

  constructor(output: Output, around: Surroundings, cellIsNear: boolean) {
    this.#around = around;
    this.#cellIsNear = cellIsNear;
    this.#wanted = wanted(output);
    richTools(this.element, () => this.#wanted.bundle);
    this.#begin();
  }

  update(output: Output): boolean {
    if (output === this.#wanted.output) return true;
    if (output.output_type === "stream" || output.output_type === "error") return false;
    const next = wanted(output);
    if (next.key === this.#wanted.key) return true;
    this.#wanted = next;
    this.#begin();
    return true;
  }

  setNear(cellIsNear: boolean): void {
    this.#cellIsNear = cellIsNear;
    this.#watched?.watch(cellIsNear);
  }

  destroy(): void {
    this.#watched?.end();
    this.#mayDraw = false;
    this.#putAway();
  }

  #begin(): void {
    const isCostly = choose(this.#wanted.bundle, this.#around)?.isCostly === true;
    if (isCostly && this.#watched === null && !this.#mayDraw) {
      this.#hold(UNSEEN);
      this.#watched = whenNear(this.element, {
        draw: () => {
          this.#mayDraw = true;
          void this.#draw();
        },
        putAway: () => {
          this.#hold(this.element.offsetHeight);
          this.#mayDraw = false;
          this.#putAway();
        },
      });
      this.#watched.watch(this.#cellIsNear);
    } else if (!isCostly || this.#mayDraw) {
      this.#mayDraw = true;
      void this.#draw();
    }
  }

  async #draw(): Promise<void> {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    while (this.#mayDraw && this.#drawn?.key !== this.#wanted.key) {
      const { key, bundle } = this.#wanted;
      const element = h("div", { class: this.#drawn === null ? "drawing" : "drawing coming" });
      this.element.append(element);
      await this.#drawInto(element, bundle);
      if (this.#mayDraw) this.#replace(element, key);
      else discard(element);
    }
    this.#isDrawing = false;
  }

  async #drawInto(element: HTMLElement, bundle: Bundle): Promise<void> {
    const renderer = choose(bundle, this.#around);
    const offered = Object.keys(bundle.data).join(", ") || "this output";
    try {
      if (renderer === null) element.append(h("em", {}, `This page cannot show ${offered}.`));
      else await renderer.draw(element);
    } catch (error) {
      element.replaceChildren(h("em", {}, error instanceof Error ? error.message : `${error}`));
    }
  }

  #replace(element: HTMLElement, key: string): void {
    this.#putAway();
    element.classList.remove("coming");
    this.#drawn = { element, key };
    this.#hold(0);
  }

  #putAway(): void {
    if (this.#drawn !== null) discard(this.#drawn.element);
    this.#drawn = null;
  }

  #hold(pixels: number): void {
    this.element.style.minHeight = pixels > 0 ? `${pixels}px` : "";
  }
}

function wanted(output: Output): Wanted {
  return { output, key: JSON.stringify(output), bundle: { data: output.data ?? {}, metadata: output.metadata ?? {} } };
}

function discard(element: HTMLElement): void {
  dispose(element);
  element.remove();
}
