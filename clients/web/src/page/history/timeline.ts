// The moments of a notebook's life as a slider and a list, newest first: the panel's side of the history.
//
// The slider is the browser's own, so arrow keys, Page Up and Down, Home and End work. Choosing is told at once; drawing
// what was is somebody else's.

import type { Moment } from "../../core/history/moments.ts";
import { button, h } from "../dom.ts";
import { authorChip, clockOf, dayOf, said } from "../people_text.ts";

export interface TimelineActions {
  /** null: the notebook as it is. */
  choose(moment: Moment | null): void;
  compareWith(moment: Moment): void;
  /** Take back what agents did at this moment. */
  undo(moment: Moment): void;
  name(moment: Moment | null): void;
  mayName(): boolean;
}

/** The changes at a moment that agents and programs made, which are undone as one. */
export const byAgents = ({ written }: Moment): string[] => written.flatMap(({ hash, author }) => (author.kind === "agent" || author.kind === "program" ? hash : []));

const SHOWN = 400; // moments in the list; the slider has all of them

export class Timeline {
  readonly element: HTMLElement;
  readonly #actions: TimelineActions;
  readonly #slider: HTMLInputElement;
  readonly #where = h("p", { class: "where", "aria-live": "polite" });
  readonly #list = h("ol", { class: "moments", "aria-label": "Moments" });
  readonly #items = new Map<string, HTMLElement>();
  #moments: readonly Moment[] = [];
  #undone: ReadonlySet<string> = new Set();
  #marked: (HTMLElement | undefined)[] = []; // the chosen item, and the other one

  constructor(actions: TimelineActions) {
    this.#actions = actions;
    this.#slider = h("input", {
      type: "range",
      min: "1",
      step: "1",
      "aria-label": "The notebook's life",
      input: () => this.#slid(),
      keydown: (event: KeyboardEvent) => event.stopPropagation(), // arrows are the slider's; but Escape closes the panel
    });
    this.#slider.addEventListener("keydown", (event) => event.key === "Escape" && this.#actions.choose(null));
    const back = button("The moment before", "chevron", () => this.#step(-1));
    back.classList.add("flipped");
    const next = button("The next moment", "chevron", () => this.#step(1));
    const name = h("button", { type: "button", class: "plain small", click: () => actions.name(this.#chosen()) }, "Name this version…");
    name.hidden = !actions.mayName();
    this.element = h(
      "div",
      { class: "timeline" },
      h("div", { class: "scrub" }, h("div", { class: "row" }, back, this.#slider, next), this.#where, name),
      this.#list,
    );
  }

  show(moments: readonly Moment[], chosen: Moment | null, other: Moment | null): void {
    this.#moments = moments;
    this.#slider.max = `${moments.length + 1}`;
    const focused = document.activeElement?.closest<HTMLElement>("[data-moment]")?.dataset["moment"];
    this.#items.clear();
    const rows: HTMLElement[] = [];
    let day = "";
    for (const moment of moments.slice(-SHOWN).toReversed()) {
      const its = dayOf(moment.ended);
      if (its !== day) rows.push(h("li", { class: "day" }, (day = its)));
      const item = this.#item(moment);
      this.#items.set(moment.id, item);
      rows.push(item);
    }
    const more = moments.length - SHOWN;
    if (more > 0) rows.push(h("li", { class: "quiet" }, `… and ${more} before; the slider reaches them.`));
    const now = this.#nowItem();
    this.#items.set("now", now);
    this.#list.replaceChildren(now, ...rows);
    this.mark(chosen, other);
    this.setUndone(this.#undone);
    if (focused !== undefined) this.#list.querySelector<HTMLElement>(`[data-moment="${focused}"] button`)?.focus();
  }

  mark(chosen: Moment | null, other: Moment | null): void {
    const at = chosen === null ? this.#moments.length + 1 : chosen.number;
    this.#slider.value = `${at}`;
    const words = chosen === null ? "Now" : `${said(chosen.ended)}, ${chosen.authors.map(({ name }) => name).join(", ")}`;
    this.#slider.setAttribute("aria-valuetext", words);
    this.#where.replaceChildren(
      ...(chosen === null ? ["The notebook as it is"] : [h("b", {}, `${chosen.number}`), ` of ${this.#moments.length} · ${said(chosen.ended)}`]),
    );
    const items = { chosen: this.#items.get(chosen?.id ?? "now"), other: this.#items.get(other?.id ?? "") };
    for (const item of new Set([...this.#marked, items.chosen, items.other])) {
      if (item === undefined) continue;
      item.classList.toggle("chosen", item === items.chosen);
      item.classList.toggle("other", item === items.other);
      item.querySelector("button")?.setAttribute("aria-pressed", `${item === items.chosen}`);
      item.querySelector(".compare")?.setAttribute("aria-pressed", `${item === items.other}`);
    }
    this.#marked = [items.chosen, items.other];
    this.#items.get(chosen?.id ?? "")?.scrollIntoView({ block: "nearest" });
  }

  /** Of these changes nothing is left: they are taken back. */
  setUndone(changes: ReadonlySet<string>): void {
    this.#undone = changes;
    for (const moment of this.#moments) {
      const its = byAgents(moment);
      const item = this.#items.get(moment.id);
      if (its.length === 0 || item === undefined) continue;
      const isUndone = its.every((hash) => changes.has(hash));
      item.classList.toggle("undone", isUndone);
      const undo = item.querySelector<HTMLElement>(".undo");
      if (undo !== null) undo.hidden = isUndone;
    }
  }

  #chosen(): Moment | null {
    return this.#moments[Number(this.#slider.value) - 1] ?? null;
  }

  #slid(): void {
    this.#actions.choose(this.#chosen());
  }

  #step(by: -1 | 1): void {
    const at = Math.min(this.#moments.length + 1, Math.max(1, Number(this.#slider.value) + by));
    this.#actions.choose(this.#moments[at - 1] ?? null);
  }

  #nowItem(): HTMLElement {
    const choose = h("button", { type: "button", class: "moment", "aria-pressed": "false", click: () => this.#actions.choose(null) }, h("b", {}, "Now"));
    return h("li", { "data-moment": "now" }, choose);
  }

  #item(moment: Moment): HTMLElement {
    const { authors, ended, changes, brought, names, number } = moment;
    const clock = h("time", {}, ended === null ? "just now" : clockOf(ended));
    const edits = changes === 1 ? "1 edit" : `${changes} edits`;
    const choose = h(
      "button",
      { type: "button", class: "moment", "aria-pressed": "false", click: () => this.#actions.choose(moment) },
      h("span", { class: "line" }, clock, ...authors.slice(0, 3).map(authorChip), authors.length > 3 ? ` +${authors.length - 3}` : null),
      ...names.map((name) => h("span", { class: "version" }, name)),
      h("span", { class: "quiet detail" }, `${number} · ${edits}${brought ? " · written offline before" : ""}`),
    );
    const title = "Compare the chosen moment with this one";
    const compare = h("button", { type: "button", class: "compare plain small", "aria-pressed": "false", title, click: () => this.#actions.compareWith(moment) }, "Compare");
    const whose = authors.map(({ name }) => name).join(", ");
    const undo = byAgents(moment).length > 0 && this.#actions.mayName();
    const back = !undo ? null : h("button", { type: "button", class: "undo plain small", title: `Undo what ${whose} did here`, click: () => this.#actions.undo(moment) }, "Undo");
    return h("li", { "data-moment": moment.id }, choose, compare, back);
  }
}
