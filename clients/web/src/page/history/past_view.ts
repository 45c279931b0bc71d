// The notebook as it was, in the place of its cells, with what differs from another moment: cells added, deleted, moved,
// changed, line by line. Cells in which nothing differs are folded between those in which something does.

import { type CellDiff, diffCells, type Field, same, type Then } from "../../core/history/diff.ts";
import { diffLines, type Line } from "../../core/history/lines.ts";
import type { Moment } from "../../core/history/moments.ts";
import { h } from "../dom.ts";
import { authorChip, said } from "../people_text.ts";
import { changedText } from "./changed_line.ts";

export type Comparison = "before" | "now";

export interface PastActions {
  now(): void;
  compare(comparison: Comparison): void;
  restore(cellIds: readonly string[] | "whole"): void;
  mayRestore(): boolean;
}

const CONTEXT = 3; // lines around those that differ
const KINDS = { code: "Code", markdown: "Text", raw: "Raw" } as const;

export class PastView {
  readonly element = h("main", { class: "past", tabindex: "-1", "aria-label": "The notebook as it was" });
  readonly #actions: PastActions;
  readonly #open = new Set<string>(); // folds that were opened

  constructor(actions: PastActions) {
    this.#actions = actions;
    this.element.hidden = true;
  }

  /** What differs between `old` and `now`, one of which is `chosen`; null for `old` before anything was. */
  show(chosen: Moment, old: Then | null, now: Then, comparison: Comparison | "other", other: Moment | null): void {
    const cells = diffCells(old?.cells ?? [], now.cells);
    const parts: HTMLElement[] = [];
    let fold: CellDiff[] = [];
    const close = () => {
      if (fold.length > 0) parts.push(this.#fold(fold));
      fold = [];
    };
    for (const cell of cells) {
      if (cell.kind === "same") fold.push(cell);
      else {
        close();
        parts.push(this.#cell(cell, comparison));
      }
    }
    close();
    const keys = [...new Set([...Object.keys(old?.metadata ?? {}), ...Object.keys(now.metadata)])];
    const settings = keys.filter((key) => !same(old?.metadata[key], now.metadata[key]));
    if (settings.length > 0) parts.push(h("p", { class: "quiet" }, `The notebook's settings differ: ${settings.join(", ")}.`));
    const changed = cells.some(({ kind }) => kind !== "same") || settings.length > 0;
    if (!changed) parts.unshift(h("p", { class: "quiet" }, NOTHING[comparison]));
    const hadFocus = this.element.contains(document.activeElement);
    this.element.replaceChildren(this.#head(chosen, comparison, other), ...parts);
    if (hadFocus) this.element.focus({ preventScroll: true });
  }

  #head(chosen: Moment, comparison: Comparison | "other", other: Moment | null): HTMLElement {
    const names = chosen.names.map((name) => h("span", { class: "version" }, name));
    const what = h("p", { class: "what" }, h("b", {}, said(chosen.ended)), " ", ...chosen.authors.flatMap((author) => [authorChip(author), " "]), ...names);
    const way = (id: Comparison, words: string) =>
      h("button", { type: "button", class: "plain small", "aria-pressed": `${comparison === id}`, click: () => this.#actions.compare(id) }, words);
    const picked = other === null || comparison !== "other" ? null : h("span", { class: "small quiet" }, `Compared with ${other.number}, ${said(other.ended)}`);
    const restore = h("button", { type: "button", class: "plain small", click: () => this.#actions.restore("whole") }, "Restore the notebook");
    restore.hidden = !this.#actions.mayRestore();
    const back = h("button", { type: "button", class: "plain small", click: () => this.#actions.now() }, "Back to now");
    const ways = h("div", { class: "ways", role: "group", "aria-label": "Compare" }, way("before", "What it changed"), way("now", "What changed since"), picked);
    return h("header", {}, what, ways, h("div", { class: "row" }, restore, back));
  }

  #cell(diff: CellDiff, comparison: Comparison | "other"): HTMLElement {
    const { cellId, kind, old, now, moved, fields } = diff;
    const shown = (now ?? old) as NonNullable<typeof now>;
    const then = comparison === "now" ? old : now; // what the chosen moment has of it
    const words = kind === "changed" ? [...(moved ? ["moved"] : []), ...fields.map((field) => saysOf(field, diff))] : [kind];
    const restore = h("button", { type: "button", class: "plain small", click: () => this.#actions.restore([cellId]) }, "Restore this cell");
    restore.hidden = then === null || !this.#actions.mayRestore();
    const head = h("header", {}, h("span", { class: "kind" }, KINDS[shown.type]), h("span", { class: "words" }, words.join(", ")), restore);
    const lines = fields.includes("source") ? diffLines(old?.source ?? "", now?.source ?? "") : shown.source.split("\n").map((text): Line => ({ kind: "same", text }));
    return h("article", { class: `then ${kind}`, "data-then": cellId }, head, drawLines(lines, fields.includes("source")));
  }

  #fold(cells: readonly CellDiff[]): HTMLElement {
    const key = cells.map(({ cellId }) => cellId).join();
    const words = cells.length === 1 ? "1 cell that is the same" : `${cells.length} cells that are the same`;
    const fold = h("details", { class: "fold", open: this.#open.has(key) }, h("summary", {}, words));
    const fill = () => {
      if (fold.childElementCount > 1) return;
      for (const { now } of cells) {
        const lines = (now?.source ?? "").split("\n").map((text): Line => ({ kind: "same", text }));
        if (now !== null) fold.append(h("article", { class: "then same" }, h("header", {}, h("span", { class: "kind" }, KINDS[now.type])), drawLines(lines, false)));
      }
    };
    fold.addEventListener("toggle", () => {
      if (fold.open) fill();
      if (fold.open) this.#open.add(key);
      else this.#open.delete(key);
    });
    if (fold.open) fill();
    return fold;
  }
}

const NOTHING = {
  before: "Nothing in the cells changed at this moment: comments, names, or proposals did.",
  now: "The notebook says the same now.",
  other: "Both moments say the same.",
} as const;

function saysOf(field: Field, { old, now }: CellDiff): string {
  if (field === "type") return `${KINDS[old?.type ?? "raw"]} became ${KINDS[now?.type ?? "raw"]}`.toLowerCase();
  return `${field} changed`;
}

function drawLines(lines: readonly Line[], isDiff: boolean): HTMLElement {
  const near = new Set<number>();
  for (const [index, { kind }] of lines.entries()) {
    if (kind !== "same") for (let i = index - CONTEXT; i <= index + CONTEXT; i++) near.add(i);
  }
  const rows: HTMLElement[] = [];
  let skipped = 0;
  const skip = () => {
    if (skipped > 0) rows.push(h("div", { class: "skipped" }, skipped === 1 ? "1 line" : `${skipped} lines`));
    skipped = 0;
  };
  for (const [index, line] of lines.entries()) {
    if (isDiff && !near.has(index)) {
      skipped++;
      continue;
    }
    skip();
    rows.push(drawLine(line, changedText(lines, index)));
  }
  skip();
  return h("div", { class: "lines" }, ...rows);
}

function drawLine({ kind }: Line, text: (string | HTMLElement)[]): HTMLElement {
  const sign = { same: " ", added: "+", deleted: "-" }[kind];
  const code = h("code", {}, ...text);
  return h("div", { class: `diff-line ${kind}` }, h("span", { class: "sign", "aria-hidden": "true" }, sign), kind === "same" ? null : h("span", { class: "heard" }, kind), code);
}
