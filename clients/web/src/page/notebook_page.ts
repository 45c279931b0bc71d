// The page of one notebook: makes its parts, passes on to them what arrives, and gives keys to commands.
//
// What the notebook says is the document's, what is selected is the Selection's, what can be done is in the registry of
// commands. Nothing of it is kept here; what is done with it is in the features (features.ts).

import type { Incoming } from "../core/messages.ts";
import type { Notebook, NotebookEvent } from "../core/notebook.ts";
import type { Heads, Patch } from "../core/replica.ts";
import { type CellType, type Execution, readKernel } from "../core/schema.ts";
import type { Session } from "../core/session.ts";
import { SAVED_WIDGETS } from "../core/saved_widgets.ts";
import { Signal } from "../core/signal.ts";
import { Structure } from "../core/structure.ts";
import type { Suggestions } from "../editor/completion.ts";
import type { Inspection, Signature } from "../editor/kernel_tips.ts";
import type { Link, LinkState } from "../link.ts";
import { Widgets } from "../outputs/widgets.ts";
import { drag } from "./cell_drag.ts";
import { CellList } from "./cell_list.ts";
import type { CellActions } from "./cell_view.ts";
import { Commands, isText, type Place, perform } from "./commands.ts";
import { h } from "./dom.ts";
import { Executions } from "./executions.ts";
import { FEATURES } from "./features.ts";
import { FlowState } from "./flow_state.ts";
import { openCellMenu } from "./features/cell_menu.ts";
import type { At } from "./menu.ts";
import type { Page } from "./page.ts";
import { People } from "./people.ts";
import { Requests } from "./requests.ts";
import { SafetyOfEdits } from "./safety.ts";
import { Sections } from "./sections.ts";
import { Selection, type SelectionChange } from "./selection.ts";
import { SidePanel } from "./side_panel.ts";
import { Toasts } from "./toast.ts";
import { TopBar } from "./top_bar.ts";

export class NotebookPage implements Page, CellActions {
  readonly element: HTMLElement;
  readonly session: Session;
  readonly notebook: Notebook;
  readonly structure: Structure;
  readonly sections: Sections;
  readonly selection: Selection;
  readonly cells: CellList;
  readonly executions: Executions;
  readonly flow: FlowState;
  readonly people: People;
  readonly requests: Requests;
  readonly widgets: Widgets;
  readonly commands = new Commands();
  readonly panels = new SidePanel(this.commands);
  readonly toasts = new Toasts();
  readonly bar: TopBar;
  readonly edited = new Signal<NotebookEvent[]>();
  readonly heard = new Signal<Incoming>();
  readonly linkChanged = new Signal<LinkState>();
  readonly #link: Link;
  readonly #safety: SafetyOfEdits;
  readonly notices = h("div", { class: "notices" });
  readonly #banner = h("div", { class: "banner", role: "alert" });
  #linkState: LinkState = "connecting";
  /** Until this person goes to a cell, or presses a key that writes nothing. */
  #hasLostEditor = false;
  /** What each peer said of its place when it was drawn. */
  #places = new Map<string, Record<string, unknown>>();

