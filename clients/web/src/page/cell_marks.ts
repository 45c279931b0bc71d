// The small marks beside a cell that other parts of the page put there: stale, a problem, a proposal, comments.
//
// Each part owns the mark of its own key and sets or clears it; the marks stand in the order of their keys' first letters
// of this list, so they do not jump about.

import { h } from "./dom.ts";
import { icon, type IconName } from "./icons.ts";

/** Who may mark a cell; the order in which marks stand. */
export const MARKS = ["section", "problem", "packages", "stale", "proposal", "agent", "comments", "history"] as const;
export type MarkKey = (typeof MARKS)[number];

export interface Mark {
  readonly icon: IconName;
  /** Shown beside the icon, if there is something to count. */
  readonly text?: string;
  /** What it means, in a sentence: the tooltip, and what a screen reader says. */
  readonly title: string;
  readonly tone: "calm" | "accent" | "warn" | "bad";
  /** What pressing it does; it is no button without. */
  readonly press?: () => void;
}

export class CellMarks {
  readonly element = h("div", { class: "marks" });
  readonly #marks = new Map<MarkKey, Mark>();

  set(key: MarkKey, mark: Mark | null): void {
    if (mark === null ? !this.#marks.delete(key) : same(this.#marks.get(key), mark)) return;
    if (mark !== null) this.#marks.set(key, mark);
    this.element.replaceChildren(...MARKS.flatMap((each) => draw(each, this.#marks.get(each))));
  }

  /** What they say, for the cell's own label. */
  get titles(): string[] {
    return MARKS.flatMap((key) => this.#marks.get(key)?.title ?? []);
  }
}

function draw(key: MarkKey, mark: Mark | undefined): HTMLElement[] {
  if (mark === undefined) return [];
  const { press, title, tone, text } = mark;
  const inside = [icon(mark.icon), text === undefined ? null : h("span", { "aria-hidden": "true" }, text), h("span", { class: "heard" }, title)];
  const look = { class: `mark ${tone}`, title, "data-mark": key };
  return [press === undefined ? h("span", look, ...inside) : h("button", { ...look, type: "button", click: press }, ...inside)];
}

const same = (a: Mark | undefined, b: Mark): boolean =>
  a !== undefined && a.icon === b.icon && a.text === b.text && a.title === b.title && a.tone === b.tone && a.press === b.press;
