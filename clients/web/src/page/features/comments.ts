// Comments: a panel with everything that was said about the cells, and a mark on each cell that something is said about.
//
// What is said is the document's (core/comments.ts); this draws it, live, and keeps only what is being written.

import { anchorOf, Comments, findPassage, LONGEST_MESSAGE, type Anchor, type Message, type Thread } from "../../core/comments.ts";
import { button, h } from "../dom.ts";
import type { Page } from "../page.ts";
import { authorChip, said } from "../people_text.ts";

const PANEL = "comments";

export function comments(page: Page): void {
  const { notebook, session } = page;
  const store = new Comments(notebook, () => session.peer, () => Date.now() / 1000);
  const marks = new Marks(page, store);
  const panel = new CommentsPanel(page, store);
  page.panels.register({ id: PANEL, title: "Comments", icon: "comment", mount: (host) => panel.mount(host) });
  page.commands.add({
    id: "comment.add",
    title: "Comment on the cell or on what is selected in it",
    group: "Cells",
    keys: ["Ctrl+Alt+m"],
    where: "cell",
    cellMenu: 4,
    when: () => page.selection.active !== null && session.mayEdit,
    run: () => panel.begin(),
  });
  marks.onPress = (cellId) => panel.showCell(cellId);
  page.cells.added.add(() => marks.show());
  page.edited.add((events) => {
    if (!events.some(({ kind }) => kind === "comments" || kind === "cells" || kind === "source" || kind === "replaced")) return;
    if (events.some(({ kind }) => kind === "comments" || kind === "cells" || kind === "replaced")) marks.show();
    panel.changed(events.some(({ kind }) => kind !== "source"));
  });
  marks.show();
}

/** The marks on cells: how many open threads there are about each. */
class Marks {
  onPress: (cellId: string) => void = () => {};
  readonly #page: Page;
  readonly #store: Comments;
  #marked = new Map<string, { count: number; press: () => void }>();

  constructor(page: Page, store: Comments) {
    this.#page = page;
    this.#store = store;
  }

