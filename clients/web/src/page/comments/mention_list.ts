// The list that opens at an @ in a field: who can be mentioned, narrowed by what is typed after it.
//
// The field keeps the focus and its role; it names the list and the option that is active, as a combobox does. Arrow keys
// choose, Enter or Tab takes, Escape closes the list and nothing else. How many there are is told to screen readers.

import type { Author } from "../../core/history/authors.ts";
import { h } from "../dom.ts";
import { authorChip } from "../people_text.ts";
import type { Mentionable, TakenPart } from "./taken_part.ts";

const SHOWN = 8;
const TYPED = /(?:^|[^\p{L}\p{N}_])@([^@\n]{0,60})$/u; // up to the cursor

let lists = 0; // so far, for ids

export class MentionList {
  readonly element: HTMLElement;
  /** Who was taken from the list: of two with one name, that one is meant. */
  readonly chosen: Author[] = [];
  readonly #field: HTMLTextAreaElement;
  readonly #takenPart: TakenPart;
  readonly #options: HTMLElement;
  readonly #told = h("p", { class: "heard", role: "status" });
  #offered: readonly Mentionable[] = [];
  #active = 0;
  #closedAt = -1; // the @ at which Escape was pressed

  constructor(field: HTMLTextAreaElement, takenPart: TakenPart) {
    this.#field = field;
    this.#takenPart = takenPart;
    this.#options = h("ul", { class: "mentionable", role: "listbox", id: `mentionable-${++lists}`, "aria-label": "Who can be mentioned" });
    this.#options.hidden = true;
    this.element = h("div", {}, this.#options, this.#told);
    for (const [name, value] of [["aria-autocomplete", "list"], ["aria-haspopup", "listbox"]] as const) field.setAttribute(name, value);
    field.addEventListener("input", () => this.#look());
    field.addEventListener("click", () => this.#look());
    field.addEventListener("blur", () => this.#close());
    field.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** The @ before the cursor, and what is typed after it; null if there is none. */
  #typed(): { at: number; text: string } | null {
    const { selectionStart, selectionEnd, value } = this.#field;
    const found = selectionStart === selectionEnd ? TYPED.exec(value.slice(0, selectionStart)) : null;
    return found === null ? null : { at: selectionStart - (found[1] as string).length - 1, text: (found[1] as string).toLowerCase() };
  }

  #look(): void {
    const typed = this.#typed();
    if (typed === null) this.#closedAt = -1;
    if (typed === null || typed.at === this.#closedAt) return this.#close();
    void this.#takenPart.ask().then(() => document.activeElement === this.#field && this.#offer());
    this.#offer();
  }

  #offer(): void {
    const typed = this.#typed();
    if (typed === null || typed.at === this.#closedAt) return this.#close();
    const starts = (name: string) => [name, ...name.split(/\s+/)].some((part) => part.toLowerCase().startsWith(typed.text));
    const before = this.#offered[this.#active]?.who;
    this.#offered = this.#takenPart.all().filter(({ who }) => starts(who.name)).slice(0, SHOWN);
    if (this.#offered.length === 0) return this.#close();
    this.#active = Math.max(0, this.#offered.findIndex(({ who }) => who === before));
    this.#options.replaceChildren(...this.#offered.map((one, index) => this.#option(one, index)));
    if (this.#options.hidden) {
      this.#options.hidden = false;
      this.#options.scrollIntoView({ block: "nearest" });
    }
    this.#field.setAttribute("aria-controls", this.#options.id);
    const count = this.#offered.length;
    const told = `${count === 1 ? "One" : count} to mention: arrow keys choose, Enter takes.`;
    if (this.#told.textContent !== told) this.#told.textContent = told;
    this.#mark();
  }

  #option({ who, isHere }: Mentionable, index: number): HTMLElement {
    const look = { role: "option", id: `${this.#options.id}-${index}` };
    const option = h("li", look, authorChip(who), isHere ? h("span", { class: "quiet" }, "here") : null);
    option.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // the field keeps the focus
      this.#take(who);
    });
    return option;
  }

  #mark(): void {
    for (const [index, option] of [...this.#options.children].entries()) option.setAttribute("aria-selected", `${index === this.#active}`);
    const active = this.#options.children[this.#active];
    this.#field.setAttribute("aria-activedescendant", active?.id ?? "");
    active?.scrollIntoView({ block: "nearest" });
  }

  #pressed(event: KeyboardEvent): void {
    if (this.#options.hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    const count = this.#offered.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      this.#active = (this.#active + (event.key === "ArrowDown" ? 1 : count - 1)) % count;
      this.#mark();
    } else if (event.key === "Enter" || (event.key === "Tab" && !event.shiftKey)) this.#take((this.#offered[this.#active] as Mentionable).who);
    else if (event.key === "Escape") {
      this.#closedAt = this.#typed()?.at ?? -1;
      this.#close();
    } else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  #take(who: Author): void {
    const typed = this.#typed();
    if (typed === null) return;
    this.chosen.unshift(who);
    this.#field.setRangeText(`@${who.name} `, typed.at, this.#field.selectionStart, "end");
    this.#field.dispatchEvent(new Event("input", { bubbles: true }));
    this.#close();
  }

  #close(): void {
    if (this.#options.hidden) return;
    this.#options.hidden = true;
    this.#options.replaceChildren();
    this.#offered = [];
    this.#active = 0;
    this.#told.textContent = "";
    this.#field.removeAttribute("aria-controls");
    this.#field.removeAttribute("aria-activedescendant");
  }
}
