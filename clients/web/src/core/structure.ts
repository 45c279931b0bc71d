// What this tab does to the notebook beyond typing: add, delete, move, split, merge, change types, replace; and taking
// that back. Pure.
//
// Each deed is one change of the document, and leaves a step that undoes it. Undoing takes back what this tab did and
// nothing else: what others wrote meanwhile in a cell survives, a cell that somebody else has moved or retyped since is left
// where and what it is. Places in a text are remembered as the document's own cursors, so edits around them do no harm.

import type { CellRecord, NewCell, Notebook, TextEdit } from "./notebook.ts";
import { same, type Then } from "./history/diff.ts";
import { hunks } from "./history/lines.ts";
import type { CellType } from "./schema.ts";

/** Does something and returns what takes it back; null if there was nothing to do (any more). */
type Step = () => Step | null;

interface Entry {
  readonly what: string;
  readonly step: Step;
}

/** Replace `from` to `to` of the text as it is, whatever else is replaced with it. */
export interface Replacement extends TextEdit {
  readonly cellId: string;
}

/** A cell that was appended to another, and where in that its text begins. */
interface Part {
  readonly record: CellRecord;
  readonly separator: number;
  readonly find: () => number | null;
}

const REMEMBERED = 200;

export class Structure {
  readonly #notebook: Notebook;
  /** Cells somebody else has written in since this tab made them. */
  readonly #writtenByOthers = new Set<string>();
  #done: Entry[] = [];
  #undone: Entry[] = [];

  constructor(notebook: Notebook) {
    this.#notebook = notebook;
  }

  othersWrote(cellId: string): void {
    this.#writtenByOthers.add(cellId);
  }

  // --- deeds -----------------------------------------------------------------------------------------------------------

  insert(index: number, cells: readonly NewCell[], what = "the new cell"): string[] {
    const ids = this.#notebook.addCells(index, cells);
    this.#remember(what, this.#withdrawal(ids));
    return ids;
  }

  remove(cellIds: readonly string[], what = "the deletion"): void {
    this.#do(what, this.#removal(cellIds));
  }

