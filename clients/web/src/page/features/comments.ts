// Comments: a panel with everything that was said about the cells, and a mark on each cell that something is said about.
//
// What is said is the document's (core/comments.ts); this draws it, live, and keeps only what is being written.

import { anchorOf, Comments, findPassage, type Anchor, type Message, type Thread } from "../../core/comments.ts";
import { isMentioned, isReader } from "../../core/mentions.ts";
import { drawMessage, writing } from "../comments/messages.ts";
import { TakenPart } from "../comments/taken_part.ts";
import { button, h } from "../dom.ts";
import type { Page } from "../page.ts";
import { authorChip, said } from "../people_text.ts";

const PANEL = "comments";

export function comments(page: Page): void {
  const { notebook, session } = page;
  const store = new Comments(notebook, () => session.peer, () => Date.now() / 1000);
  const takenPart = new TakenPart(page, () => store.all());
  const marks = new Marks(page, store, takenPart);
  const panel = new CommentsPanel(page, store, takenPart);
  const told = new Set<string>(); // messages that mention the reader
  const tell = (isNew: boolean) => {
    for (const thread of store.all()) {
      for (const message of thread.messages.filter((one) => mentionsReader(one, takenPart) && !told.has(one.id))) {
        told.add(message.id);
        if (!isNew || thread.resolved !== null || isReader(message.author, takenPart.reader)) continue;
        page.toasts.say(`${message.author.name} mentions you: ${firstLine(message.text)}`, { label: "Show", press: () => panel.showThread(thread.id) });
      }
    }
  };
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
  let isDue = false;
  page.cells.added.add(() => {
    if (isDue) return; // a notebook that is opened adds them all at once
    isDue = true;
    queueMicrotask(() => {
      isDue = false;
      marks.show();
    });
  });
  page.edited.add((events) => {
    if (!events.some(({ kind }) => kind === "comments" || kind === "cells" || kind === "source" || kind === "replaced")) return;
    if (events.some(({ kind }) => kind === "comments" || kind === "cells" || kind === "replaced")) marks.show();
    if (events.some(({ kind }) => kind === "comments")) tell(hasBegun);
    hasBegun ||= page.notebook.cellIds().length > 0;
    panel.changed(events.some(({ kind }) => kind !== "source"));
  });
  let hasBegun = notebook.cellIds().length > 0; // else the notebook comes yet, with what was said in it
  tell(false);
  marks.show();
}

const LONGEST_TOLD = 100; // characters

function firstLine(text: string): string {
  const line = text.split("\n", 1)[0] as string;
  return line.length < text.length || line.length > LONGEST_TOLD ? `${line.slice(0, LONGEST_TOLD)}…` : line;
}

const mentionsReader = ({ text, mentions }: Message, takenPart: TakenPart): boolean => isMentioned(text, mentions, takenPart.reader);

/** Whether the reader is mentioned in a thread and has not answered yet. */
function waitsForReader({ messages, resolved }: Thread, takenPart: TakenPart): boolean {
  const mentioned = messages.findLastIndex((message) => mentionsReader(message, takenPart));
  const answered = messages.findLastIndex(({ author }) => isReader(author, takenPart.reader));
  return resolved === null && mentioned > answered;
}

/** The marks on cells: how many open threads there are about each. */
class Marks {
  onPress: (cellId: string) => void = () => {};
  readonly #page: Page;
  readonly #store: Comments;
  readonly #takenPart: TakenPart;
  #marked = new Map<string, { count: number; press: () => void }>();

  constructor(page: Page, store: Comments, takenPart: TakenPart) {
    this.#page = page;
    this.#store = store;
    this.#takenPart = takenPart;
  }

