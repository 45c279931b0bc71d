// All outputs of a cell that has thousands, in a box of its own that scrolls: those that show, and some beyond, are on the
// page, and no others.
//
// Owns which are made, how high each was when it was last seen, and the place where the reader is: what becomes higher or
// lower above that, or comes in, does not move it. Whoever is at the end stays at the end. The box takes the focus, so keys
// scroll it; if what has the focus leaves the page, the box has it.
//
// To set where a box is scrolled to ends the scrolling that is under way. So while it scrolls, what was found to be higher
// or lower above the reader is made up for by the room above (`#shift`), and put right when the scrolling has ended.

import { Heights } from "../core/heights.ts";
import type { Output, Outputs } from "../core/schema.ts";
import { h } from "../page/dom.ts";
import type { Shown } from "./render.ts";

const BEYOND = 600; // pixels above and below what shows, for which outputs are made
const GUESS = 40; // pixels of an output until one was seen
const END = 4; // pixels from the end that count as the end

interface Made {
  readonly item: HTMLElement;
  shown: Shown;
}

export class OutputWindow {
  readonly element: HTMLElement;
  readonly #make: (output: Output) => Shown;
  readonly #scroller = h("div", { class: "window", role: "list", tabindex: "0" });
  readonly #above = h("div", { role: "presentation" });
  readonly #below = h("div", { role: "presentation" });
  readonly #count = h("span");
  readonly #heights = new Heights(GUESS);
  readonly #made = new Map<number, Made>();
  readonly #places = new WeakMap<Element, number>();
  readonly #observer = new ResizeObserver((entries) => this.#measured(entries));
  #outputs: Outputs;
  #isAtEnd = false;
  #endedAt = -1; // where it was scrolled to when it was put to the end: what comes in after that moves the end
  #shift = 0; // pixels by which outputs stand lower in the box than by their heights

  /** `make` draws one output, `close` shows fewer. */
  constructor(outputs: Outputs, make: (output: Output) => Shown, close: () => void) {
    this.#outputs = outputs;
    this.#make = make;
    const fewer = h("button", { type: "button", class: "more", click: close }, "Show fewer");
    this.element = h("div", { class: "output-window" }, h("div", { class: "window-tools" }, this.#count, fewer), this.#scroller);
    this.#scroller.append(this.#above, this.#below);
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#scroller.addEventListener("scrollend", () => this.#putRight());
    this.#scroller.addEventListener("keydown", (event) => this.#pressed(event));
    this.#observer.observe(this.#scroller);
    this.update(outputs);
  }

  /** These are the outputs now. */
  update(outputs: Outputs): void {
    this.#outputs = outputs;
    const { length } = outputs;
    this.#count.textContent = `${length.toLocaleString("en")} outputs`;
    this.#scroller.setAttribute("aria-label", `All ${length.toLocaleString("en")} outputs`);
    for (const [index, made] of this.#made) {
      if (index >= length) this.#drop(index);
      else if (!made.shown.update(outputs.at(index))) {
        const next = this.#make(outputs.at(index));
        made.shown.element.replaceWith(next.element);
        made.shown.destroy();
        made.shown = next;
      }
    }
    this.#keepPlace(() => this.#heights.resize(length));
  }

  /** Have this output at the top, and the focus. */
  goTo(index: number): void {
    this.#scroller.focus({ preventScroll: true });
    this.#isAtEnd = false;
    this.#scroller.scrollTop = this.#heights.top(index) + this.#shift;
    this.#scrolled();
  }

  /** The cell came near the screen, or went away from it. */
  setNear(isNear: boolean): void {
    for (const { shown } of this.#made.values()) shown.setNear?.(isNear);
  }

  destroy(): void {
    this.#observer.disconnect();
    for (const { shown } of this.#made.values()) shown.destroy();
    this.element.remove();
  }

  #scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    this.#isAtEnd = (this.#isAtEnd && scrollTop === this.#endedAt) || scrollTop + clientHeight >= scrollHeight - END;
    this.#arrange();
  }

  /** Home and End at once: on a long way past thousands there is nothing to see. */
  #pressed(event: KeyboardEvent): void {
    if (event.target !== this.#scroller || (event.key !== "Home" && event.key !== "End")) return;
    event.preventDefault();
    if (event.key === "Home") return this.goTo(0);
    this.#isAtEnd = true;
    this.#keepPlace(() => {});
  }

  #measured(entries: ResizeObserverEntry[]): void {
    if (this.#scroller.clientHeight === 0) return; // it is folded away: nothing has a height
    this.#keepPlace(() => {
      for (const { target, borderBoxSize } of entries) {
        const index = this.#places.get(target);
        if (index !== undefined && this.#made.get(index)?.item === target) this.#heights.measured(index, borderBoxSize[0]?.blockSize ?? 0);
      }
    });
  }

  /** Whatever `change` does to heights, the output at the top stays where it is, or the end at the end. */
  #keepPlace(change: () => void): void {
    const { scrollTop } = this.#scroller;
    const place = scrollTop - this.#shift;
    const first = this.#heights.at(place);
    const hidden = place - this.#heights.top(first);
    change();
    this.#shift = scrollTop - this.#heights.top(first) - hidden;
    this.#arrange();
    if (!this.#isAtEnd) return;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#endedAt = this.#scroller.scrollTop;
    this.#arrange();
  }

  #putRight(): void {
    if (this.#shift === 0) return;
    const place = this.#scroller.scrollTop - this.#shift;
    this.#shift = 0;
    this.#arrange(place);
    this.#scroller.scrollTop = place;
  }

  /** Have on the page what belongs there when the outputs at this place show. */
  #arrange(place = this.#scroller.scrollTop - this.#shift): void {
    const { clientHeight } = this.#scroller;
    const { length } = this.#outputs;
    const from = this.#heights.at(place - BEYOND);
    const to = Math.min(length, this.#heights.at(place + clientHeight + BEYOND) + 1);
    for (const index of this.#made.keys()) if (index < from || index >= to) this.#drop(index);
    let before: Element = this.#above;
    for (let index = from; index < to; index++) {
      const { item } = this.#made.get(index) ?? this.#add(index);
      if (item.previousElementSibling !== before) before.after(item); // only what is new: nothing moves that stands
      item.setAttribute("aria-setsize", `${length}`);
      before = item;
    }
    const above = this.#heights.top(from) + this.#shift;
    this.#above.style.height = `${Math.max(0, above)}px`;
    this.#below.style.height = `${this.#heights.top(length) - this.#heights.top(to)}px`;
    if (above < 0 || (from === 0 && above > 0)) this.#putRight(); // no room above is left, or nothing that belongs there
  }

  #add(index: number): Made {
    const shown = this.#make(this.#outputs.at(index));
    const item = h("div", { class: "window-item", role: "listitem", "aria-posinset": `${index + 1}` }, shown.element);
    const made = { item, shown };
    this.#made.set(index, made);
    this.#places.set(item, index);
    this.#observer.observe(item);
    return made;
  }

  #drop(index: number): void {
    const made = this.#made.get(index);
    if (made === undefined) return;
    if (made.item.contains(document.activeElement)) this.#scroller.focus({ preventScroll: true });
    this.#made.delete(index);
    this.#observer.unobserve(made.item);
    made.item.remove();
    made.shown.destroy();
  }
}