  show(): void {
    const open = this.#store.all().filter(({ resolved }) => resolved === null);
    const counts = new Map<string, number>();
    for (const { cellId } of open) counts.set(cellId, (counts.get(cellId) ?? 0) + 1);
    for (const cellId of new Set([...this.#marked.keys(), ...counts.keys()])) {
      const view = this.#page.cells.get(cellId);
      const count = counts.get(cellId) ?? 0;
      const press = this.#marked.get(cellId)?.press ?? (() => this.onPress(cellId));
      const title = count === 1 ? "1 open comment" : `${count} open comments`;
      view?.marks.set("comments", count === 0 ? null : { icon: "comment", text: `${count}`, title, tone: "accent", press });
      view?.label();
      view?.editor.setPassages(this.#passages(cellId, open));
      if (count === 0 || view === undefined) this.#marked.delete(cellId);
      else this.#marked.set(cellId, { count, press });
    }
    this.#page.panels.setCount(PANEL, open.length);
  }

  /** Where the passages stand that open threads are about. */
  #passages(cellId: string, open: readonly Thread[]): { from: number; to: number }[] {
    const source = this.#page.notebook.source(cellId);
    return open.flatMap((thread) => (thread.cellId !== cellId || thread.anchor === null ? [] : (findPassage(source, thread.anchor) ?? [])));
  }
}

class CommentsPanel {
  readonly #page: Page;
  readonly #store: Comments;
  readonly #list = h("div", { class: "threads" });
  readonly #composer = h("div", {});
  readonly #showResolved = h("input", { type: "checkbox", change: () => this.#draw() });
  #drafts = new Map<string, string>(); // thread id -> an answer that is being written
  #mounted = false;

  constructor(page: Page, store: Comments) {
    this.#page = page;
    this.#store = store;
  }

  mount(host: HTMLElement): () => void {
    const add = h("button", { type: "button", class: "plain", click: () => this.begin() }, "Comment on the selected cell");
    add.hidden = !this.#page.session.mayEdit;
    const resolved = h("label", { class: "resolved-too" }, this.#showResolved, "Show resolved");
    host.append(h("div", { class: "panel-tools" }, add, resolved), this.#composer, this.#list);
    this.#mounted = true;
    this.#draw();
    return () => {
      this.#mounted = false;
      this.#composer.replaceChildren();
    };
  }

  /** Write a new comment on the active cell, about what is selected in it if something is. */
  begin(): void {
    const { cells, selection, notebook, panels } = this.#page;
    const cellId = selection.active;
    if (cellId === null || !this.#page.mayEdit()) return;
    const range = cells.get(cellId)?.editor.view?.state.selection.main;
    const anchor = range === undefined || range.empty ? null : anchorOf(notebook.source(cellId), range.from, range.to);
    panels.open(PANEL, false);
    this.#compose(cellId, anchor);
  }

  showCell(cellId: string): void {
    this.#page.panels.open(PANEL, false);
    const first = this.#list.querySelector<HTMLElement>(`[data-about="${CSS.escape(cellId)}"]`);
    first?.scrollIntoView({ block: "nearest" });
    first?.focus();
  }

  /** Something was said, or a cell came, went or changed its text; `anew` unless it was the text alone. */
  changed(anew: boolean): void {
    if (!this.#mounted) return;
    if (anew) this.#draw();
    else for (const quote of this.#list.querySelectorAll<HTMLElement>(".quote")) this.#showWhether(quote);
  }

  #compose(cellId: string, anchor: Anchor | null): void {
    const form = writing("Comment", anchor === null ? "What about this cell?" : "What about this passage?", (text) => {
      const id = this.#store.start(cellId, text, anchor);
      this.#composer.replaceChildren();
      this.#focusThread(id);
    }, () => {
      this.#composer.replaceChildren();
      this.#page.selection.choose(cellId);
    });
    const about = h("p", { class: "about" }, this.#nameOf(cellId));
    const quote = anchor === null ? null : h("blockquote", { class: "quote" }, anchor.quote);
    this.#composer.replaceChildren(h("div", { class: "thread composer" }, about, quote, form));
    form.querySelector("textarea")?.focus();
  }

  #focusThread(id: string): void {
    this.#list.querySelector<HTMLElement>(`[data-thread="${CSS.escape(id)}"]`)?.focus();
  }

  #draw(): void {
    if (!this.#mounted) return;
    const focused = (document.activeElement as HTMLElement | null)?.closest<HTMLElement>("[data-thread]")?.dataset["thread"];
    const place = new Map(this.#page.notebook.cellIds().map((id, index) => [id, index]));
    const order = (thread: Thread) => place.get(thread.cellId) ?? Number.MAX_SAFE_INTEGER;
    const threads = this.#store.all().filter(({ resolved }) => resolved === null || this.#showResolved.checked);
    threads.sort((a, b) => order(a) - order(b));
    const nothing = h("p", { class: "quiet" }, "Nobody has said anything about the cells. Select one, or a passage in it, and comment on it.");
    const active = document.activeElement;
    const writes = active instanceof HTMLTextAreaElement && this.#list.contains(active);
    const cursor = writes ? [active.selectionStart, active.selectionEnd] : null;
    this.#list.replaceChildren(...(threads.length === 0 ? [nothing] : threads.map((thread) => this.#thread(thread, place.has(thread.cellId)))));
    if (focused === undefined) return;
    const again = this.#list.querySelector<HTMLElement>(`[data-thread="${CSS.escape(focused)}"]`);
    const field = writes ? again?.querySelector("textarea") : null;
    (field ?? again)?.focus();
    if (field && cursor !== null) field.setSelectionRange(cursor[0] as number, cursor[1] as number);
  }

  #thread(thread: Thread, isHere: boolean): HTMLElement {
    const { id, cellId, anchor, messages, resolved } = thread;
    const { session } = this.#page;
    const title = isHere
      ? h("button", { type: "button", class: "about link", click: () => this.#goTo(thread) }, this.#nameOf(cellId))
      : h("span", { class: "about gone", title: "The thread is kept, and there again if the cell is brought back." }, "About a deleted cell");
    const settle = resolved === null
      ? h("button", { type: "button", class: "plain small", click: () => this.#store.resolve(id) }, "Resolve")
      : h("button", { type: "button", class: "plain small", click: () => this.#store.reopen(id) }, "Open again");
    const remove = button("Delete the thread", "remove", () => {
      if (confirm("Delete this thread with all its messages, for everybody?")) this.#store.remove(id);
    });
    settle.hidden = remove.hidden = !session.mayEdit;
    const quote = anchor === null ? null : h("blockquote", { class: "quote", "data-quote": id }, anchor.quote);
    const state = resolved === null ? null : h("p", { class: "quiet" }, "Resolved by ", authorChip(resolved.author), ` ${said(resolved.time)}`);
    const answer = h("div", {});
    if (session.mayEdit && resolved === null) this.#answer(answer, id);
    const label = `Thread of ${messages[0].author.name}: ${messages[0].text.slice(0, 80)}`;
    const look = { class: resolved === null ? "thread" : "thread resolved", tabindex: "-1", "data-thread": id, "data-about": cellId, "aria-label": label };
    const made = h("article", look, h("header", {}, title, settle, remove), quote, ...messages.map(message), state, answer);
    if (quote !== null) this.#showWhether(quote);
    return made;
  }

  #answer(place: HTMLElement, id: string): void {
    const draft = this.#drafts.get(id);
    const close = () => {
      this.#drafts.delete(id);
      place.replaceChildren(open);
    };
    const write = (text: string, focus: boolean) => {
      const form = writing("Reply", "Your answer", (said) => {
        this.#drafts.delete(id);
        this.#store.reply(id, said);
      }, close, text);
      form.addEventListener("input", () => this.#drafts.set(id, form.querySelector("textarea")?.value ?? ""));
      this.#drafts.set(id, text);
      place.replaceChildren(form);
      if (focus) form.querySelector("textarea")?.focus();
    };
    const open = h("button", { type: "button", class: "plain small", click: () => write("", true) }, "Reply");
    if (draft === undefined) place.append(open);
    else write(draft, false);
  }

  /** Whether the passage still stands in its cell. */
  #showWhether(quote: HTMLElement): void {
    const thread = this.#store.all().find(({ id }) => id === quote.dataset["quote"]);
    if (thread?.anchor == null) return;
    const isThere = findPassage(this.#page.notebook.source(thread.cellId), thread.anchor) !== null;
    quote.classList.toggle("gone", !isThere);
    quote.title = isThere ? "" : "This passage is not in the cell any more.";
  }

  #goTo({ cellId, anchor }: Thread): void {
    const { cells, notebook, selection } = this.#page;
    const found = anchor === null ? null : findPassage(notebook.source(cellId), anchor);
    const view = cells.get(cellId);
    if (view === undefined) return;
    view.mount();
    selection.choose(cellId, found === null ? "command" : "edit");
    view.element.scrollIntoView({ block: "nearest" });
    if (found !== null) view.editor.view?.dispatch({ selection: { anchor: found.from, head: found.to }, scrollIntoView: true });
  }

  #nameOf(cellId: string): string {
    const { notebook } = this.#page;
    const number = notebook.cellIds().indexOf(cellId) + 1;
    const start = notebook.source(cellId).trim().split("\n", 1)[0]?.slice(0, 60) ?? "";
    return start === "" ? `Cell ${number}` : `Cell ${number} · ${start}`;
  }
}

function message({ author, text, time, edited }: Message): HTMLElement {
  const when = h("time", { datetime: new Date(time * 1000).toISOString() }, said(time), edited === null ? "" : ", edited");
  return h("div", { class: "message" }, h("p", { class: "by" }, authorChip(author), " ", when), h("p", { class: "words" }, text));
}

/** A field and its buttons. Ctrl+Enter sends, Escape gives up. */
function writing(verb: string, placeholder: string, send: (text: string) => void, giveUp: () => void, text = ""): HTMLElement {
  const field = h("textarea", { rows: "3", placeholder, "aria-label": placeholder, maxlength: `${LONGEST_MESSAGE}` });
  field.value = text;
  const submit = () => {
    if (field.value.trim() !== "") send(field.value.trim());
  };
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      giveUp();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      submit();
    }
  });
  const buttons = [
    h("button", { type: "button", class: "plain small strong", title: "Ctrl+Enter", click: submit }, verb),
    h("button", { type: "button", class: "plain small", click: giveUp }, "Cancel"),
  ];
  return h("div", { class: "writing" }, field, h("div", { class: "row" }, ...buttons));
}
