// The source of one cell: an editor bound to the document, or, until the cell comes near the screen, text of its shape.

import { isolateHistory } from "@codemirror/commands";
import { EditorState, Text } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import type { Notebook, TextEdit } from "../core/notebook.ts";
import { toCodePoints, toCodeUnits } from "../core/offsets.ts";
import type { Origin } from "../core/replica.ts";
import type { CellType } from "../core/schema.ts";
import { Binding, fromDocument } from "../editor/binding.ts";
import { setCursors } from "../editor/cursors.ts";
import { cellExtensions, type KernelHelp, language, languageOf, lineNumbering, numbers } from "../editor/setup.ts";
import { type MarkedMatch, setMatches } from "../editor/matches.ts";
import { type Passage, setPassages } from "../editor/passages.ts";
import { h } from "./dom.ts";

/** Where somebody else is in a cell, in code points. */
export interface Visitor {
  readonly peerId: string;
  readonly name: string;
  readonly kind: string;
  readonly colour: string;
  readonly anchor: number | null;
  readonly head: number | null;
  /** What they said of it: the same as long as they do not say anything else. */
  readonly said: object;
}

/** What an editor asks of the page. */
export interface EditorActions {
  /** A key was pressed in the editor: true if it was a command's. */
  pressed(event: KeyboardEvent): boolean;
  select(cellId: string, mode: "command" | "edit"): void;
  /** The cursor leaves the cell at an end; true if there was a cell to go to. */
  leave(direction: -1 | 1): boolean;
  /** The cursor is here, in code points. */
  cursor(cellId: string, anchor: number, head: number): void;
  readonly kernel: KernelHelp;
}

export class CellEditor {
  readonly element = h("div", { class: "input" });
  readonly #notebook: Notebook;
  readonly #id: string;
  readonly #actions: EditorActions;
  readonly #binding: Binding;
  #view: EditorView | null = null;
  #placeholder: HTMLElement | null;
  #visitors: readonly Visitor[] = [];
  #numbered = false;
  #matches: readonly MarkedMatch[] = [];
  #passages: readonly Passage[] = [];

