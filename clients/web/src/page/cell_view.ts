// One cell on the page. It puts its parts together and passes on to them what changed:
//
//   gutter  run button, number, how the run goes, marks        cell_gutter.ts, cell_marks.ts
//   tools   what the pointer offers, and inserting below       cell_tools.ts
//   input   the editor                                         cell_editor.ts
//   text    Markdown as it reads                               cell_text.ts
//   folds   what stands for folded code and outputs            cell_folds.ts
//   outputs and the prompt of running code                     outputs/render.ts, prompt_form.ts
//   under   an empty place for what others add below           (whoever adds it)

import type { Notebook, TextEdit } from "../core/notebook.ts";
import type { Origin } from "../core/replica.ts";
import type { CellType, Execution } from "../core/schema.ts";
import type { Surroundings } from "../outputs/mime.ts";
import { OutputArea } from "../outputs/render.ts";
import { LET_GO } from "../outputs/sandbox.ts";
import { CellFolds } from "./cell_folds.ts";
import { CellEditor, type EditorActions, type Visitor } from "./cell_editor.ts";
import { CellGutter } from "./cell_gutter.ts";
import type { CellMarks } from "./cell_marks.ts";
import { CellText } from "./cell_text.ts";
import { CellTools, KINDS, type ToolActions } from "./cell_tools.ts";
import { h } from "./dom.ts";
import { PromptForm } from "./prompt_form.ts";

export interface CellActions extends EditorActions, ToolActions, Surroundings {
  /** The pointer went down on the cell, but not in its editor. */
  pointed(cellId: string, event: PointerEvent): void;
  /** The pointer went down on the cell's handle. */
  grip(cellId: string, event: PointerEvent): void;
  contextMenu(cellId: string, event: MouseEvent): void;
  answer(execution: Execution, value: string | null): void;
  /** Whether the field for what this execution asks is to have the keys at once. */
  takesAnswer(cellId: string, execution: Execution): boolean;
  /** This tab's own peer id. */
  readonly self: string;
}

/** How a cell is chosen. */
export interface Choice {
  readonly selected: boolean;
  readonly active: boolean;
  readonly editing: boolean;
}

export class CellView {
  readonly id: string;
  readonly element: HTMLElement;
  readonly editor: CellEditor;
  readonly outputs: OutputArea;
  /** Below the outputs: for what belongs to this cell and is more than a mark. */
  readonly under = h("div", { class: "under" });
  readonly #notebook: Notebook;
  readonly #actions: CellActions;
  readonly #gutter: CellGutter;
  readonly #mayEdit: boolean;
  readonly #text: CellText;
  readonly #folds: CellFolds;
  readonly #prompt = new PromptForm();
  readonly #people = h("div", { class: "visitors" });
  #type: CellType;
  #isNear = false;
  #tools: CellTools | null = null;
  #choice: Choice = { selected: false, active: false, editing: false };

