// Formatting cells: the daemon says how a cell would be written, and the difference to what it was asked about is written
// here, so that what somebody types meanwhile stays.
//
// Owns which texts need not be asked about again, and how often each cell was written: an answer to what was asked before
// that is let go, or what differs would be written twice. Before a run it waits a second at most; what comes later is let go, for a
// cell that ran is not to look edited. A cell that is being written in is changed by its editor, where Ctrl+Z takes it back.

import { languageOf } from "../core/language.ts";
import type { ErrorInfo, RequestBody } from "../core/messages.ts";
import { type Heads, plain, Replica } from "../core/replica.ts";
import type { RuntimeRoot } from "../core/schema.ts";
import type { Replacement } from "../core/structure.ts";
import { carriedOver, difference } from "../core/text_edits.ts";
import type { Page } from "./page.ts";

const PATIENCE = 1000; // milliseconds that a run waits
const MOST = 50; // cells that one run waits for: as many as the daemon formats in that time

interface Answer {
  readonly cellId: string;
  readonly source: string; // what was asked about, and the heads at which the cell said so
  readonly heads: Heads;
  readonly turn: number; // how often the cell had been written then
  readonly code: string;
  readonly why: string;
}

export class Formatter {
  readonly #page: Page;
  /** What is known to be as it would be formatted, by cell. */
  readonly #known = new Map<string, string>();
  readonly #turns = new Map<string, number>();
  #hasFailed = false;

  constructor(page: Page) {
    this.#page = page;
  }

  /** Format these cells as one deed; returns why nothing came of it, if nothing did. Rejects with an ErrorInfo. */
  async format(cellIds: readonly string[]): Promise<string | null> {
    const answers = await Promise.all(cellIds.map((id) => this.#ask(id)));
    if (this.#write(answers) > 0) return null;
    return answers.find(({ why }) => why !== "")?.why ?? (cellIds.length === 1 ? "The cell is formatted already." : "These cells are formatted already.");
  }

  /** What has to be done before this is asked for: formatting what it runs, where that is set; null if there is nothing. */
  before(body: RequestBody): Promise<void> | null {
    const { link, session, executions } = this.#page;
    if (body.method !== "execute" || link !== "online" || !session.mayEdit || !formatsOnRun(executions.root)) return null;
    const ids = this.#cellsOf(body).filter((id) => this.#isToBeAsked(id)).slice(0, MOST);
    if (ids.length === 0) return null;
    const answers: Answer[] = [];
    const asked = ids.map((id) => this.#ask(id).then((answer) => answers.push(answer), (error) => this.#failed(error)));
    const enough = new Promise((resolve) => setTimeout(resolve, PATIENCE));
    return Promise.race([Promise.all(asked), enough]).then(() => void this.#write([...answers]));
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

  async #ask(cellId: string): Promise<Answer> {
    const { notebook, requests } = this.#page;
    const [source, heads, turn] = [notebook.source(cellId), notebook.replica.heads(), this.#turns.get(cellId) ?? 0];
    const { code, why } = await requests.call({ method: "format", code: source, language: languageOf(notebook, cellId) });
    this.#known.set(cellId, `${code}`);
    return { cellId, source, heads, turn, code: `${code}`, why: `${why}` };
  }

  /** Write what differs; returns in how many places. */
  #write(answers: readonly Answer[]): number {
    const { cells, selection, structure } = this.#page;
    let written = 0;
    const rest: Replacement[] = [];
    for (const answer of answers) {
      const edits = this.#editsOf(answer);
      if (edits.length > 0) this.#turns.set(answer.cellId, answer.turn + 1);
      const isEdited = selection.isEditing && selection.active === answer.cellId;
      if (isEdited && edits.length > 0 && cells.get(answer.cellId)?.editor.rewrite(edits) === true) written += edits.length;
      else rest.push(...edits.map((edit) => ({ cellId: answer.cellId, ...edit })));
    }
    return written + structure.replace(rest, "the formatting");
  }

  #editsOf({ cellId, source, heads, turn, code }: Answer) {
    const { notebook } = this.#page;
    if (!notebook.has(cellId) || turn !== (this.#turns.get(cellId) ?? 0)) return [];
    const edits = difference(source, code);
    const text = notebook.source(cellId);
    if (text === source || edits.length === 0) return edits;
    const path = ["cells", cellId, "source"];
    const { replica } = notebook;
    return carriedOver(edits, Replica.textIn(replica.at(heads), path), Replica.textIn(replica.value, path));
  }

  #failed({ message, hint }: ErrorInfo): void {
    if (!this.#hasFailed) this.#page.toasts.say(`Cells run as they are written: ${message} ${hint}`);
    this.#hasFailed = true;
  }
}

/** Whether the service is set to format cells when they are run. */
export const formatsOnRun = (runtime: Readonly<RuntimeRoot> | null): boolean => plain(runtime?.formatting) === "on_run";
