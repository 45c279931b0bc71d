// One cell on the page: gutter, editor or rendered text, outputs. Its editor is made when the cell comes near the screen;
// until then its source is plain text of the same shape.

import { EditorState, Text } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import type { Notebook, TextEdit } from "../core/notebook.ts";
import { toCodePoints, toCodeUnits } from "../core/offsets.ts";
import type { Origin } from "../core/replica.ts";
import type { CellType, Execution } from "../core/schema.ts";
import { Binding, fromDocument } from "../editor/binding.ts";
import type { Suggest, Suggestions } from "../editor/completion.ts";
import { type RemoteCursor, setCursors } from "../editor/cursors.ts";
import { cellExtensions, language, languageOf } from "../editor/setup.ts";
import type { Surroundings } from "../outputs/mime.ts";
import { OutputArea } from "../outputs/render.ts";
import { button, h } from "./dom.ts";
import { PromptForm } from "./prompt_form.ts";
import { renderMarkdown } from "./markdown.ts";

export interface CellActions extends Surroundings {
  run(cellId: string, then: "stay" | "next" | "insert"): void;
  select(cellId: string, mode: "command" | "edit"): void;
  leave(direction: -1 | 1): boolean;
  move(cellId: string, by: -1 | 1): void;
  remove(cellId: string): void;
  setType(cellId: string, type: CellType): void;
  insertAfter(cellId: string, type: CellType): void;
  answer(execution: Execution, value: string | null): void;
  suggest: Suggest;
  cursor(cellId: string, anchor: number, head: number): void;
}

/** Where somebody else is in a cell, in code points. */
export interface Visitor {
  readonly name: string;
  readonly colour: string;
  readonly anchor: number | null;
  readonly head: number | null;
}

const KINDS: Record<CellType, string> = { code: "Code", markdown: "Text", raw: "Raw" };

export class CellView {
  readonly id: string;
  readonly element: HTMLElement;
  readonly outputs: OutputArea;
  readonly #notebook: Notebook;
  readonly #actions: CellActions;
  readonly #binding: Binding;
  readonly #gutter = h("div", { class: "gutter" });
  readonly #count = h("span", { class: "count" });
  readonly #status = h("span", { class: "run-status", "aria-live": "off" });
  readonly #input = h("div", { class: "input" });
  readonly #rendered = h("div", { class: "prose rendered" });
  readonly #select: HTMLSelectElement;
  readonly #prompt = new PromptForm();
  readonly #people = h("div", { class: "visitors" });
  #editor: EditorView | null = null;
  #placeholder: HTMLElement | null = null;
  #type: CellType;
  #editing = false;
  #visitors: readonly Visitor[] = [];

