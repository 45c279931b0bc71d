// Search and replace across cells: a panel with what was found, marks in the editors, replacing one or all as one change.

import { compile, expand, type Found, MOST, type Query, search as find } from "../../core/search.ts";
import { type Attributes, button, h } from "../dom.ts";
import type { Page } from "../page.ts";

const SETTLE = 150; // milliseconds after an edit before the search is made anew

/** What was searched for last, for the next time the panel opens. */
let remembered: Query & { readonly template: string } = { text: "", isPattern: false, matchCase: false, wholeWords: false, template: "" };

export function search(page: Page): void {
  let focusField = () => {};
  page.panels.register({
    id: "search",
    title: "Find and replace",
    icon: "search",
    mount(host) {
      const panel = new SearchPanel(page, host);
      focusField = () => panel.focus();
      return () => panel.end();
    },
  });
  page.commands.add({
    id: "edit.find",
    title: "Find and replace in all cells",
    group: "Edit",
    keys: ["Ctrl+f", "f"],
    where: "anywhere",
    run: () => {
      const selected = selectedText(page);
      if (selected !== "") remembered = { ...remembered, text: selected, isPattern: false };
      if (page.panels.openId === "search") page.panels.close();
      page.panels.open("search");
      focusField();
    },
  });
}

/** What is selected in the active editor, if it is within one line. */
function selectedText(page: Page): string {
  const state = page.cells.get(page.selection.active)?.editor.view?.state;
  if (state === undefined || !page.selection.isEditing) return "";
  const { from, to } = state.selection.main;
  const text = state.sliceDoc(from, to);
  return text.includes("\n") ? "" : text;
}

class SearchPanel {
  readonly #page: Page;
  readonly #host: HTMLElement;
  readonly #field: HTMLInputElement;
  readonly #template: HTMLInputElement;
  readonly #status = h("p", { class: "search-status", role: "status" });
  readonly #list = h("ol", { class: "search-results", "aria-label": "What was found" });
  readonly #stopListening: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #found: Found[] = [];
  #at = -1;