  show(): void {
    const open = this.#store.all().filter(({ resolved }) => resolved === null);
    const counts = new Map<string, number>();
    for (const { cellId } of open) counts.set(cellId, (counts.get(cellId) ?? 0) + 1);
    const waiting = open.filter((thread) => waitsForReader(thread, this.#takenPart));
    const wants = new Set(waiting.map(({ cellId }) => cellId));
    for (const cellId of new Set([...this.#marked.keys(), ...counts.keys()])) {
      const view = this.#page.cells.get(cellId);
      const count = counts.get(cellId) ?? 0;
      const press = this.#marked.get(cellId)?.press ?? (() => this.onPress(cellId));
      const words = count === 1 ? "1 open comment" : `${count} open comments`;
      const [title, tone] = wants.has(cellId) ? ([`${words}: you are mentioned`, "warn"] as const) : ([words, "accent"] as const);
      view?.marks.set("comments", count === 0 ? null : { icon: "comment", text: wants.has(cellId) ? `@${count}` : `${count}`, title, tone, press });
      view?.label();
      view?.editor.setPassages(this.#passages(cellId, open));
      if (count === 0 || view === undefined) this.#marked.delete(cellId);
      else this.#marked.set(cellId, { count, press });
    }
    this.#page.panels.setCount(PANEL, open.length, waiting.length === 0 ? "" : waiting.length === 1 ? "one mentions you" : `${waiting.length} mention you`);
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
  readonly #onlyMine = h("input", { type: "checkbox", change: () => this.#draw() });
  readonly #takenPart: TakenPart;
  readonly #answers = new Map<string, HTMLElement>(); // thread id -> an answer that is being written
  #mounted = false;
  #names = "";

  constructor(page: Page, store: Comments, takenPart: TakenPart) {
    this.#page = page;
    this.#store = store;
    this.#takenPart = takenPart;
    page.people.changed.add(() => this.#renamed());
  }

  mount(host: HTMLElement): () => void {
    const add = h("button", { type: "button", class: "plain", click: () => this.begin() }, "Comment on the selected cell");
    add.hidden = !this.#page.session.mayEdit;
    const resolved = h("label", { class: "panel-choice" }, this.#showResolved, "Show resolved");
    const mine = h("label", { class: "panel-choice" }, this.#onlyMine, "Only those that mention me");
    host.append(h("div", { class: "panel-tools" }, add, resolved, mine), this.#composer, this.#list);
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

  showThread(id: string): void {
    this.#page.panels.open(PANEL, false);
    const thread = this.#store.all().find((one) => one.id === id);
    if (thread !== undefined) this.#goTo(thread);
    this.#focusThread(id);
  }

  /** Who is called otherwise now is, in what is shown. */
  #renamed(): void {
    const names = [this.#page.people.self, ...this.#page.people.others].map(({ peer }) => peer.name).join("\n");
    if (names === this.#names) return; // somebody is elsewhere
    this.#names = names;
    this.#draw();
  }

  /** Something was said, or a cell came, went or changed its text; `anew` unless it was the text alone. */
  changed(anew: boolean): void {
    if (!this.#mounted) return;
    if (anew) this.#draw();
    else for (const quote of this.#list.querySelectorAll<HTMLElement>(".quote")) this.#showWhether(quote);
  }

  #compose(cellId: string, anchor: Anchor | null): void {
    const form = writing("Comment", anchor === null ? "What about this cell?" : "What about this passage?", this.#takenPart, (text, mentions) => {
      const id = this.#store.start(cellId, text, anchor, mentions);
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
    const isMine = ({ messages }: Thread) => messages.some((message) => mentionsReader(message, this.#takenPart));
    const all = this.#store.all();
    const threads = all.filter((thread) => (thread.resolved === null || this.#showResolved.checked) && (!this.#onlyMine.checked || isMine(thread)));
    threads.sort((a, b) => order(a) - order(b));
    const nothing = h("p", { class: "quiet" }, this.#nothing(all.length));
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

  #nothing(said: number): string {
    if (said === 0) return "Nobody has said anything about the cells. Select one, or a passage in it, and comment on it.";
    if (this.#onlyMine.checked) return this.#showResolved.checked ? "Nobody mentions you." : "Nobody mentions you in what is open.";
    return said === 1 ? "The one thread there is is resolved." : `All ${said} threads are resolved.`;
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
    const made = h("article", look, h("header", {}, title, settle, remove), quote, ...messages.map((one) => drawMessage(one, this.#takenPart)), state, answer);
    if (quote !== null) this.#showWhether(quote);
    return made;
  }

  #answer(place: HTMLElement, id: string): void {
    const open = h("button", { type: "button", class: "plain small", click: () => write() }, "Reply");
    const close = () => {
      this.#answers.delete(id);
      place.replaceChildren(open);
      open.focus();
    };
    const write = () => {
      const form = writing("Reply", "Your answer", this.#takenPart, (said, mentions) => {
        this.#answers.delete(id);
        this.#store.reply(id, said, mentions);
      }, () => close());
      this.#answers.set(id, form);
      place.replaceChildren(form);
      form.querySelector("textarea")?.focus();
    };
    place.append(this.#answers.get(id) ?? open);
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