  constructor(notebook: Notebook, id: string, actions: CellActions, mayEdit: boolean) {
    this.id = id;
    this.outputs = new OutputArea(actions);
    this.#notebook = notebook;
    this.#actions = actions;
    this.#type = notebook.type(id);
    this.editor = new CellEditor(notebook, id, actions);
    this.#text = new CellText(notebook, id);
    this.#mayEdit = mayEdit;
    const command = (commandId: string) => () => actions.command(id, commandId);
    this.#gutter = new CellGutter({
      self: actions.self,
      run: command("run.cells"),
      stop: command("run.stop"),
      grip: (event) => mayEdit && actions.grip(id, event),
    });
    const outputs = h("div", { class: "output-row" }, this.outputs.element);
    this.#folds = new CellFolds((what) => actions.command(id, `view.fold-${what}`), {
      input: (stub) => this.#people.after(stub),
      outputs: (stub) => this.outputs.element.before(stub),
      bar: (bar) => outputs.prepend(bar),
    });
    this.#text.element.addEventListener("dblclick", () => actions.select(id, "edit"));
    const parts = [this.#people, this.editor.element, this.#text.element, outputs, this.#prompt.element, this.under];
    this.element = h(
      "section",
      { class: "cell far", tabindex: "-1", "data-cell": id },
      this.#gutter.element,
      h("div", { class: "body" }, ...parts),
    );
    this.#listen();
    this.outputs.update(null);
    this.#showType();
  }

  get marks(): CellMarks {
    return this.#gutter.marks;
  }

  // --- the document changed --------------------------------------------------------------------------------------------

  takeEdits(edits: readonly TextEdit[], origin: Origin): void {
    this.editor.takeEdits(edits, origin);
    this.#sourceChanged();
  }

  takeWhole(): void {
    this.editor.takeWhole();
    this.takeType();
    this.#sourceChanged();
  }

  takeType(): void {
    const type = this.#notebook.type(this.id);
    if (type === this.#type) return;
    this.#type = type;
    this.editor.takeType(type);
    this.#showType();
  }

  takeMetadata(): void {
    this.#showFolds();
  }

  /** `place` is that in the queue, -1 if it is not in it. */
  takeExecution(execution: Execution | null, place: number): void {
    this.outputs.update(this.#type === "code" ? execution : null);
    const asksAnew = this.#prompt.update(execution?.prompt ?? null, (value) => execution !== null && this.#actions.answer(execution, value));
    if (asksAnew && execution !== null && this.#actions.takesAnswer(this.id, execution)) this.#prompt.focus();
    this.element.dataset["status"] = execution?.status ?? "";
    this.#gutter.show(execution, place);
    this.#showFolds();
    this.label();
  }

  /** While it runs, its time goes on. */
  tick(execution: Execution): void {
    this.#gutter.tick(execution);
  }

  /** A heading in its text as it reads; null while that is not shown. */
  heading(nth: number): Element | null {
    return this.#text.element.querySelectorAll("h1, h2, h3, h4, h5, h6")[nth] ?? null;
  }

  setVisitors(visitors: readonly Visitor[]): void {
    this.#people.replaceChildren(
      ...visitors.map(({ name, kind, colour }) => {
        const what = kind === "agent" ? ", an agent," : kind === "program" ? ", a program," : "";
        return h("span", { class: `visitor ${kind} ${colour}`, title: `${name}${what} is here` }, name);
      }),
    );
    this.editor.setVisitors(visitors);
  }

  // --- the reader's part -----------------------------------------------------------------------------------------------

  get isEditing(): boolean {
    return this.#choice.editing;
  }

  /** Show how this cell is chosen and, if asked, put the focus where its keys belong. */
  show(choice: Choice, takeFocus: boolean): void {
    const wasEditing = this.#choice.editing;
    this.#choice = choice;
    this.element.classList.toggle("selected", choice.selected);
    this.element.classList.toggle("active", choice.active);
    this.element.classList.toggle("editing", choice.editing);
    this.element.tabIndex = choice.active ? 0 : -1;
    if (this.#type !== "code" && wasEditing !== choice.editing) this.#showType();
    this.label();
    if (!takeFocus || !choice.active) return;
    if (choice.editing) this.editor.focus();
    else if (document.activeElement !== this.element) {
      this.element.focus({ preventScroll: true });
      this.element.scrollIntoView({ block: "nearest" });
    }
  }

  /** Leave the editor of a text cell and show it as it reads. */
  render(): void {
    if (this.#type !== "markdown") return;
    this.#choice = { ...this.#choice, editing: false };
    this.#showType();
  }

  /** Whether it is folded away under a heading. */
  setHidden(isHidden: boolean): void {
    if (this.element.hidden !== isHidden) this.element.hidden = isHidden;
  }

  /** Whether it is near the screen. */
  get isNear(): boolean {
    return this.#isNear;
  }

  /** It is about to come near: make its editor, which looks at the page while it is made, before others change the page. */
  prepare(): void {
    if (!this.editor.element.hidden) this.editor.prepare();
  }

  /** It came near the screen, or went away from it. The first time its tools, its editor or its text are made. */
  setNear(isNear: boolean): void {
    this.#isNear = isNear;
    this.element.classList.toggle("far", !isNear);
    this.outputs.setNear(isNear);
    if (isNear) this.mount();
  }

  /** Make what the reader sees and uses, if it was not made yet. */
  mount(): void {
    if (this.#tools === null) {
      this.#tools = new CellTools(this.id, this.#actions);
      this.#tools.element.hidden = this.#tools.insert.hidden = !this.#mayEdit;
      this.#tools.setType(this.#type);
      this.editor.element.before(this.#tools.element);
      this.element.append(this.#tools.insert);
      this.#gutter.mount();
      this.#folds.mount();
    }
    this.#text.mount();
    if (!this.editor.element.hidden) this.editor.mount();
  }

  destroy(): void {
    this.editor.destroy();
    this.outputs.update(null);
    this.element.remove();
  }

  /** Say anew what a screen reader says of the cell; whoever marks it calls this. */
  label(): void {
    const status = this.#type === "code" ? this.#gutter.status : "";
    const start = this.#notebook.source(this.id).split("\n", 1)[0]?.slice(0, 80) ?? "";
    const chosen = this.#choice.selected && !this.#choice.active ? "selected" : "";
    const label = [`${KINDS[this.#type]} cell`, start, status, ...this.marks.titles, chosen].filter(Boolean).join(", ");
    if (this.element.ariaLabel !== label) this.element.ariaLabel = label;
  }

  #listen(): void {
    const { element: input } = this.editor;
    const isInput = (target: EventTarget | null) => target instanceof Node && input.contains(target);
    this.element.addEventListener("pointerdown", (event) => {
      if (!isInput(event.target)) this.#actions.pointed(this.id, event);
    });
    this.element.addEventListener("focusin", ({ target }) => {
      if (isInput(target)) this.#actions.select(this.id, "edit");
    });
    this.element.addEventListener(LET_GO, () => this.#actions.select(this.id, "command"));
    this.element.addEventListener("contextmenu", (event) => {
      if (!isInput(event.target)) this.#actions.contextMenu(this.id, event);
    });
  }

  #showFolds(): void {
    const folded = this.#type === "code" ? this.#notebook.folded(this.id) : { source_hidden: false, outputs_hidden: false };
    this.element.classList.toggle("input-folded", folded.source_hidden);
    this.element.classList.toggle("outputs-folded", folded.outputs_hidden);
    this.#folds.show(folded, this.#notebook.source(this.id), !this.outputs.isEmpty);
  }

  #sourceChanged(): void {
    if (this.#type === "markdown" && !this.isEditing) this.#text.render();
    this.#showFolds();
    this.label();
  }

  #showType(): void {
    for (const type of Object.keys(KINDS)) this.element.classList.toggle(type, type === this.#type);
    this.#tools?.setType(this.#type);
    const reads = this.#type === "markdown" && !this.isEditing;
    this.editor.element.hidden = reads;
    this.#text.element.hidden = !reads;
    if (reads) this.#text.render();
    else if (this.#tools !== null) this.editor.mount();
    this.#showFolds();
    this.label();
  }
}