  constructor(page: Page, host: HTMLElement) {
    this.#page = page;
    this.#host = host;
    const field = (label: string, value: string, more: Attributes) => h("input", { type: "text", "aria-label": label, placeholder: label, value, autocomplete: "off", spellcheck: "false", ...more });
    this.#field = field("Find", remembered.text, { autofocus: true, input: () => this.#search(true), keydown: (event: KeyboardEvent) => this.#pressed(event) });
    this.#template = field("Replace with", remembered.template, { input: () => this.#search(false), keydown: (event: KeyboardEvent) => event.key === "Enter" && this.#replaceOne() });
    const find = h(
      "div",
      { class: "search-row" },
      this.#field,
      this.#option("matchCase", "Aa", "Match case"),
      this.#option("wholeWords", "ab", "Whole words"),
      this.#option("isPattern", ".*", "Regular expression"),
      button("Previous", "up", () => this.#go(this.#at - 1), "Shift+Enter"),
      button("Next", "down", () => this.#go(this.#at + 1), "Enter"),
    );
    const replace = h(
      "div",
      { class: "search-row" },
      this.#template,
      h("button", { type: "button", class: "plain", click: () => this.#replaceOne() }, "Replace"),
      h("button", { type: "button", class: "plain", click: () => this.#replaceAll() }, "All"),
    );
    replace.hidden = !page.session.mayEdit;
    host.addEventListener("keydown", this.#escaped);
    host.append(find, replace, this.#status, this.#list);
    const stops = [page.edited.add(() => this.#later()), page.cells.added.add(() => this.#later())];
    this.#stopListening = () => stops.forEach((stop) => stop());
    this.#search(false);
  }

  focus(): void {
    this.#field.focus();
    this.#field.select();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#host.removeEventListener("keydown", this.#escaped);
    this.#stopListening();
    for (const [, view] of this.#page.cells) view.editor.setMatches([]);
  }

  /** Go on in the cell, where the search has led. */
  readonly #escaped = (event: KeyboardEvent): void => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    const { panels, selection } = this.#page;
    panels.close();
    selection.choose(selection.active, selection.mode);
  };

  #option(key: "matchCase" | "wholeWords" | "isPattern", sign: string, title: string): HTMLElement {
    const toggle = h("button", {
      type: "button",
      class: "icon-button sign",
      "data-sign": sign,
      "aria-label": title,
      title,
      "aria-pressed": `${remembered[key]}`,
      click: () => {
        remembered = { ...remembered, [key]: !remembered[key] };
        toggle.setAttribute("aria-pressed", `${remembered[key]}`);
        this.#search(true);
      },
    });
    return toggle;
  }

  #pressed(event: KeyboardEvent): void {
    if (event.key !== "Enter") return;
    event.preventDefault();
    this.#go(this.#at + (event.shiftKey ? -1 : 1));
  }

  #later(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#search(false), SETTLE);
  }

  /** `afresh` if the query is another one: then the first match after the active cell is shown. */
  #search(afresh: boolean): void {
    remembered = { ...remembered, text: this.#field.value, template: this.#template.value };
    const { notebook, selection } = this.#page;
    const before = this.#found[this.#at];
    let problem = "";
    try {
      const pattern = compile(remembered);
      const sources = notebook.cellIds().map((id) => [id, notebook.source(id)] as const);
      this.#found = pattern === null ? [] : find(pattern, sources);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.#found = [];
      problem = "This regular expression cannot be read.";
    }
    const order = new Map(notebook.cellIds().map((id, index) => [id, index]));
    const place = (id: string | null) => order.get(id ?? "") ?? 0;
    const from = before === undefined || afresh ? { cellId: selection.active, from: 0 } : before;
    const at = this.#found.findIndex((one) => place(one.cellId) > place(from.cellId) || (one.cellId === from.cellId && one.from >= from.from));
    this.#at = at < 0 && this.#found.length > 0 ? 0 : at;
    this.#show(problem);
    if (afresh && this.#at >= 0) this.#go(this.#at);
  }

  #go(at: number): void {
    if (this.#found.length === 0) return;
    this.#at = (at + this.#found.length) % this.#found.length;
    const { cellId, from, to } = this.#found[this.#at] as Found;
    this.#mark();
    this.#page.selection.choose(cellId, this.#page.session.mayEdit ? "edit" : "command", false);
    this.#page.cells.get(cellId)?.editor.reveal(from, to);
    this.#showCurrent();
  }

  #replaceOne(): void {
    const one = this.#found[this.#at];
    if (one === undefined || !this.#page.mayEdit()) return;
    const { cellId, from, to, groups } = one;
    const insert = expand(remembered.template, groups, remembered.isPattern);
    this.#page.structure.replace([{ cellId, from, to, insert }]);
    this.#found[this.#at] = { ...one, from: from + insert.length }; // the search goes on behind what was put in
    this.#search(false);
    this.#go(this.#at);
  }

  #replaceAll(): void {
    if (this.#found.length === 0 || !this.#page.mayEdit()) return;
    const edits = this.#found.map(({ cellId, from, to, groups }) => ({ cellId, from, to, insert: expand(remembered.template, groups, remembered.isPattern) }));
    const count = this.#page.structure.replace(edits);
    this.#search(false);
    this.#page.toasts.say(count === 1 ? "1 place replaced." : `${count} places replaced.`, { label: "Undo", press: () => this.#page.commands.run("cell.undo") });
  }

  #show(problem: string): void {
    const many = this.#found.length >= MOST ? `More than ${MOST} places: the first are shown.` : "";
    const count = this.#found.length === 1 ? "1 place" : `${this.#found.length} places`;
    this.#status.textContent = problem || many || (remembered.text === "" ? "" : this.#found.length === 0 ? "Nothing found." : count);
    this.#list.replaceChildren(
      ...this.#found.map(({ line, before, match, after }, index) => {
        const text = h("span", { class: "context" }, before, h("mark", {}, match), after);
        const number = h("span", { class: "line", "aria-hidden": "true" }, `${line}`);
        return h("li", {}, h("button", { type: "button", click: () => this.#go(index) }, number, text));
      }),
    );
    this.#group();
    this.#mark();
    this.#showCurrent();
  }

  /** A heading before the first result of each cell. */
  #group(): void {
    const { notebook } = this.#page;
    let last = "";
    for (const [index, { cellId }] of this.#found.entries()) {
      if (cellId === last) continue;
      last = cellId;
      const row = this.#list.querySelectorAll(":scope > li")[index];
      if (row instanceof HTMLElement) row.dataset["cell"] = `Cell ${notebook.cellIds().indexOf(cellId) + 1}`;
    }
  }

  #showCurrent(): void {
    for (const [index, row] of [...this.#list.children].entries()) {
      const isCurrent = index === this.#at;
      row.firstElementChild?.setAttribute("aria-current", `${isCurrent}`);
      if (isCurrent) row.scrollIntoView({ block: "nearest" });
    }
  }

  #mark(): void {
    const byCell = Map.groupBy(this.#found.entries(), ([, { cellId }]) => cellId);
    for (const [id, view] of this.#page.cells) {
      const here = byCell.get(id) ?? [];
      view.editor.setMatches(here.map(([index, { from, to }]) => ({ from, to, isCurrent: index === this.#at })));
    }
  }
}
