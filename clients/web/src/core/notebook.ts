// The notebook as the page sees it: cells in order, edits by cell id, and typed events of what changed. Pure.
//
// A Notebook is a view on the replica it is given and owns nothing else. Edits name cells by id; those of a cell that is
// gone do nothing, because somebody else may have deleted it a moment ago.

import { inOrder, type Place, placeAt, readable } from "./order.ts";
import { type Origin, type Patch, plain, Replica, scalar, scalars } from "./replica.ts";
import type { CellMap, CellType, NotebookRoot } from "./schema.ts";

/** Replace `from` to `to`, in UTF-16 code units of the text as the edits before it left it. */
export interface TextEdit {
  readonly from: number;
  readonly to: number;
  readonly insert: string;
}

export type NotebookEvent =
  | { kind: "cells" } // which there are, or their order
  | { kind: "replaced"; cellId: string } // a cell, as a whole, is another one now
  | { kind: "source"; cellId: string; edits: TextEdit[]; origin: Origin }
  | { kind: "type"; cellId: string }
  | { kind: "metadata" };

/** Everything of a cell, to bring it back. */
export interface CellRecord {
  readonly id: string;
  readonly type: CellType;
  readonly position: string;
  readonly source: string;
  readonly metadata: unknown;
  readonly attachments: unknown;
}

const TYPES: readonly string[] = ["code", "markdown", "raw"];

export class Notebook {
  readonly replica: Replica<NotebookRoot>;
  onEvents: (events: NotebookEvent[]) => void = () => {};
  #places: Place[] | null = null;

  constructor(replica: Replica<NotebookRoot>) {
    this.replica = replica;
    replica.onPatches = (patches, origin) => this.#changed(patches, origin);
  }

  get #cells(): Readonly<Record<string, CellMap>> {
    return this.replica.value.cells ?? {};
  }

  places(): readonly Place[] {
    this.#places ??= inOrder(
      Object.entries(this.#cells).map(([id, cell]) => ({ id, position: readable(plain(cell?.position)) })),
    );
    return this.#places;
  }

  cellIds(): string[] {
    return this.places().map(({ id }) => id);
  }

  has(cellId: string): boolean {
    return cellId in this.#cells;
  }

  source(cellId: string): string {
    const source = this.#cells[cellId]?.source;
    return source === undefined || source === null ? "" : `${source}`;
  }

  type(cellId: string): CellType {
    const type = `${this.#cells[cellId]?.cell_type}`;
    return (TYPES.includes(type) ? type : "raw") as CellType;
  }

  attachments(cellId: string): Record<string, Record<string, unknown>> {
    return (plain(this.#cells[cellId]?.attachments ?? {}) ?? {}) as Record<string, Record<string, unknown>>;
  }

  record(cellId: string): CellRecord | null {
    const cell = this.#cells[cellId];
    if (cell === undefined) return null;
    return {
      id: cellId,
      type: this.type(cellId),
      position: readable(plain(cell.position)),
      source: this.source(cellId),
      metadata: plain(cell.metadata ?? {}),
      attachments: cell.attachments === undefined ? undefined : plain(cell.attachments),
    };
  }

  // --- edits ---------------------------------------------------------------------------------------------------------

  /** One change with the text edits of one transaction of an editor. */
  editSource(cellId: string, edits: readonly TextEdit[], origin: Origin): void {
    if (!this.has(cellId) || edits.length === 0) return;
    this.replica.change((draft) => {
      if (draft.cells[cellId]?.source === undefined) (draft.cells[cellId] as CellMap).source = "";
      for (const { from, to, insert } of edits) {
        Replica.splice(draft, ["cells", cellId, "source"], from, to - from, insert);
      }
    }, origin);
  }

  /** A new cell at `index`; returns its id. */
  addCell(index: number, type: CellType, source = ""): string {
    const bytes = crypto.getRandomValues(new Uint8Array(8));
    const id = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    const placement = placeAt(this.places(), index);
    this.replica.change((draft) => {
      for (const [other, position] of placement.others) setScalar(draft, other, "position", position);
      draft.cells[id] = newCell({ id, type, position: placement.position, source, metadata: {}, attachments: undefined });
    }, this);
    return id;
  }

  /** Bring a deleted cell back to where it was. */
  restoreCell(record: CellRecord): void {
    if (this.has(record.id)) return;
    this.replica.change((draft) => {
      draft.cells[record.id] = newCell(record);
    }, this);
  }

  deleteCell(cellId: string): void {
    if (!this.has(cellId)) return;
    this.replica.change((draft) => {
      delete draft.cells[cellId];
    }, this);
  }

  /** Put a cell at `index` among the others. */
  moveCell(cellId: string, index: number): void {
    if (!this.has(cellId)) return;
    const placement = placeAt(this.places().filter(({ id }) => id !== cellId), index);
    this.replica.change((draft) => {
      for (const [other, position] of placement.others) setScalar(draft, other, "position", position);
      setScalar(draft, cellId, "position", placement.position);
    }, this);
  }

  setType(cellId: string, type: CellType): void {
    if (!this.has(cellId) || this.type(cellId) === type) return;
    this.replica.change((draft) => setScalar(draft, cellId, "cell_type", type), this);
  }

  // --- events --------------------------------------------------------------------------------------------------------

  #changed(patches: Patch[], origin: Origin): void {
    this.#places = null;
    const events: NotebookEvent[] = [];
    const replaced = new Set<string>();
    const edited = new Map<string, TextEdit[]>();
    const retyped = new Set<string>();
    let structure = false;
    let metadata = false;
    for (const patch of patches) {
      const [root, cellId, field, index] = patch.path;
      if (root === "metadata") metadata = true;
      if (root !== "cells") continue;
      if (typeof cellId !== "string" || field === undefined) {
        structure = true;
        if (typeof cellId === "string") replaced.add(cellId);
      } else if (field === "position") structure = true;
      else if (field === "cell_type") retyped.add(cellId);
      else if (field === "source" && typeof index !== "number") replaced.add(cellId);
      else if (field === "source") {
        const edit = textEdit(patch, index as number);
        if (edit !== null) edited.set(cellId, [...(edited.get(cellId) ?? []), edit]);
      }
    }
    if (structure) events.push({ kind: "cells" });
    for (const cellId of replaced) events.push({ kind: "replaced", cellId });
    for (const cellId of retyped) if (!replaced.has(cellId)) events.push({ kind: "type", cellId });
    for (const [cellId, edits] of edited) {
      if (!replaced.has(cellId)) events.push({ kind: "source", cellId, edits, origin });
    }
    if (metadata) events.push({ kind: "metadata" });
    if (events.length > 0) this.onEvents(events);
  }
}

function textEdit(patch: Patch, index: number): TextEdit | null {
  if (patch.action === "splice") return { from: index, to: index, insert: patch.value };
  if (patch.action === "del") return { from: index, to: index + (patch.length ?? 1), insert: "" };
  return null;
}

function newCell(cell: CellRecord): CellMap {
  const { id, type, position, source, metadata, attachments } = cell;
  const made: CellMap = {
    id: scalar(id),
    cell_type: scalar(type),
    position: scalar(position),
    source: source.toWellFormed(), // a plain string is a Text
    metadata: scalars(metadata) as Record<string, unknown>,
  };
  if (attachments !== undefined) made.attachments = scalars(attachments) as Record<string, unknown>;
  return made;
}

function setScalar(draft: NotebookRoot, cellId: string, key: "position" | "cell_type", value: string): void {
  const cell = draft.cells[cellId];
  if (cell !== undefined && `${cell[key]}` !== value) cell[key] = scalar(value);
}
