// Formatting cells: the daemon says how a cell would be written, and the difference to what it was asked about is written
// here, so that what somebody types meanwhile stays.
//
// Owns what is asked for, with what became of those texts meanwhile; which texts need not be asked about again; and how often
// each cell was written: an answer to what was asked before that is let go, or what differs would be written twice. For the same
// reason the daemon answers one of several peers that ask for a cell at once. Before a run it waits a second at most; what comes later is let go, for a
// cell that ran is not to look edited. A cell that is being written in is changed by its editor, where Ctrl+Z takes it back.

import { languageOf } from "../core/language.ts";
import type { ErrorInfo, RequestBody } from "../core/messages.ts";
import type { NotebookEvent, TextEdit } from "../core/notebook.ts";
import { plain } from "../core/replica.ts";
import type { RuntimeRoot } from "../core/schema.ts";
import type { Replacement } from "../core/structure.ts";
import { carriedOver, difference } from "../core/text_edits.ts";
import type { Page } from "./page.ts";

const PATIENCE = 1000; // milliseconds that a run waits
const MOST = 50; // cells that one run waits for: as many as the daemon formats in that time

interface Answer {
  readonly asked: Asked;
  readonly code: string;
  readonly why: string;
}

/** The text of a cell that was asked about, and what was written in it since. */
class Asked {
  readonly cellId: string;
  readonly source: string;
  /** How often the cell had been written then. */
  readonly turn: number;
  #now: string[] | null; // a name for each code unit, those of the source are numbered; null: another text is there

  constructor(cellId: string, source: string, turn: number) {
    this.cellId = cellId;
    this.source = source;
    this.turn = turn;
    this.#now = numbered(source);
  }

  take(event: NotebookEvent): void {
    if (event.kind === "replaced" && event.cellId === this.cellId) this.#now = null;
    if (event.kind !== "source" || event.cellId !== this.cellId) return;
    for (const { from, to, insert } of event.edits) this.#now?.splice(from, to - from, ...Array<string>(insert.length).fill("new"));
  }

  /** These edits of the source as edits of this text, which is what became of it. */
  carry(edits: readonly TextEdit[], text: string): TextEdit[] {
    const now = this.#now;
    if (text === this.source || edits.length === 0) return [...edits];
    return now === null ? [] : carriedOver(edits, { text: this.source, elements: numbered(this.source) }, { text, elements: now });
  }
}

const numbered = (text: string): string[] => Array.from({ length: text.length }, (_, index) => `${index}`);

export class Formatter {
  readonly #page: Page;
  /** What is known to be as it would be formatted, by cell. */
  readonly #known = new Map<string, string>();
  readonly #turns = new Map<string, number>();
  readonly #asked = new Set<Asked>();
  #hasFailed = false;

  constructor(page: Page) {
    this.#page = page;
    page.edited.add((events) => {
      for (const event of this.#asked.size === 0 ? [] : events) for (const asked of this.#asked) asked.take(event);
    });
  }

  /** Format these cells as one deed; returns why nothing came of it, if nothing did. Rejects with an ErrorInfo. */
  async format(cellIds: readonly string[]): Promise<string | null> {
    const asked = cellIds.map((id) => this.#begin(id));
    try {
      const answers = await Promise.all(asked.map((one) => this.#ask(one)));
      if (this.#write(answers) > 0) return null;
      return answers.find(({ why }) => why !== "")?.why ?? (cellIds.length === 1 ? "The cell is formatted already." : "These cells are formatted already.");
    } finally {
      this.#forget(asked);
    }
  }

  /** What has to be done before this is asked for: formatting what it runs, where that is set; null if there is nothing. */
  before(body: RequestBody): Promise<void> | null {
    const { link, session, executions } = this.#page;
    if (body.method !== "execute" || link !== "online" || !session.mayEdit || !formatsOnRun(executions.root)) return null;
    const ids = this.#cellsOf(body).filter((id) => this.#isToBeAsked(id)).slice(0, MOST);
    if (ids.length === 0) return null;
    const answers: Answer[] = [];
    const asked = ids.map((id) => this.#begin(id));
    const answered = asked.map((one) => this.#ask(one).then((answer) => answers.push(answer), (error) => this.#failed(error)));
    const enough = new Promise((resolve) => setTimeout(resolve, PATIENCE));
    return Promise.race([Promise.all(answered), enough]).then(() => {
      this.#write([...answers]);
      this.#forget(asked);
    });
  }

  #cellsOf(body: RequestBody & { method: "execute" }): readonly string[] {
    const all = this.#page.notebook.cellIds();
    if ("above" in body) return all.slice(0, all.indexOf(body.above));
    if ("below" in body) return all.slice(all.indexOf(body.below));
    return "cell_ids" in body ? (body.cell_ids ?? all) : []; // a plan runs what was shown
  }

  #isToBeAsked(cellId: string): boolean {
    const { notebook } = this.#page;
    const source = notebook.source(cellId);
    return notebook.type(cellId) === "code" && source.trim() !== "" && source !== this.#known.get(cellId) && languageOf(notebook, cellId) === "python";
  }

  #begin(cellId: string): Asked {
    const asked = new Asked(cellId, this.#page.notebook.source(cellId), this.#turns.get(cellId) ?? 0);
    this.#asked.add(asked);
    return asked;
  }

  #forget(asked: readonly Asked[]): void {
    for (const one of asked) this.#asked.delete(one);
  }

  async #ask(asked: Asked): Promise<Answer> {
    const { notebook, requests } = this.#page;
    const { cellId, source } = asked;
    const { code, why, taken } = await requests.call({ method: "format", code: source, language: languageOf(notebook, cellId), cell_id: cellId });
    if (taken !== true) this.#known.set(cellId, `${code}`);
    return { asked, code: `${code}`, why: `${why}` };
  }

  /** Write what differs; returns in how many places. */
  #write(answers: readonly Answer[]): number {
    const { cells, selection, structure } = this.#page;
    let written = 0;
    const rest: Replacement[] = [];
    for (const answer of answers) {
      const { cellId, turn } = answer.asked;
      const edits = this.#editsOf(answer);
      if (edits.length > 0) this.#turns.set(cellId, turn + 1);
      const isEdited = selection.isEditing && selection.active === cellId;
      if (isEdited && edits.length > 0 && cells.get(cellId)?.editor.rewrite(edits) === true) written += edits.length;
      else rest.push(...edits.map((edit) => ({ cellId, ...edit })));
    }
    return written + structure.replace(rest, "the formatting");
  }

  #editsOf({ asked, code }: Answer): TextEdit[] {
    const { notebook } = this.#page;
    const { cellId, source, turn } = asked;
    if (!notebook.has(cellId) || turn !== (this.#turns.get(cellId) ?? 0)) return [];
    return asked.carry(difference(source, code), notebook.source(cellId));
  }

  #failed({ message, hint }: ErrorInfo): void {
    if (!this.#hasFailed) this.#page.toasts.say(`Cells run as they are written: ${message} ${hint}`);
    this.#hasFailed = true;
  }
}

/** Whether the service is set to format cells when they are run. */
export const formatsOnRun = (runtime: Readonly<RuntimeRoot> | null): boolean => plain(runtime?.formatting) === "on_run";
