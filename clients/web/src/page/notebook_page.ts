// The page of one notebook: puts cells, bar and keys together and keeps them in step with the session.
//
// Owns what only this tab knows: which cell is selected, in which mode, what was deleted here and can be brought back.
// What the notebook says is the document's; nothing of it is kept here.

import type { Incoming, PresentPeer, RequestBody } from "../core/messages.ts";
import type { CellRecord, Notebook, NotebookEvent } from "../core/notebook.ts";
import type { Heads, Patch, Replica } from "../core/replica.ts";
import type { Suggestions } from "../editor/completion.ts";
import { type CellType, type Execution, latestExecution, readExecution, readKernel, readQueue, type RuntimeRoot } from "../core/schema.ts";
import type { Session } from "../core/session.ts";
import type { Link, LinkState } from "../link.ts";
import { toHex } from "../core/messages.ts";
import { type CellActions, CellView, type Visitor } from "./cell_view.ts";
import { colourOf } from "./colours.ts";
import { h } from "./dom.ts";
import { type Command, CommandKeys, HELP } from "./keys.ts";
import { saySafety } from "./saving.ts";
import { Toasts } from "./toast.ts";
import { TopBar } from "./top_bar.ts";
import { rename } from "./you.ts";

const SAY_CURSOR_EVERY = 80; // milliseconds
const DELETED_KEPT = 50;
const SUGGESTION_PATIENCE = 6000; // milliseconds