  constructor(notebook: Notebook, id: string, actions: CellActions, mayEdit: boolean) {
    this.id = id;
    this.outputs = new OutputArea(actions);
    this.#notebook = notebook;
    this.#actions = actions;
    this.#binding = new Binding(notebook, id);
    this.#type = notebook.type(id);
    const run = button("Run this cell", "run", () => actions.run(id, "stay"), "Ctrl+Enter");
    run.classList.add("run");
    this.#gutter.append(run, this.#count, this.#status);
    this.#select = h(
      "select",
      { "aria-label": "Cell type", change: () => actions.setType(id, this.#select.value as CellType) },
      ...Object.entries(KINDS).map(([value, name]) => h("option", { value }, name)),
    );
    const tools = h(
      "div",
      { class: "tools", role: "toolbar", "aria-label": "Cell" },
      this.#select,
      button("Move up", "up", () => actions.move(id, -1), "Alt+↑"),
      button("Move down", "down", () => actions.move(id, 1), "Alt+↓"),
      button("Delete cell", "remove", () => actions.remove(id), "D D"),
    );
    tools.hidden = !mayEdit;
    const insert = h(
      "div",
      { class: "insert" },
      h("button", { type: "button", click: () => actions.insertAfter(id, "code") }, "+ Code"),
      h("button", { type: "button", click: () => actions.insertAfter(id, "markdown") }, "+ Text"),
    );
    insert.hidden = !mayEdit;
    this.#rendered.addEventListener("dblclick", () => actions.select(id, "edit"));
    this.element = h(
      "section",
      { class: "cell", tabindex: "-1", "data-cell": id },
      this.#gutter,
      h("div", { class: "body" }, this.#people, tools, this.#input, this.#rendered, this.outputs.element, this.#prompt.element),
      insert,
    );
    this.element.addEventListener("pointerdown", ({ target }) => {
      if (target instanceof Node && !this.#input.contains(target)) actions.select(id, "command");
    });
    this.element.addEventListener("focusin", ({ target }) => {
      if (target instanceof Node && this.#input.contains(target)) actions.select(id, "edit");
    });
    this.outputs.update(null);
    this.#showType();
    this.#showPlaceholder();
  }

  // --- the document changed --------------------------------------------------------------------------------------------

  takeEdits(edits: readonly TextEdit[], origin: Origin): void {
    if (this.#editor !== null) this.#binding.take(this.#editor, edits, origin);
    this.#sourceChanged();
  }

  takeWhole(): void {
    if (this.#editor !== null) this.#binding.takeWhole(this.#editor);
    this.takeType();
    this.#sourceChanged();
  }

  takeType(): void {
    const type = this.#notebook.type(this.id);
    if (type === this.#type) return;
    this.#type = type;
    this.#editor?.dispatch({ effects: language.reconfigure(languageOf(type)) });
    this.#showType();
  }

  takeExecution(execution: Execution | null, queued: boolean): void {
    this.outputs.update(this.#type === "code" ? execution : null);
    const asked = this.#prompt.element.hasChildNodes();
    this.#prompt.update(execution?.prompt ?? null, (value) => execution !== null && this.#actions.answer(execution, value));
    if (!asked && this.element.classList.contains("selected") && !this.#editing) this.#prompt.focus();
    const status = execution?.status ?? "";
    this.element.dataset["status"] = status;
    const count = execution?.execution_count;
    this.#count.textContent = count === null || count === undefined ? "" : `${count}`;
    this.#status.textContent = statusText(execution, queued);
    const who = execution?.requested_by.name;
    this.#status.title = who === undefined ? "" : `Run by ${who}`;
    this.#label();
  }

  /** While it runs, its time goes on. */
  tick(execution: Execution): void {
    this.#status.textContent = statusText(execution, false);
  }

  setVisitors(visitors: readonly Visitor[]): void {
    this.#visitors = visitors;
    this.#people.replaceChildren(
      ...visitors.map(({ name, colour }) => h("span", { class: `visitor ${colour}`, title: `${name} is here` }, name)),
    );
    this.#showCursors();
  }

  // --- the reader's part -----------------------------------------------------------------------------------------------

  get isEditing(): boolean {
    return this.#editing;
  }

  /** Show this cell as selected or not, with its editor open or not, and put the focus where the keys belong. */
  show(selected: boolean, editing: boolean, takeFocus: boolean): void {
    this.element.classList.toggle("selected", selected);
    this.element.classList.toggle("editing", selected && editing);
    this.element.tabIndex = selected ? 0 : -1;
    const wasEditing = this.#editing;
    this.#editing = selected && editing;
    if (this.#type !== "code" && wasEditing !== this.#editing) this.#showType();
    if (!takeFocus) return;
    if (this.#editing) {
      this.mount();
      if (this.#editor?.hasFocus === false) this.#editor.focus();
    } else if (selected && document.activeElement !== this.element) {
      this.element.focus({ preventScroll: true });
      this.element.scrollIntoView({ block: "nearest" });
    }
  }

  /** Leave the editor of a text cell and show it as it reads. */
  render(): void {
    if (this.#type === "markdown") {
      this.#editing = false;
      this.#showType();
    }
  }

  /** Make the editor, if there is none yet. */
  mount(): void {
    if (this.#editor !== null) return;
    const { id } = this;
    const run = (then: "stay" | "next" | "insert") => () => {
      this.#actions.run(id, then);
      return true;
    };
    const keys = [
      { key: "Shift-Enter", run: run("next") },
      { key: "Mod-Enter", run: run("stay") },
      { key: "Ctrl-Enter", run: run("stay") },
      { key: "Alt-Enter", run: run("insert") },
      { key: "Escape", run: () => (this.#actions.select(id, "command"), true) },
      { key: "ArrowUp", run: (view: EditorView) => isAt(view, "first") && this.#actions.leave(-1) },
      { key: "ArrowDown", run: (view: EditorView) => isAt(view, "last") && this.#actions.leave(1) },
    ];
    this.#editor = new EditorView({
      state: EditorState.create({
        doc: Text.of(this.#notebook.source(id).split("\n")),
        extensions: [
          cellExtensions(this.#type, "Source", keys, (code, cursor) => this.#suggest(code, cursor)),
          this.#binding.extension,
          EditorView.updateListener.of((update) => {
            const own = update.transactions.some((transaction) => transaction.annotation(fromDocument) !== true);
            if (own && update.view.hasFocus && (update.selectionSet || update.docChanged)) this.#sayCursor();
            else if (update.focusChanged && update.view.hasFocus) this.#sayCursor();
          }),
        ],
      }),
    });
    this.#placeholder?.remove();
    this.#placeholder = null;
    this.#input.append(this.#editor.dom);
    this.#showCursors();
  }

  get editor(): EditorView | null {
    return this.#editor;
  }

  destroy(): void {
    this.#editor?.destroy();
    this.outputs.update(null);
    this.element.remove();
  }

  async #suggest(code: string, cursor: number): Promise<Suggestions | null> {
    return this.#type === "code" ? this.#actions.suggest(code, cursor) : null;
  }

  #sayCursor(): void {
    const { selection, doc } = (this.#editor as EditorView).state;
    const text = doc.toString();
    this.#actions.cursor(this.id, toCodePoints(text, selection.main.anchor), toCodePoints(text, selection.main.head));
  }

  #showCursors(): void {
    if (this.#editor === null) return;
    const text = this.#editor.state.doc.toString();
    const cursors: RemoteCursor[] = this.#visitors.flatMap(({ name, colour, anchor, head }) =>
      anchor === null || head === null
        ? []
        : [{ name, colour, anchor: toCodeUnits(text, anchor), head: toCodeUnits(text, head) }],
    );
    this.#editor.dispatch({ effects: setCursors.of(cursors) });
  }

  #sourceChanged(): void {
    if (this.#placeholder !== null) this.#placeholder.textContent = this.#notebook.source(this.id);
    if (this.#type === "markdown" && !this.#editing) this.#renderText();
    this.#label();
  }

  #showPlaceholder(): void {
    this.#placeholder = h("pre", { class: "placeholder" }, this.#notebook.source(this.id));
    this.#input.append(this.#placeholder);
  }

  #showType(): void {
    for (const type of Object.keys(KINDS)) this.element.classList.toggle(type, type === this.#type);
    this.#select.value = this.#type;
    const reads = this.#type === "markdown" && !this.#editing;
    this.#input.hidden = reads;
    this.#rendered.hidden = !reads;
    if (reads) this.#renderText();
    this.#label();
  }

  #renderText(): void {
    const source = this.#notebook.source(this.id);
    const attachments = this.#notebook.attachments(this.id);
    const picture = (address: string): string | null => {
      if (address.startsWith("data:image/")) return address;
      const found = attachments[decodeURIComponent(address.replace(/^attachment:/, ""))] ?? {};
      const [type, content] = Object.entries(found)[0] ?? [];
      if (type === undefined || !type.startsWith("image/")) return null;
      const { blob, inline } = content as { blob?: string; inline?: string };
      return blob === undefined ? `data:${type};base64,${inline ?? ""}` : `/v1/blobs/${blob}?type=${encodeURIComponent(type)}`;
    };
    if (source.trim() === "") this.#rendered.replaceChildren(h("p", { class: "empty" }, "Empty text. Press Enter to write."));
    else this.#rendered.replaceChildren(renderMarkdown(source, picture));
  }

  #label(): void {
    const status = this.#type === "code" ? this.#status.textContent : "";
    const start = this.#notebook.source(this.id).split("\n", 1)[0]?.slice(0, 80) ?? "";
    this.element.setAttribute("aria-label", [`${KINDS[this.#type]} cell`, start, status].filter(Boolean).join(", "));
  }
}

function isAt(view: EditorView, end: "first" | "last"): boolean {
  const { main } = view.state.selection;
  const line = view.state.doc.lineAt(main.head).number;
  return main.empty && line === (end === "first" ? 1 : view.state.doc.lines);
}

function statusText(execution: Execution | null, queued: boolean): string {
  if (execution === null) return "";
  if (execution.status === "queued" || queued) return "waiting";
  if (execution.status === "running") {
    return execution.started === null ? "running" : duration(Math.max(0, Date.now() / 1000 - execution.started));
  }
  if (execution.status === "cancelled") return "cancelled";
  if (execution.status === "died") return "kernel died";
  if (execution.started === null || execution.ended === null) return "";
  return duration(execution.ended - execution.started);
}

export function duration(seconds: number): string {
  if (seconds < 0.1) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  return `${minutes} min ${Math.round(seconds - 60 * minutes)} s`;
}