  constructor(notebook: Notebook, id: string, actions: EditorActions) {
    this.#notebook = notebook;
    this.#id = id;
    this.#actions = actions;
    this.#binding = new Binding(notebook, id);
    this.#placeholder = h("pre", { class: "placeholder" }, ofItsShape(notebook.source(id)));
    this.element.append(this.#placeholder);
  }

  /** The editor; null until it is made. */
  get view(): EditorView | null {
    return this.#view;
  }

  get hasFocus(): boolean {
    return this.#view?.hasFocus === true;
  }

  focus(): void {
    this.mount();
    if (!this.hasFocus) this.#view?.focus();
  }

  takeEdits(edits: readonly TextEdit[], origin: Origin): void {
    if (this.#view !== null) this.#binding.take(this.#view, edits, origin);
    this.#showPlaceholder();
  }

  /** Change the text as one step that the editor takes back; false if there is no editor. */
  rewrite(edits: readonly TextEdit[]): boolean {
    this.#view?.dispatch({ changes: [...edits], annotations: isolateHistory.of("full"), userEvent: "input.format" });
    return this.#view !== null;
  }

  takeWhole(): void {
    if (this.#view !== null) this.#binding.takeWhole(this.#view);
    this.#showPlaceholder();
  }

  takeType(type: CellType): void {
    this.#view?.dispatch({ effects: language.reconfigure(languageOf(type)) });
  }

  get isNumbered(): boolean {
    return this.#numbered;
  }

  setNumbered(on: boolean): void {
    if (on === this.#numbered) return;
    this.#numbered = on;
    this.#view?.dispatch({ effects: numbers.reconfigure(lineNumbering(on)) });
  }

  /** Mark what a search found here. */
  setMatches(matches: readonly MarkedMatch[]): void {
    if (matches.length === 0 && this.#matches.length === 0) return;
    this.#matches = matches;
    this.#view?.dispatch({ effects: setMatches.of(matches) });
  }

  /** Mark the passages that comments are about. */
  setPassages(passages: readonly Passage[]): void {
    if (passages.length === 0 && this.#passages.length === 0) return;
    this.#passages = passages;
    this.#view?.dispatch({ effects: setPassages.of(passages) });
  }

  /** Select this part of the source and bring it into view, wherever the focus is. */
  reveal(from: number, to: number): void {
    this.mount();
    this.#view?.dispatch({ selection: { anchor: from, head: to }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
  }

  setVisitors(visitors: readonly Visitor[]): void {
    this.#visitors = visitors;
    this.#showCursors();
  }

  /** Make the editor, if there is none yet, and do not put it on the page. */
  prepare(): void {
    if (this.#view !== null) return;
    const id = this.#id;
    const keys = [
      { key: "Escape", run: () => (this.#actions.select(id, "command"), true) },
      { key: "ArrowUp", run: (view: EditorView) => isAt(view, "first") && this.#actions.leave(-1) },
      { key: "ArrowDown", run: (view: EditorView) => isAt(view, "last") && this.#actions.leave(1) },
    ];
    const pressed = (event: KeyboardEvent) => this.#actions.pressed(event);
    this.#view = new EditorView({
      state: EditorState.create({
        doc: Text.of(this.#notebook.source(id).split("\n")),
        extensions: [
          cellExtensions({ type: this.#notebook.type(id), label: "Source", keys, pressed, kernel: this.#kernel() }),
          this.#binding.extension,
          EditorView.updateListener.of((update) => {
            const own = update.transactions.some((transaction) => transaction.annotation(fromDocument) !== true);
            if (own && update.view.hasFocus && (update.selectionSet || update.docChanged)) this.#sayCursor();
            else if (update.focusChanged && update.view.hasFocus) this.#sayCursor();
          }),
        ],
      }),
    });
    if (this.#numbered) this.#view.dispatch({ effects: numbers.reconfigure(lineNumbering(true)) });
    if (this.#matches.length > 0) this.#view.dispatch({ effects: setMatches.of(this.#matches) });
    if (this.#passages.length > 0) this.#view.dispatch({ effects: setPassages.of(this.#passages) });
    if (this.#visitors.length > 0) this.#showCursors();
  }

  /** Have an editor in the text's place, if there is none yet. */
  mount(): void {
    this.prepare();
    if (this.#placeholder === null) return;
    this.#placeholder.replaceWith((this.#view as EditorView).dom);
    this.#placeholder = null;
  }

  destroy(): void {
    this.#view?.destroy();
  }

  /** The kernel's help, for code alone. */
  #kernel(): KernelHelp {
    const { kernel } = this.#actions;
    const ask = <T>(question: (code: string, cursor: number) => Promise<T | null>) => {
      return async (code: string, cursor: number) => (this.#notebook.type(this.#id) === "code" ? question(code, cursor) : null);
    };
    const silence = () => (this.#notebook.type(this.#id) === "code" ? kernel.silence() : "");
    return { suggest: ask(kernel.suggest), silence, signature: ask(kernel.signature), inspect: ask(kernel.inspect) };
  }

  #sayCursor(): void {
    const { selection, doc } = (this.#view as EditorView).state;
    const text = doc.toString();
    this.#actions.cursor(this.#id, toCodePoints(text, selection.main.anchor), toCodePoints(text, selection.main.head));
  }

  #showCursors(): void {
    if (this.#view === null) return;
    const text = this.#view.state.doc.toString();
    const cursors = this.#visitors.flatMap(({ peerId, name, colour, anchor, head, said }) =>
      anchor === null || head === null ? [] : [{ peerId, name, colour, anchor: toCodeUnits(text, anchor), head: toCodeUnits(text, head), said }],
    );
    this.#view.dispatch({ effects: setCursors.of(cursors) });
  }

  #showPlaceholder(): void {
    if (this.#placeholder !== null) this.#placeholder.textContent = ofItsShape(this.#notebook.source(this.#id));
  }
}

/** A `pre` does not show a last empty line, an editor does: nothing may move when one takes the other's place. */
const ofItsShape = (source: string): string => (source.endsWith("\n") ? `${source}\n` : source);

function isAt(view: EditorView, end: "first" | "last"): boolean {
  const { main } = view.state.selection;
  const line = view.state.doc.lineAt(main.head).number;
  return main.empty && line === (end === "first" ? 1 : view.state.doc.lines);
}
