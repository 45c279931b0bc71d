// Cells that were copied, for every tab and notebook of this server, and the text that they are anywhere else.
//
// They are kept where all tabs look, in the form and under the name that Jupyter gives them. If that is full or refused,
// this tab alone has them. Cells that were cut have their ids: pasted once, they are the same cells, with what they put out.

import type { NewCell } from "../core/notebook.ts";
import type { CellType } from "../core/schema.ts";

/** What the clipboard calls cells. */
export const CELLS_TYPE = "application/vnd.jupyter.cells";

const KEY = "quire.cells";
const ID = /^[A-Za-z0-9_-]{1,64}$/; // as files have them
let own: string | null = null;

export interface CopiedCells {
  readonly json: string;
  readonly text: string;
}

/** Keep these, and say what the clipboard is to hold. */
export function keepCells(cells: readonly NewCell[]): CopiedCells {
  const json = JSON.stringify(cells.map(({ id, type, source, metadata, attachments }) => ({ id, cell_type: type, source, metadata, attachments })));
  own = json;
  try {
    localStorage.setItem(KEY, json);
  } catch {
    localStorage.removeItem(KEY); // what was copied before is not what is meant
  }
  return { json, text: textOf(cells) };
}

export const textOf = (cells: readonly NewCell[]): string => cells.map(({ source }) => source).join("\n\n");

export const hasCells = (): boolean => (localStorage.getItem(KEY) ?? own) !== null;

/** What was copied last, in whatever tab. */
export const keptCells = (): NewCell[] => readCells(localStorage.getItem(KEY) ?? own ?? "");

/** Cells of their JSON; none if it is something else. */
export function readCells(json: string): NewCell[] {
  let found: unknown;
  try {
    found = JSON.parse(json);
  } catch {
    return [];
  }
  return (Array.isArray(found) ? found : []).flatMap((cell: unknown): NewCell[] => {
    const { id, cell_type, source, metadata, attachments } = (cell ?? {}) as Record<string, unknown>;
    if (!["code", "markdown", "raw"].includes(cell_type as string)) return [];
    const text = Array.isArray(source) ? source.join("") : source; // as a file has it
    const same = typeof id === "string" && ID.test(id) ? id : undefined;
    return typeof text === "string" ? [{ id: same, type: cell_type as CellType, source: text, metadata: metadata ?? {}, attachments }] : [];
  });
}