  constructor(session: Session, notebook: Notebook, link: Link) {
    this.session = session;
    this.notebook = notebook;
    this.#link = link;
    this.structure = new Structure(notebook);
    this.sections = new Sections(notebook);
    this.selection = new Selection(() => this.sections.visible);
    this.requests = new Requests(session, link, this.toasts);
    this.widgets = new Widgets(
      (body) => this.requests.call(body),
      (commId) => notebook.metadataAt([...SAVED_WIDGETS, commId]),
    );
    this.people = new People(session, link);
    this.cells = new CellList(notebook, this, () => session.mayEdit);
    this.executions = new Executions(this.cells);
    this.flow = new FlowState(this.executions);
    this.bar = new TopBar({
      command: (id) => void this.commands.run(id),
    });
    this.#safety = new SafetyOfEdits(session, this.bar);
    this.bar.tools.append(this.panels.buttons);
    this.#banner.hidden = true;
    const column = h("div", { class: "column" }, this.cells.element, this.#adding());
    const desk = h("div", { class: "desk" }, column, this.panels.element);
    this.element = h("div", { class: "page" }, this.bar.element, this.#banner, this.notices, desk, this.toasts.element);
    this.#showRole();
    this.selection.changed.add((change) => this.#showSelection(change));
    this.sections.changed.add(() => this.#showSections());
    this.executions.changed.add((patches) => this.#runtimeChanged(patches));
    this.widgets.failed.add(({ message, hint }) => this.toasts.say(`${message} ${hint}`));
    this.people.changed.add(() => this.#showPeople());
    notebook.onEvents = (events) => this.#documentChanged(events);
    session.onRuntime = (runtime) => this.executions.follow(runtime);
    document.addEventListener("keydown", (event) => this.#keyDown(event));
    this.element.addEventListener("mousedown", keepFocus);
    addEventListener("blur", () => this.#frameFocused());
    this.cells.added.add((view) => {
      view.setVisitors(this.people.visitors(view.id));
      if (this.selection.has(view.id)) this.#showChosen(view.id, false); // cells of a folded section are chosen before they are made
    });
    for (const feature of FEATURES) feature(this);
    this.#arrange();
    this.#showPeople();
  }

  // --- what arrives ----------------------------------------------------------------------------------------------------

  get link(): LinkState {
    return this.#linkState;
  }

  setPath(path: string | null): void {
    this.bar.setPath(path);
  }

  fileWas(heads: Heads | null, error: string | null, written: number | null): void {
    this.#safety.fileWas(heads, error, written);
  }

  setLink(state: LinkState): void {
    this.#linkState = this.requests.linkState = state;
    if (state === "online") this.say(null);
    else this.people.clear();
    this.#safety.setLink(state);
    this.#showPeople();
    this.linkChanged.emit(state);
  }

  /** Something was sent or received. */
  progress(): void {
    this.#safety.show();
  }

  take(message: Incoming): void {
    if (message.type === "welcome") this.#showRole();
    if (message.type === "peers") this.people.take(message.peers);
    else if (message.type === "left") this.people.left(message.peer_id);
    else if (message.type === "comm_message") this.widgets.hear(message.comm_id, message.data, message.buffers);
    else if (message.type === "response") this.requests.take(message);
    else if (message.type === "error") this.toasts.say(sentence(`${message.message} ${message.hint}`));
    this.#safety.take(message);
    this.heard.emit(message);
  }

  say(text: string | null, ...actions: HTMLElement[]): void {
    this.#banner.hidden = text === null;
    this.#banner.replaceChildren(...(text === null ? [] : [h("span", {}, text), ...actions]));
  }

  rename(name: string): void {
    this.session.rename(name);
    this.#link.greetAgain();
    this.#showPeople();
  }

  mayRun(): boolean {
    if (!this.session.mayRun) this.toasts.say("You may read this notebook, but not run it.");
    return this.session.mayRun;
  }

  mayEdit(): boolean {
    if (!this.session.mayEdit) this.toasts.say("You may read this notebook, but not change it.");
    return this.session.mayEdit;
  }

  get self(): string {
    return this.session.peer.peer_id;
  }

  // --- what cells ask for ------------------------------------------------------------------------------------------------

  select(cellId: string, mode: "command" | "edit"): void {
    const may = mode === "edit" && !this.session.mayEdit ? "command" : mode;
    if (this.selection.active === cellId && this.selection.mode === may && this.selection.ids.length === 1 && this.#isFocused(cellId)) return;
    this.selection.choose(cellId, may);
  }

  showRun(count: number, line: number): boolean {
    const cellId = this.executions.cellOfRun(count);
    const editor = cellId === null ? undefined : this.cells.get(cellId)?.editor;
    if (cellId === null || editor === undefined) return false;
    const lines = this.notebook.source(cellId).split("\n");
    const from = lines.slice(0, line - 1).reduce((sum, { length }) => sum + length + 1, 0);
    this.select(cellId, "edit");
    editor.reveal(from, from + (lines[line - 1]?.length ?? 0));
    return true;
  }

  pointed(cellId: string, event: PointerEvent): void {
    if (event.button !== 0) return;
    if (event.shiftKey) {
      event.preventDefault(); // no text is selected along
      this.selection.extendTo(cellId);
    } else this.select(cellId, "command");
  }

  grip(cellId: string, event: PointerEvent): void {
    if (event.button !== 0) return;
    event.preventDefault();
    event.stopPropagation(); // nothing else is selected by it
    if (!this.selection.has(cellId)) this.selection.choose(cellId);
    const { notebook, structure, sections, cells } = this;
    const moving = sections.withFolded(this.selection.ids);
    drag({ list: cells.element, order: () => notebook.cellIds(), drop: (ids, index) => structure.move(ids, index) }, moving, event);
  }

  command(cellId: string, commandId: string): void {
    if (!this.selection.has(cellId)) this.selection.choose(cellId);
    this.commands.run(commandId);
  }

  menu(cellId: string, at: At): void {
    if (!this.selection.has(cellId)) this.selection.choose(cellId);
    openCellMenu(this, at);
  }

  contextMenu(cellId: string, event: MouseEvent): void {
    const { target } = event;
    const isOther = target instanceof Element && target.closest("a, img, input, textarea, .outputs, iframe") !== null;
    if (isOther || getSelection()?.isCollapsed === false) return; // the browser's own menu can do more there
    event.preventDefault();
    this.menu(cellId, { x: event.clientX, y: event.clientY });
  }

  leave(direction: -1 | 1): boolean {
    const next = this.selection.neighbour(direction);
    if (next === null || next === this.selection.active) return false;
    this.selection.choose(next, "edit");
    const editor = this.cells.get(next)?.editor.view;
    const anchor = direction === 1 ? 0 : (editor?.state.doc.length ?? 0);
    editor?.dispatch({ selection: { anchor }, scrollIntoView: true });
    return true;
  }

  insertAfter(cellId: string, type: CellType): void {
    this.#insert(this.notebook.cellIds().indexOf(this.sections.withFolded([cellId]).at(-1) ?? cellId) + 1, type);
  }

  answer(execution: Execution, value: string | null): void {
    if (execution.prompt === null) return;
    this.requests.ask({ method: "answer_input", execution_id: execution.id, prompt_id: execution.prompt.id, value }, "answer");
    this.selection.choose(this.selection.active, this.selection.mode);
  }

  /** Where this person asked for the run, or is at the cell, and writes nothing at the moment. */
  takesAnswer(cellId: string, execution: Execution): boolean {
    const { active, isEditing } = this.selection;
    if (cellId !== active && execution.requested_by?.peer_id !== this.self) return false;
    const { activeElement } = document;
    if (activeElement === document.body || activeElement?.classList.contains("cell") === true) return true;
    return isEditing && active !== null && this.notebook.source(active) === "" && this.#isFocused(active); // where Shift+Enter led
  }

  /** What the kernel says; nothing where it does not run, is busy, or was asked something newer. */
  readonly kernel = {
    suggest: (code: string, cursor: number): Promise<Suggestions | null> => {
      return this.requests.question({ method: "complete", code, cursor }) as Promise<Suggestions | null>;
    },
    silence: (): string => {
      if (this.#linkState !== "online") return "The server cannot be reached.";
      const { root } = this.executions;
      const runs = root !== null && readKernel(root).lifecycle === "ready";
      return runs ? "The kernel did not answer." : "No kernel runs yet: run a cell first.";
    },
    signature: (code: string, cursor: number): Promise<Signature | null> => {
      return this.requests.question({ method: "signature_help", code, cursor }) as Promise<Signature | null>;
    },
    inspect: (code: string, cursor: number): Promise<Inspection | null> => {
      return this.requests.question({ method: "inspect", code, cursor, detail: 0 }) as Promise<Inspection | null>;
    },
  };

  cursor(cellId: string, anchor: number, head: number): void {
    this.people.sayPlace({ cell_id: cellId, anchor, head, status: "editing" });
  }

  pressed(event: KeyboardEvent): boolean {
    const command = this.commands.press(event, event.timeStamp, "edit");
    if (command !== null) perform(command);
    return command !== null;
  }

  // --- drawing -----------------------------------------------------------------------------------------------------------

  #documentChanged(events: NotebookEvent[]): void {
    const { active, isEditing } = this.selection;
    if (isEditing && active !== null && !this.notebook.has(active)) this.#loseEditor();
    this.sections.take(events);
    for (const event of events) {
      if (event.kind === "cells") this.#arrange();
      else if (event.kind === "source") {
        if (event.origin === "remote") this.structure.othersWrote(event.cellId);
        this.cells.get(event.cellId)?.takeEdits(event.edits, event.origin);
      } else if (event.kind === "replaced") this.cells.get(event.cellId)?.takeWhole();
      else if (event.kind === "type") {
        this.cells.get(event.cellId)?.takeType();
        this.executions.touch(event.cellId);
      } else if (event.kind === "cell metadata") this.cells.get(event.cellId)?.takeMetadata();
    }
    this.#showWhetherNew();
    this.edited.emit(events);
    this.#link.poke();
  }

  /** Somebody deleted the cell that is being written in: what is typed on is not to be taken for keys of commands. */
  #loseEditor(): void {
    this.#hasLostEditor = true;
    this.toasts.say("The cell that you were writing in was deleted.", { label: "History", press: () => this.panels.open("history") });
  }

  #arrange(): void {
    this.cells.arrange(this.notebook.cellIds(), (id) => this.sections.isHidden(id));
    this.selection.settle();
  }

  /** In a notebook in which nothing is written yet, a word on how to begin. */
  #showWhetherNew(): void {
    const [first, second] = this.sections.visible;
    this.element.classList.toggle("is-new", second === undefined && (first === undefined || this.notebook.source(first) === ""));
  }

  /** Other cells are folded away; but not from under the reader. */
  #showSections(): void {
    const { active } = this.selection;
    if (active !== null && this.sections.isHidden(active)) return this.sections.reveal(active); // which brings us here again
    this.cells.fold((id) => this.sections.isHidden(id));
    this.selection.settle();
  }

  #showSelection({ before, now, takeFocus }: SelectionChange): void {
    const { active, mode, ids } = now;
    if (active !== null) this.sections.reveal(active);
    if (takeFocus) this.#hasLostEditor = false;
    for (const id of new Set([...before.ids, ...ids])) this.#showChosen(id, takeFocus);
    if (mode === "command") this.people.sayPlace({ cell_id: active, status: "reading" });
  }

  #showChosen(cellId: string, takeFocus: boolean): void {
    const { active, isEditing } = this.selection;
    const isActive = cellId === active;
    this.cells.get(cellId)?.show({ selected: this.selection.has(cellId), active: isActive, editing: isActive && isEditing }, takeFocus);
  }

  #runtimeChanged(patches: readonly Patch[] | null): void {
    if (this.executions.runtime !== null) this.widgets.changed(this.executions.runtime, patches);
  }

  /** Where others are: in the cells alone of those who moved. */
  #showPeople(): void {
    const seen = new Map(this.people.others.map(({ peer, state }) => [peer.peer_id, state]));
    const touched = new Set<string>();
    for (const id of new Set([...this.#places.keys(), ...seen.keys()])) {
      if (this.#places.get(id) === seen.get(id)) continue;
      for (const state of [this.#places.get(id), seen.get(id)]) touched.add(`${state?.["cell_id"]}`);
    }
    this.#places = seen;
    for (const cellId of touched) this.cells.get(cellId)?.setVisitors(this.people.visitors(cellId));
  }

  /** What this role cannot do is not offered (base.css). */
  #showRole(): void {
    this.element.classList.toggle("may-not-edit", !this.session.mayEdit);
    this.element.classList.toggle("may-not-run", !this.session.mayRun);
  }

  #adding(): HTMLElement {
    const add = (type: CellType) => this.#insert(this.notebook.places().length, type);
    return h(
      "div",
      { class: "add" },
      h("button", { type: "button", click: () => add("code") }, "+ Code"),
      h("button", { type: "button", click: () => add("markdown") }, "+ Text"),
      h("span", { class: "hint" }, h("kbd", {}, "Shift+Enter"), " runs a cell, ", h("kbd", {}, "?"), " shows all keys"),
    );
  }

  #insert(index: number, type: CellType): void {
    if (!this.mayEdit()) return;
    const [id] = this.structure.insert(index, [{ type, source: "" }]);
    this.selection.choose(id ?? null, "edit");
  }

  // --- keys --------------------------------------------------------------------------------------------------------------

  #isFocused(cellId: string): boolean {
    const view = this.cells.get(cellId);
    if (view === undefined) return true;
    return this.selection.isEditing ? view.isEditing && view.editor.hasFocus : document.activeElement === view.element;
  }

  /** Whoever goes into a frame of a cell goes to that cell; the focus stays in the frame. No other event tells of it. */
  #frameFocused(): void {
    const { activeElement } = document;
    const cellId = activeElement instanceof HTMLIFrameElement ? activeElement.closest<HTMLElement>(".cell")?.dataset["cell"] : undefined;
    if (cellId !== undefined) this.selection.choose(cellId, "command", false);
  }

  #keyDown(event: KeyboardEvent): void {
    const { target } = event;
    const isCell = target instanceof HTMLElement && target.classList.contains("cell");
    const place: Place = isCell || target === document.body || isOnlyRead(event) ? "command" : "elsewhere";
    const isInside = target instanceof HTMLElement && !isCell && this.cells.element.contains(target);
    if (event.defaultPrevented) return; // an editor's, or a menu's
    if (event.key === "Escape" && (isInside || this.bar.element.contains(document.activeElement))) return this.selection.choose(this.selection.active);
    if (!isText(event)) this.#hasLostEditor = false;
    else if (this.#hasLostEditor && place === "command") return event.preventDefault();
    const command = this.commands.press(event, event.timeStamp, place);
    if (command === null) return;
    event.preventDefault();
    perform(command);
  }
}

const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** Whether a key goes to what is focused in a cell only to be scrolled or selected, an output or code in a text: then keys are
 *  commands as they are on the cell, but for those that scroll, where the keyboard led there. */
function isOnlyRead({ target, key }: KeyboardEvent): boolean {
  if (!(target instanceof HTMLElement) || !target.matches(".cell :is(pre, [role='table'], [role='list'])[tabindex='0']")) return false;
  return !(SCROLLS.test(key) && target.matches(":focus-visible"));
}

const SCROLLS = /^(Arrow.*|Page.*|Home|End| )$/;

/** Tools that are pressed with a pointer leave the focus where it was, in a cell, so that keys go on working. */
function keepFocus(event: MouseEvent): void {
  const isTool = event.target instanceof Element && event.target.closest(".bar button, .tools button, .gutter button, .folded") !== null;
  if (isTool) event.preventDefault();
}
