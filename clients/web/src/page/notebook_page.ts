// The page of one notebook: puts cells, bar and keys together and keeps them in step with the session.
//
// Owns what only this tab knows: which cell is selected, in which mode, what was deleted here and can be brought back.
// What the notebook says is the document's; nothing of it is kept here.

import type { Incoming } from "../core/messages.ts";
import type { CellRecord, Notebook, NotebookEvent } from "../core/notebook.ts";
import type { Heads, Patch } from "../core/replica.ts";
import type { Suggestions } from "../editor/completion.ts";
import { type CellType, type Execution, readKernel, readQueue } from "../core/schema.ts";
import type { Session } from "../core/session.ts";
import type { Link, LinkState } from "../link.ts";
import { toHex } from "../core/messages.ts";
import { CellList } from "./cell_list.ts";
import type { CellActions } from "./cell_view.ts";
import { h } from "./dom.ts";
import { Executions } from "./executions.ts";
import { type Command, CommandKeys, HELP } from "./keys.ts";
import { People } from "./people.ts";
import { Requests } from "./requests.ts";
import { saySafety } from "./saving.ts";
import { Toasts } from "./toast.ts";
import { TopBar } from "./top_bar.ts";
import { rename } from "./you.ts";
import { Widgets } from "../outputs/widgets.ts";

const DELETED_KEPT = 50;

export class NotebookPage implements CellActions {
  readonly element: HTMLElement;
  readonly toasts = new Toasts();
  readonly widgets: Widgets;
  readonly #notebook: Notebook;
  readonly #session: Session;
  readonly #link: Link;
  readonly #bar: TopBar;
  readonly #banner = h("div", { class: "banner", role: "alert" });
  readonly #cells: CellList;
  readonly #executions: Executions;
  readonly #people: People;
  readonly #requests: Requests;
  readonly #keys = new CommandKeys();
  #selected: string | null = null;
  #mode: "command" | "edit" = "command";
  #deleted: CellRecord[] = [];
  #linkState: LinkState = "connecting";
  #file: { heads: Heads; error: string | null } = { heads: [], error: null };