export class NotebookPage implements CellActions {
  readonly element: HTMLElement;
  readonly toasts = new Toasts();
  readonly #notebook: Notebook;
  readonly #session: Session;
  readonly #link: Link;
  readonly #bar: TopBar;
  readonly #list = h("main", { class: "cells", "aria-label": "Notebook" });
  readonly #banner = h("div", { class: "banner", role: "alert" });
  readonly #views = new Map<string, CellView>();
  readonly #near: IntersectionObserver;
  readonly #keys = new CommandKeys();
  readonly #peers = new Map<string, PresentPeer>();
  readonly #asked = new Map<string, string>(); // request id -> what was asked, in words
  readonly #questions = new Map<string, (result: Record<string, unknown> | null) => void>();
  #runtime: Replica<RuntimeRoot> | null = null;
  #selected: string | null = null;
  #mode: "command" | "edit" = "command";
  #deleted: CellRecord[] = [];
  #touched = new Set<string>(); // cells whose execution may look different
  #drawing = false;
  #linkState: LinkState = "connecting";
  #file: { heads: Heads; error: string | null } = { heads: [], error: null };
  #place: Record<string, unknown> = { status: "reading" };
  #placeTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(session: Session, notebook: Notebook, link: Link) {
    this.#session = session;
    this.#notebook = notebook;
    this.#link = link;
    this.#bar = new TopBar({
      runAll: () => this.#ask({ method: "execute", cell_ids: null }, "run all cells"),
      interrupt: () => this.#interrupt(),
      restart: () => this.#restart(),
      save: () => this.#ask({ method: "save" }, "write the file"),
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
    this.element = h("div", { class: "page" }, this.#bar.element, this.#banner, this.#list, add, this.toasts.element);
    this.#near = new IntersectionObserver((entries) => this.#approach(entries), { rootMargin: "900px" });
    notebook.onEvents = (events) => this.#documentChanged(events);
    session.onRuntime = (runtime) => this.#takeRuntime(runtime);
    document.addEventListener("keydown", (event) => this.#pressed(event));
    setInterval(() => this.#tick(), 100);
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
    this.#linkState = state;
    if (state === "online") this.say(null);
    else this.#peers.clear();
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
      for (const present of message.peers) this.#peers.set(present.peer.peer_id, present);
      this.#showPeople();
    } else if (message.type === "left") {
      this.#peers.delete(message.peer_id);
      this.#showPeople();
    } else if (message.type === "notebook_saved") {
      const error = message.error === null ? null : `${message.error.message} ${message.error.hint}`;
      this.#file = { heads: error === null ? message.heads.map(toHex) : this.#file.heads, error };
      this.#bar.setPath(message.path);
      this.#showSaving();
    } else if (message.type === "response") {
      const question = this.#questions.get(message.id);
      if (question !== undefined) {
        question(message.error === null ? message.result : null);
        return;
      }
      const asked = this.#asked.get(message.id);
      this.#asked.delete(message.id);
      if (message.error !== null) this.toasts.say(`Could not ${asked ?? "do that"}: ${message.error.message} ${message.error.hint}`);
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
    const view = this.#views.get(cellId);
    if (this.#notebook.type(cellId) === "code") this.#ask({ method: "execute", cell_ids: [cellId] }, "run the cell");
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
    if (before !== null && before !== cellId) this.#views.get(before)?.show(false, false, false);
    if (cellId !== null) this.#views.get(cellId)?.show(true, mode === "edit", takeFocus);
    if (mode === "command") this.#sayPlace({ cell_id: cellId, status: "reading" });
  }

  leave(direction: -1 | 1): boolean {
    const ids = this.#notebook.cellIds();
    const next = ids[ids.indexOf(this.#selected ?? "") + direction];
    if (next === undefined) return false;
    this.select(next, "edit");
    const editor = this.#views.get(next)?.editor;
    const anchor = direction === 1 ? 0 : (editor?.state.doc.length ?? 0);
    editor?.dispatch({ selection: { anchor }, scrollIntoView: true });
    return true;
  }

  move(cellId: string, by: -1 | 1): void {
    const index = this.#notebook.cellIds().indexOf(cellId) + by;
    if (index < 0 || index >= this.#notebook.places().length) return;
    this.#notebook.moveCell(cellId, index);
    this.#views.get(cellId)?.element.scrollIntoView({ block: "nearest" });
  }

  remove(cellId: string): void {
    const record = this.#notebook.record(cellId);
    if (record === null) return;
    const ids = this.#notebook.cellIds();
    const index = ids.indexOf(cellId);
    this.#deleted = [...this.#deleted, record].slice(-DELETED_KEPT);
    this.#notebook.deleteCell(cellId);
    this.select(ids[index + 1] ?? ids[index - 1] ?? null, "command");
    this.toasts.say("Cell deleted.", { label: "Undo", press: () => this.#undelete() });
  }

  setType(cellId: string, type: CellType): void {
    this.#notebook.setType(cellId, type);
  }

  insertAfter(cellId: string, type: CellType): void {
    this.#insert(this.#notebook.cellIds().indexOf(cellId) + 1, type);
  }

  answer(execution: Execution, value: string | null): void {
    if (execution.prompt === null) return;
    this.#ask({ method: "answer_input", execution_id: execution.id, prompt_id: execution.prompt.id, value }, "answer");
    if (this.#selected !== null) this.select(this.#selected, "command");
  }

  /** What the kernel suggests; nothing where it does not run, is busy, or was asked something newer. */
  suggest = (code: string, cursor: number): Promise<Suggestions | null> => {
    if (this.#linkState !== "online") return Promise.resolve(null);
    return new Promise((resolve) => {
      const id = this.#session.request({ method: "complete", code, cursor });
      const answer = (result: Record<string, unknown> | null) => {
        clearTimeout(timer);
        this.#questions.delete(id);
        this.#session.forget(id);
        resolve(result as Suggestions | null);
      };
      const timer = setTimeout(answer, SUGGESTION_PATIENCE, null);
      this.#questions.set(id, answer);
      this.#link.poke();
    });
  };

  cursor(cellId: string, anchor: number, head: number): void {
    this.#sayPlace({ cell_id: cellId, anchor, head, status: "editing" });
  }

  // --- requests ----------------------------------------------------------------------------------------------------------

  #ask(body: RequestBody, inWords: string): void {
    this.#asked.set(this.#session.request(body), inWords);
    this.#link.poke();
    if (this.#linkState !== "online") this.toasts.say(`Offline: the server will ${inWords} when it is back.`);
  }

  #interrupt(): void {
    const [running] = this.#runtime === null ? [] : readQueue(this.#runtime.value);
    if (running === undefined) this.toasts.say("Nothing is running.");
    else this.#ask({ method: "interrupt", execution_id: running }, "interrupt the cell");
  }

  #restart(): void {
    if (confirm("Restart the kernel? What it has in memory is lost.")) this.#ask({ method: "restart_kernel" }, "restart the kernel");
  }

  #insert(index: number, type: CellType): void {
    this.select(this.#notebook.addCell(index, type), "edit");
  }

  #undelete(): void {
    const record = this.#deleted.pop();
    if (record === undefined) return;
    this.#notebook.restoreCell(record);
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
      else if (event.kind === "source") this.#views.get(event.cellId)?.takeEdits(event.edits, event.origin);
      else if (event.kind === "replaced") this.#views.get(event.cellId)?.takeWhole();
      else if (event.kind === "type") {
        this.#views.get(event.cellId)?.takeType();
        this.#touch(event.cellId);
      }
    }
    this.#link.poke();
  }

  /** Have exactly the document's cells on the page, in its order, moving as few as possible. */
  #arrange(): void {
    const ids = this.#notebook.cellIds();
    const here = new Set(ids);
    for (const [id, view] of this.#views) {
      if (here.has(id)) continue;
      if (this.#selected === id) this.#selected = null;
      this.#near.unobserve(view.element);
      view.destroy();
      this.#views.delete(id);
    }
    let at = this.#list.firstElementChild;
    for (const [index, id] of ids.entries()) {
      let view = this.#views.get(id);
      if (view === undefined) {
        view = new CellView(this.#notebook, id, this, this.#session.mayEdit);
        this.#views.set(id, view);
        this.#near.observe(view.element);
        this.#touch(id);
      }
      if (view.element === at) at = at.nextElementSibling;
      else if (at !== null && at.nextElementSibling === view.element && index > 0) {
        const stray = at; // one that was moved down: put it away instead of moving all that it passed
        at = view.element.nextElementSibling;
        place(this.#list, stray, null);
        at ??= stray;
      } else place(this.#list, view.element, at);
    }
    if (this.#selected === null && ids[0] !== undefined) this.select(ids[0], "command", false);
  }

  #takeRuntime(runtime: Replica<RuntimeRoot>): void {
    if (this.#runtime !== null) this.#runtime.onPatches = () => {};
    this.#runtime = runtime;
    runtime.onPatches = (patches) => this.#runtimeChanged(patches);
    for (const id of this.#views.keys()) this.#touch(id);
    this.#showKernel();
  }

  #runtimeChanged(patches: Patch[]): void {
    const root = (this.#runtime as Replica<RuntimeRoot>).value;
    for (const { path } of patches) {
      if (path[0] === "latest") this.#touch(`${path[1]}`);
      else if (path[0] === "executions") {
        const cellId = (root.executions?.[`${path[1]}`] as { cell_id?: unknown } | undefined)?.cell_id;
        if (cellId !== undefined) this.#touch(`${cellId}`);
      }
    }
    this.#showKernel();
  }

  #touch(cellId: string): void {
    this.#touched.add(cellId);
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      const cells = this.#touched;
      this.#touched = new Set();
      for (const id of cells) this.#drawExecution(id);
    });
  }

  #drawExecution(cellId: string): void {
    const root = this.#runtime?.value;
    const view = this.#views.get(cellId);
    if (root === undefined || view === undefined) return;
    const id = latestExecution(root, cellId);
    const execution = id === null ? null : readExecution(root, id);
    view.takeExecution(execution, execution?.status === "queued");
  }

  /** The clock of what runs. */
  #tick(): void {
    const root = this.#runtime?.value;
    if (root === undefined) return;
    const [running] = readQueue(root);
    const cellId = running === undefined ? undefined : (root.executions[running] as { cell_id?: unknown })?.cell_id;
    const execution = running === undefined ? null : readExecution(root, running);
    if (execution?.status === "running") this.#views.get(`${cellId}`)?.tick(execution);
  }

  #approach(entries: IntersectionObserverEntry[]): void {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      const view = this.#views.get((target as HTMLElement).dataset["cell"] ?? "");
      view?.mount();
      this.#near.unobserve(target);
    }
  }

  #showKernel(): void {
    if (this.#runtime === null) return;
    const root = this.#runtime.value;
    const hasDaemon = [...this.#peers.values()].some(({ role }) => role === "daemon");
    this.#bar.setKernel(readKernel(root), readQueue(root).length, hasDaemon || this.#linkState !== "online");
  }

  #showSaving(): void {
    const { replica } = this.#notebook;
    const { heads, error } = this.#file;
    const inFile = replica.contains(heads) && replica.hashesSince(heads).length === 0;
    const { joined, unsaved } = this.#session.notebookSync;
    this.#bar.setSaving(saySafety({ link: this.#linkState, joined, unsaved, inFile, fileError: error }));
  }

  #showPeople(): void {
    const self = { peer: this.#session.peer, role: this.#session.role, state: {} };
    const others = [...this.#peers.values()].filter(({ peer }) => peer.peer_id !== self.peer.peer_id);
    this.#bar.setPeople(self, others);
    for (const [cellId, view] of this.#views) {
      view.setVisitors(others.filter(({ state }) => state?.["cell_id"] === cellId).map(visitor));
    }
    this.#showKernel();
  }

  #jumpTo(peerId: string): void {
    const cellId = this.#peers.get(peerId)?.state["cell_id"];
    const view = typeof cellId === "string" ? this.#views.get(cellId) : undefined;
    if (view === undefined) this.toasts.say(`${this.#peers.get(peerId)?.peer.name ?? "This peer"} is in no cell.`);
    view?.element.scrollIntoView({ block: "center", behavior: "smooth" });
  }

  #sayPlace(place: Record<string, unknown>): void {
    this.#place = place;
    this.#placeTimer ??= setTimeout(() => {
      this.#placeTimer = null;
      this.#session.setPresence(this.#place);
      this.#link.poke();
    }, SAY_CURSOR_EVERY);
  }

  #isFocused(cellId: string | null, mode: "command" | "edit"): boolean {
    const view = cellId === null ? undefined : this.#views.get(cellId);
    if (view === undefined) return true;
    return mode === "edit" ? view.isEditing && view.editor?.hasFocus === true : document.activeElement === view.element;
  }

  // --- keys --------------------------------------------------------------------------------------------------------------

  #pressed(event: KeyboardEvent): void {
    if ((event.ctrlKey || event.metaKey) && event.key === "s") {
      event.preventDefault();
      this.#ask({ method: "save" }, "write the file");
      return;
    }
    const { target } = event;
    const inCell = target instanceof HTMLElement && target.classList.contains("cell");
    if (!inCell && target !== document.body) {
      const leaves = event.key === "Escape" && target instanceof HTMLElement && this.#list.contains(target);
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
    if (command === "save") return this.#ask({ method: "save" }, "write the file");
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

/** Put an element somewhere else without losing its state, where the browser can do that. */
function place(parent: HTMLElement, element: Element, before: Element | null): void {
  const { moveBefore } = parent as { moveBefore?: (node: Node, before: Node | null) => void };
  if (moveBefore !== undefined && element.isConnected) moveBefore.call(parent, element, before);
  else parent.insertBefore(element, before);
}

function visitor({ peer, state }: PresentPeer): Visitor {
  const place = (value: unknown) => (typeof value === "number" && value >= 0 ? value : null);
  return { name: peer.name, colour: colourOf(peer.peer_id), anchor: place(state["anchor"]), head: place(state["head"]) };
}