  move(cellIds: readonly string[], index: number): void {
    const before = this.#positions();
    this.#notebook.moveCells(cellIds, index);
    const moved = [...this.#positions()].filter(([id, position]) => before.get(id) !== position);
    const back = moved.map(([id, now]) => ({ id, now, other: before.get(id) as string }));
    if (back.length > 0) this.#remember("the move", this.#placing(back));
  }

  setType(cellIds: readonly string[], type: CellType): void {
    const changes = cellIds.filter((id) => this.#notebook.has(id)).map((id) => ({ id, now: this.#notebook.type(id), other: type }));
    this.#do("the change of type", this.#typing(changes.filter(({ now, other }) => now !== other)));
  }

  /** Make text cells of these, headings of this level. */
  setHeading(cellIds: readonly string[], level: number): void {
    const here = cellIds.filter((id) => this.#notebook.has(id));
    const marks = `${"#".repeat(level)} `;
    const edits = here.flatMap((cellId): Replacement[] => {
      const [before = ""] = /^#*[ \t]*/.exec(this.#notebook.source(cellId)) ?? [];
      return before === marks ? [] : [{ cellId, from: 0, to: before.length, insert: marks }];
    });
    const types = here.map((id) => ({ id, now: this.#notebook.type(id), other: "markdown" as const }));
    this.#do("the heading", all([this.#typing(types.filter(({ now }) => now !== "markdown")), () => this.#replace(edits)]));
  }

  /** Between lines, the line break between the two halves is in neither. */
  split(cellId: string, at: number): string | null {
    const source = this.#notebook.source(cellId);
    const start = source[at] === "\n" ? at + 1 : at;
    const between = source[start - 1] === "\n" && start > 1 && start < source.length ? 1 : 0;
    const made = between === 0 ? this.#notebook.splitCell(cellId, at) : this.#notebook.splitCell(cellId, start, start - 1);
    if (made !== null) this.#remember("the split", between === 0 ? this.#joining(cellId, made) : this.#merging(cellId, [made], between));
    return made;
  }

  /** Each begins on a line of its own; in text with an empty line before it, or paragraphs would run together. */
  merge(cellIds: readonly string[]): void {
    const [first, ...others] = cellIds.filter((id) => this.#notebook.has(id));
    if (first === undefined || others.length === 0) return;
    this.#do("the merge", this.#merging(first, others, this.#notebook.type(first) === "markdown" ? 2 : 1));
  }

  /** All of them as one change; those of one cell do not overlap. Returns how many there were. */
  replace(edits: readonly Replacement[], what = "the replacement"): number {
    this.#do(what, () => this.#replace(edits));
    return edits.length;
  }

  /** Make cells what they were: source, type, metadata, attachments; those that are gone come back to where they stood.
   *  With `whole`, make the notebook what it was: the order, its metadata, and no other cells. */
  restore(then: Then, cellIds: readonly string[] | "whole", what = "the restoring"): boolean {
    const whole = cellIds === "whole";
    const wanted = whole ? then.cells : then.cells.filter(({ id }) => cellIds.includes(id));
    const here = wanted.flatMap((record) => {
      const now = this.#notebook.record(record.id);
      return now === null ? [] : [{ record, now }];
    });
    const names = new Set(then.cells.map(({ id }) => id));
    const settings = here.flatMap(({ record, now }) => metadataSettings(record, now));
    const attachments = here.filter(({ record, now }) => !same(record.attachments, now.attachments));
    const steps = [
      this.#typing(here.filter(({ record, now }) => record.type !== now.type).map(({ record, now }) => ({ id: now.id, now: now.type, other: record.type }))),
      () => this.#replace(here.flatMap(({ record, now }) => replacements(record, now))),
      this.#describing(settings),
      this.#attaching(attachments.map(({ record }) => ({ cellId: record.id, value: record.attachments }))),
      this.#restoring(wanted.filter(({ id }) => !this.#notebook.has(id))),
    ];
    if (whole) {
      const moved = here.filter(({ record, now }) => record.position !== now.position);
      steps.unshift(this.#removal(this.#notebook.cellIds().filter((id) => !names.has(id))));
      steps.push(this.#placing(moved.map(({ record, now }) => ({ id: now.id, now: now.position, other: record.position }))));
      steps.push(this.#describingNotebook(then.metadata));
    }
    return this.#do(what, all(steps));
  }

  // --- taking back -----------------------------------------------------------------------------------------------------

  /** Take back what this tab did last; says what that was, null if there is nothing. */
  undo(): string | null {
    return this.#step(this.#done, this.#undone);
  }

  redo(): string | null {
    return this.#step(this.#undone, this.#done);
  }

  #step(from: Entry[], to: Entry[]): string | null {
    for (let entry = from.pop(); entry !== undefined; entry = from.pop()) {
      const back = this.#notebook.together(entry.step);
      if (back === null) continue; // others have seen to it that there is nothing left of it
      to.push({ what: entry.what, step: back });
      return entry.what;
    }
    return null;
  }

  #do(what: string, step: Step): boolean {
    const back = this.#notebook.together(step);
    if (back !== null) this.#remember(what, back);
    return back !== null;
  }

  #remember(what: string, step: Step): void {
    this.#done = [...this.#done, { what, step }].slice(-REMEMBERED);
    this.#undone = [];
  }

  // --- steps -----------------------------------------------------------------------------------------------------------

  #removal(ids: readonly string[]): Step {
    return () => {
      const records = ids.flatMap((id) => this.#notebook.record(id) ?? []);
      this.#notebook.deleteCells(ids);
      return records.length > 0 ? this.#restoring(records) : null;
    };
  }

  #restoring(records: readonly CellRecord[]): Step {
    return () => {
      const gone = records.filter(({ id }) => !this.#notebook.has(id));
      this.#notebook.restoreCells(gone);
      return gone.length > 0 ? this.#withdrawal(gone.map(({ id }) => id)) : null;
    };
  }

  /** Take new cells away again, but not what somebody else has begun to write in. */
  #withdrawal(ids: readonly string[]): Step {
    for (const id of ids) this.#writtenByOthers.delete(id);
    return () => this.#removal(ids.filter((id) => !this.#writtenByOthers.has(id)))();
  }

  #placing(changes: readonly { id: string; now: string; other: string }[]): Step {
    return () => {
      const positions = this.#positions();
      const mine = changes.filter(({ id, now }) => positions.get(id) === now);
      this.#notebook.setPositions(mine.map(({ id, other }) => [id, other]));
      return mine.length > 0 ? this.#placing(mine.map(({ id, now, other }) => ({ id, now: other, other: now }))) : null;
    };
  }

  #typing(changes: readonly { id: string; now: CellType; other: CellType }[]): Step {
    return () => {
      const mine = changes.filter(({ id, now }) => this.#notebook.has(id) && this.#notebook.type(id) === now);
      this.#notebook.setTypes(mine.map(({ id, other }) => [id, other]));
      return mine.length > 0 ? this.#typing(mine.map(({ id, now, other }) => ({ id, now: other, other: now }))) : null;
    };
  }

  #describing(settings: readonly { cellId: string; path: readonly string[]; value: unknown }[]): Step {
    return () => {
      const mine = settings.filter(({ cellId }) => this.#notebook.has(cellId));
      const back = mine.map(({ cellId, path }) => ({ cellId, path, value: this.#notebook.metadata(cellId)[path[0] as string] }));
      this.#notebook.setMetadata(mine);
      return mine.length > 0 ? this.#describing(back) : null;
    };
  }

  #attaching(settings: readonly { cellId: string; value: unknown }[]): Step {
    return () => {
      const mine = settings.filter(({ cellId }) => this.#notebook.has(cellId));
      const back = mine.map(({ cellId }) => ({ cellId, value: this.#notebook.record(cellId)?.attachments }));
      this.#notebook.setAttachments(mine);
      return mine.length > 0 ? this.#attaching(back) : null;
    };
  }

  #describingNotebook(wanted: Record<string, unknown>): Step {
    return () => {
      const now = this.#notebook.ownMetadata();
      const keys = [...new Set([...Object.keys(now), ...Object.keys(wanted)])].filter((key) => !same(now[key], wanted[key]));
      this.#notebook.setOwnMetadata(keys.map((key) => ({ key, value: wanted[key] })));
      return keys.length > 0 ? this.#describingNotebook(now) : null;
    };
  }

  /** Put the two halves of a cell together again, with what has been written in them since. */
  #joining(first: string, second: string): Step {
    return () => {
      const record = this.#notebook.record(second);
      if (record === null || !this.#notebook.has(first)) return null;
      const at = this.#notebook.source(first).length;
      this.#notebook.mergeCells(first, [second], "");
      return this.#cutting(first, [{ record, separator: 0, find: this.#finder(first, at) }], 0);
    };
  }

  /** `between`: how many line breaks come between those that say anything. */
  #merging(first: string, others: readonly string[], between: number): Step {
    return () => {
      const records = others.flatMap((id) => this.#notebook.record(id) ?? []);
      if (!this.#notebook.has(first) || records.length === 0) return null;
      let end = this.#notebook.source(first).length;
      const parts = records.map((record) => {
        const separator = end > 0 && record.source !== "" ? between : 0;
        const start = end;
        end += separator + record.source.length;
        return { record, separator, start };
      });
      this.#notebook.mergeCells(first, records.map(({ id }) => id), "\n".repeat(between));
      return this.#cutting(first, parts.map(({ record, separator, start }) => ({ record, separator, find: this.#finder(first, start) })), between);
    };
  }

  /** What finds the place where this index is now, later on; null then if the text is gone. */
  #finder(cellId: string, index: number): () => number | null {
    const { replica } = this.#notebook;
    const cursor = replica.cursor(["cells", cellId, "source"], index);
    return () => replica.indexOf(cursor);
  }

  /** Give the parts of a merged cell their own cells again, with what has been written in them since. */
  #cutting(first: string, parts: readonly Part[], between: number): Step {
    return () => {
      const source = this.#notebook.source(first);
      let end = source.length;
      const records: CellRecord[] = [];
      for (const { record, separator, find } of parts.toReversed()) {
        if (record.source === "") {
          records.unshift(record);
          continue;
        }
        const found = find();
        if (found === null) return null; // the merged cell is gone, or was brought back as another
        const start = placeOf("\n".repeat(separator) + record.source, source, found, end);
        records.unshift({ ...record, source: source.slice(Math.min(end, start + separator), end) });
        end = Math.min(end, start);
      }
      this.#notebook.editSource(first, [{ from: end, to: source.length, insert: "" }], this.#notebook);
      this.#notebook.restoreCells(records);
      const ids = records.map(({ id }) => id);
      return between === 0 ? this.#joining(first, ids[0] as string) : this.#merging(first, ids, between);
    };
  }

  #replace(edits: readonly Replacement[]): Step | null {
    const cells = Map.groupBy(edits.filter(({ cellId }) => this.#notebook.has(cellId)), ({ cellId }) => cellId);
    const texts = new Map([...cells.keys()].map((id) => [id, this.#notebook.source(id)]));
    const lastFirst = [...cells].map(([id, of]) => [id, of.toSorted((a, b) => b.from - a.from)] as const);
    this.#notebook.editSources(lastFirst, this.#notebook);
    const back = lastFirst.flatMap(([cellId, of]) => {
      let shift = 0;
      return of.toReversed().map(({ from, to, insert }) => {
        const find = this.#finder(cellId, from + shift);
        shift += insert.length - (to - from);
        return { cellId, find, written: insert, before: (texts.get(cellId) as string).slice(from, to) };
      });
    });
    if (back.length === 0) return null;
    return () =>
      this.#replace(
        back.flatMap(({ cellId, find, written, before }) => {
          const from = find();
          if (from === null) return [];
          const to = from + written.length;
          return this.#notebook.source(cellId).slice(from, to) === written ? [{ cellId, from, to, insert: before }] : [];
        }),
      );
  }

  #positions(): Map<string, string> {
    return new Map(this.#notebook.places().map(({ id, position }) => [id, position]));
  }
}

/**
 * Where a part begins: where its cursor is, unless what the cursor names was cut out and put in again (a split, undone),
 * so that it stands beside its text; then where the text is, if it is as it was.
 */
function placeOf(part: string, source: string, cursor: number, end: number): number {
  if (source.startsWith(part, cursor)) return cursor;
  const again = source.lastIndexOf(part, end - part.length);
  return again < 0 ? cursor : again;
}

function metadataSettings(then: CellRecord, now: CellRecord): { cellId: string; path: string[]; value: unknown }[] {
  const [wanted, has] = [then.metadata, now.metadata] as Record<string, unknown>[];
  const keys = [...new Set([...Object.keys(wanted ?? {}), ...Object.keys(has ?? {})])];
  return keys.filter((key) => !same(wanted?.[key], has?.[key])).map((key) => ({ cellId: now.id, path: [key], value: wanted?.[key] }));
}

/** What makes a cell's source what it was, and touches no line that is the same. */
function replacements(then: CellRecord, now: CellRecord): Replacement[] {
  if (then.source === now.source) return [];
  const lines = now.source.split("\n");
  const starts = [0];
  for (const line of lines) starts.push((starts.at(-1) as number) + line.length + 1);
  return hunks(lines, then.source.split("\n")).map(({ from, to, lines: insert }) => {
    const atEnd = to === lines.length; // the last line has no line feed after it, so the one before goes instead
    const start = (starts[from] as number) - (atEnd && from > 0 ? 1 : 0);
    const end = atEnd ? now.source.length : (starts[to] as number);
    const text = insert.join("\n");
    const joint = insert.length === 0 ? "" : atEnd && from > 0 ? `\n${text}` : atEnd ? text : `${text}\n`;
    return trimmed(now, start, end, joint);
  });
}

function trimmed({ id, source }: CellRecord, from: number, to: number, insert: string): Replacement {
  let start = 0;
  while (start < insert.length && from + start < to && insert[start] === source[from + start]) start++;
  let end = 0;
  while (end < insert.length - start && to - end > from + start && insert.at(-1 - end) === source[to - 1 - end]) end++;
  const isHalf = (index: number) => (source.charCodeAt(index) & 0xfc00) === 0xdc00; // no pair of surrogates is cut apart
  if (start > 0 && isHalf(from + start)) start--;
  if (end > 0 && isHalf(to - end)) end--;
  return { cellId: id, from: from + start, to: to - end, insert: insert.slice(start, insert.length - end) };
}

/** Several steps that are taken back together, the last one first. */
function all(steps: readonly Step[]): Step {
  return () => {
    const back = steps.flatMap((step) => step() ?? []);
    return back.length > 0 ? all(back.toReversed()) : null;
  };
}