  constructor(session: Session, notebook: Notebook, link: Link) {
    this.#session = session;
    this.#notebook = notebook;
    this.#link = link;
    this.#requests = new Requests(session, link, this.toasts);
    this.widgets = new Widgets((body) => this.#requests.call(body));
    this.widgets.onFailure = ({ message, hint }) => this.toasts.say(`${message} ${hint}`);
    this.#people = new People(session, link);
    this.#cells = new CellList(notebook, this, () => session.mayEdit);
    this.#executions = new Executions(this.#cells);
    this.#bar = new TopBar({
      runAll: () => this.#requests.ask({ method: "execute", cell_ids: null }, "run all cells"),
      interrupt: () => this.#interrupt(),
      restart: () => this.#restart(),
      save: () => this.#requests.ask({ method: "save" }, "write the file"),
      help: () => this.#help(),
      jumpTo: (peerId) => this.#jumpTo(peerId),
      rename: (name) => this.#rename(name),
    });
    this.#banner.hidden = true;
    const add = h(
      "div",
      { class: "add" },
      h("button", { type: "button", click: () => this.#insert(this.#notebook.places().length, "code") }, "+ Code"),
      h("button", { type: "button", click: () => this.#insert(this.#notebook.places().length, "markdown") }, "+ Text"),
    );
    this.element = h("div", { class: "page" }, this.#bar.element, this.#banner, this.#cells.element, add, this.toasts.element);
    this.#cells.onAdded = (id) => this.#executions.touch(id);
    this.#cells.onRemoved = (id) => this.#gone(id);
    this.#executions.onChange = (patches) => this.#runtimeChanged(patches);
    notebook.onEvents = (events) => this.#documentChanged(events);
    session.onRuntime = (runtime) => this.#executions.follow(runtime);
    document.addEventListener("keydown", (event) => this.#pressed(event));
    this.#arrange();
    this.#showPeople();
  }

  // --- what arrives ----------------------------------------------------------------------------------------------------

  setPath(path: string | null): void {
    this.#bar.setPath(path);
  }

  /** The file said this when the session began; what the hub has told since is newer. */
  fileSaid(heads: Heads): void {
    if (this.#file.heads.length === 0 && this.#file.error === null) this.#file = { heads, error: null };
    this.#showSaving();
  }

  setLink(state: LinkState): void {
    this.#linkState = this.#requests.linkState = state;
    if (state === "online") this.say(null);
    else this.#people.clear();
    this.#showPeople();
    this.#showSaving();
  }

  /** Something was sent or received. */
  progress(): void {
    this.#showSaving();
  }

  take(message: Incoming): void {
    if (message.type === "welcome") {
      this.#file = { heads: [], error: null };
    } else if (message.type === "peers") {
      this.#people.take(message.peers);
      this.#showPeople();
    } else if (message.type === "left") {
      this.#people.left(message.peer_id);
      this.#showPeople();
    } else if (message.type === "notebook_saved") {
      const error = message.error === null ? null : `${message.error.message} ${message.error.hint}`;
      this.#file = { heads: error === null ? message.heads.map(toHex) : this.#file.heads, error };
      this.#bar.setPath(message.path);
      this.#showSaving();
    } else if (message.type === "comm_message") {
      this.widgets.hear(message.comm_id, message.data, message.buffers);
    } else if (message.type === "response") {
      this.#requests.take(message);
    } else if (message.type === "error") {
      this.toasts.say(`${message.message} ${message.hint}`);
    }
  }

  /** A message that stays, with something to do about it; null takes it away. */
  say(text: string | null, ...actions: HTMLElement[]): void {
    this.#banner.hidden = text === null;
    this.#banner.replaceChildren(...(text === null ? [] : [h("span", {}, text), ...actions]));
  }

  // --- what cells ask for ------------------------------------------------------------------------------------------------

  run(cellId: string, then: "stay" | "next" | "insert"): void {
    const view = this.#cells.get(cellId);
    if (this.#notebook.type(cellId) === "code") this.#requests.ask({ method: "execute", cell_ids: [cellId] }, "run the cell");
    else view?.render();
    const ids = this.#notebook.cellIds();
    const index = ids.indexOf(cellId);
    const next = ids[index + 1];
    if (then === "insert" || (then === "next" && next === undefined)) this.#insert(index + 1, "code");
    else this.select(then === "next" && next !== undefined ? next : cellId, "command");
  }

  select(cellId: string | null, mode: "command" | "edit", takeFocus = true): void {
    const before = this.#selected;
    if (mode === "edit" && !this.#session.mayEdit) mode = "command";
    if (before === cellId && this.#mode === mode && this.#isFocused(cellId, mode)) return;
    this.#selected = cellId;
    this.#mode = mode;
    if (before !== null && before !== cellId) this.#cells.get(before)?.show(false, false, false);
    if (cellId !== null) this.#cells.get(cellId)?.show(true, mode === "edit", takeFocus);
    if (mode === "command") this.#people.sayPlace({ cell_id: cellId, status: "reading" });
  }

  leave(direction: -1 | 1): boolean {
    const ids = this.#notebook.cellIds();
    const next = ids[ids.indexOf(this.#selected ?? "") + direction];
    if (next === undefined) return false;
    this.select(next, "edit");
    const editor = this.#cells.get(next)?.editor;
    const anchor = direction === 1 ? 0 : (editor?.state.doc.length ?? 0);
    editor?.dispatch({ selection: { anchor }, scrollIntoView: true });
    return true;
  }

  move(cellId: string, by: -1 | 1): void {
    const index = this.#notebook.cellIds().indexOf(cellId) + by;
    if (index < 0 || index >= this.#notebook.places().length) return;
    this.#notebook.moveCells([cellId], index);
    this.#cells.get(cellId)?.element.scrollIntoView({ block: "nearest" });
  }

  remove(cellId: string): void {
    const record = this.#notebook.record(cellId);
    if (record === null) return;
    const ids = this.#notebook.cellIds();
    const index = ids.indexOf(cellId);
    this.#deleted = [...this.#deleted, record].slice(-DELETED_KEPT);
    this.#notebook.deleteCells([cellId]);
    this.select(ids[index + 1] ?? ids[index - 1] ?? null, "command");
    this.toasts.say("Cell deleted.", { label: "Undo", press: () => this.#undelete() });
  }

  setType(cellId: string, type: CellType): void {
    this.#notebook.setTypes([[cellId, type]]);
  }

  insertAfter(cellId: string, type: CellType): void {
    this.#insert(this.#notebook.cellIds().indexOf(cellId) + 1, type);
  }

  answer(execution: Execution, value: string | null): void {
    if (execution.prompt === null) return;
    this.#requests.ask({ method: "answer_input", execution_id: execution.id, prompt_id: execution.prompt.id, value }, "answer");
    if (this.#selected !== null) this.select(this.#selected, "command");
  }

  /** What the kernel suggests; nothing where it does not run, is busy, or was asked something newer. */
  suggest = (code: string, cursor: number): Promise<Suggestions | null> => {
    return this.#requests.question({ method: "complete", code, cursor }) as Promise<Suggestions | null>;
  };

  cursor(cellId: string, anchor: number, head: number): void {
    this.#people.sayPlace({ cell_id: cellId, anchor, head, status: "editing" });
  }

  // --- requests ----------------------------------------------------------------------------------------------------------

  #interrupt(): void {
    const { running } = this.#executions;
    if (running === null) this.toasts.say("Nothing is running.");
    else this.#requests.ask({ method: "interrupt", execution_id: running }, "interrupt the cell");
  }

  #restart(): void {
    if (confirm("Restart the kernel? What it has in memory is lost.")) this.#requests.ask({ method: "restart_kernel" }, "restart the kernel");
  }

  #insert(index: number, type: CellType): void {
    this.select(this.#notebook.addCell(index, type), "edit");
  }

  #undelete(): void {
    const record = this.#deleted.pop();
    if (record === undefined) return;
    this.#notebook.restoreCells([record]);
    this.select(record.id, "command");
  }

  #rename(name: string): void {
    rename(name);
    location.reload(); // the hub learns a name when a peer greets it
  }

  // --- drawing -----------------------------------------------------------------------------------------------------------

  #documentChanged(events: NotebookEvent[]): void {
    for (const event of events) {
      if (event.kind === "cells") this.#arrange();
      else if (event.kind === "source") this.#cells.get(event.cellId)?.takeEdits(event.edits, event.origin);
      else if (event.kind === "replaced") this.#cells.get(event.cellId)?.takeWhole();
      else if (event.kind === "type") {
        this.#cells.get(event.cellId)?.takeType();
        this.#executions.touch(event.cellId);
      }
    }
    this.#link.poke();
  }

  #arrange(): void {
    const ids = this.#notebook.cellIds();
    this.#cells.arrange(ids);
    if (this.#selected === null && ids[0] !== undefined) this.select(ids[0], "command", false);
  }

  #gone(cellId: string): void {
    if (this.#selected === cellId) this.#selected = null;
  }

  #runtimeChanged(patches: readonly Patch[] | null): void {
    if (this.#executions.runtime !== null) this.widgets.changed(this.#executions.runtime, patches);
    this.#showKernel();
  }

  #showKernel(): void {
    const { root } = this.#executions;
    if (root === null) return;
    this.#bar.setKernel(readKernel(root), readQueue(root).length, this.#people.hasDaemon || this.#linkState !== "online");
  }

  #showSaving(): void {
    const { replica } = this.#notebook;
    const { heads, error } = this.#file;
    const inFile = replica.contains(heads) && replica.hashesSince(heads).length === 0;
    const { joined, unsaved } = this.#session.notebookSync;
    this.#bar.setSaving(saySafety({ link: this.#linkState, joined, unsaved, inFile, fileError: error }));
  }

  #showPeople(): void {
    this.#bar.setPeople(this.#people.self, this.#people.others);
    for (const [cellId, view] of this.#cells) view.setVisitors(this.#people.visitors(cellId));
    this.#showKernel();
  }

  #jumpTo(peerId: string): void {
    const view = this.#cells.get(this.#people.cellOf(peerId));
    if (view === undefined) this.toasts.say(`${this.#people.get(peerId)?.peer.name ?? "This peer"} is in no cell.`);
    view?.element.scrollIntoView({ block: "center", behavior: "smooth" });
  }

  #isFocused(cellId: string | null, mode: "command" | "edit"): boolean {
    const view = this.#cells.get(cellId);
    if (view === undefined) return true;
    return mode === "edit" ? view.isEditing && view.editor?.hasFocus === true : document.activeElement === view.element;
  }

  // --- keys --------------------------------------------------------------------------------------------------------------

  #pressed(event: KeyboardEvent): void {
    if ((event.ctrlKey || event.metaKey) && event.key === "s") {
      event.preventDefault();
      this.#requests.ask({ method: "save" }, "write the file");
      return;
    }
    const { target } = event;
    const inCell = target instanceof HTMLElement && target.classList.contains("cell");
    if (!inCell && target !== document.body) {
      const leaves = event.key === "Escape" && target instanceof HTMLElement && this.#cells.element.contains(target);
      if (leaves && this.#selected !== null) this.select(this.#selected, "command");
      return; // an editor, a button, a list: the key is theirs
    }
    const command = this.#keys.press(event, event.timeStamp);
    if (command === null) return;
    event.preventDefault();
    this.#obey(command);
  }

  #obey(command: Command): void {
    const ids = this.#notebook.cellIds();
    const id = this.#selected;
    const index = id === null ? -1 : ids.indexOf(id);
    if (command === "undelete") return this.#undelete();
    if (command === "interrupt") return this.#interrupt();
    if (command === "restart") return this.#restart();
    if (command === "save") return this.#requests.ask({ method: "save" }, "write the file");
    if (command === "help") return this.#help();
    if (id === null) {
      if (command === "above" || command === "below") this.select(this.#notebook.addCell(0, "code"), "command");
      return;
    }
    if (command === "edit") this.select(id, "edit");
    else if (command === "next") this.select(ids[index + 1] ?? id, "command");
    else if (command === "previous") this.select(ids[index - 1] ?? id, "command");
    else if (command === "run") this.run(id, "stay");
    else if (command === "run-next") this.run(id, "next");
    else if (command === "run-insert") this.run(id, "insert");
    else if (!this.#session.mayEdit) this.toasts.say("You may read this notebook, but not change it.");
    else if (command === "above") this.select(this.#notebook.addCell(index, "code"), "command");
    else if (command === "below") this.select(this.#notebook.addCell(index + 1, "code"), "command");
    else if (command === "delete") this.remove(id);
    else if (command === "move-up") this.move(id, -1);
    else if (command === "move-down") this.move(id, 1);
    else this.setType(id, command);
  }

  #help(): void {
    const close = () => dialog.close();
    const rows = HELP.map(([keys, what]) => h("div", {}, h("dt", {}, keys), h("dd", {}, what)));
    const dialog = h(
      "dialog",
      { class: "help", "aria-label": "Keys", close: () => dialog.remove() },
      h("h2", {}, "Keys"),
      h("dl", {}, ...rows),
      h("button", { type: "button", click: close }, "Close"),
    );
    document.body.append(dialog);
    dialog.showModal();
  }
}
