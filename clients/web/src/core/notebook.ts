// The notebook as the page sees it: cells in order, edits by cell id, and typed events of what changed. Pure.
//
// A Notebook is a view on the replica it is given and owns nothing but an index of its changes. Edits name cells by id; those of a cell that is
// gone do nothing, because somebody else may have deleted it a moment ago.

import { moveThreads, splitThreads } from "./comments.ts";
import { ChangeLog } from "./history/change_log.ts";
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
  | { kind: "cell metadata"; cellId: string }
  | { kind: "metadata" }
  | { kind: "proposals" }
  | { kind: "comments" }
  | { kind: "versions" };

/** What a new cell is made of. */
export interface NewCell {
  /** The id of a cell that was here before, to be it again; another one is made if it is taken. */
  readonly id?: string | undefined;
  readonly type: CellType;
  readonly source: string;
  readonly metadata?: unknown;
  readonly attachments?: unknown;
}

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
  #changes: ChangeLog | null = null;

  constructor(replica: Replica<NotebookRoot>) {
    this.replica = replica;
    replica.onPatches = (patches, origin) => this.#changed(patches, origin);
  }

  /** An index of all changes, kept from when it was first asked for. */
  get changes(): ChangeLog {
    return (this.#changes ??= new ChangeLog(this.replica));
  }

  get #cells(): Readonly<Record<string, CellMap>> {
    return this.replica.value.cells ?? {};
  }

  places(): readonly Place[] {
    if (this.replica.isChanging) this.#places = null; // it may be another order each time
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
    return sourceOf(this.#cells[cellId]);
  }

  type(cellId: string): CellType {
    return typeOf(this.#cells[cellId]);
  }

  attachments(cellId: string): Record<string, Record<string, unknown>> {
    return (plain(this.#cells[cellId]?.attachments ?? {}) ?? {}) as Record<string, Record<string, unknown>>;
  }

  metadata(cellId: string): Record<string, unknown> {
    return (plain(this.#cells[cellId]?.metadata ?? {}) ?? {}) as Record<string, unknown>;
  }

  /** What the cell's metadata says of folding, as Jupyter writes it. */
  folded(cellId: string): { source_hidden: boolean; outputs_hidden: boolean } {
    const { jupyter, collapsed } = this.metadata(cellId) as { jupyter?: Record<string, unknown>; collapsed?: unknown };
    return { source_hidden: jupyter?.["source_hidden"] === true, outputs_hidden: (jupyter?.["outputs_hidden"] ?? collapsed) === true };
  }

  /** What the notebook's own metadata has at this path; undefined if nothing. */
  metadataAt(path: readonly string[]): unknown {
    const at = (value: unknown, key: string): unknown => (value !== null && typeof value === "object" ? (value as Record<string, unknown>)[key] : undefined);
    return plain(path.reduce(at, this.replica.value.metadata));
  }

  ownMetadata(): Record<string, unknown> {
    return (plain(this.replica.value.metadata ?? {}) ?? {}) as Record<string, unknown>;
  }

  record(cellId: string): CellRecord | null {
    return recordOf(cellId, this.#cells[cellId]);
  }

  // --- edits ---------------------------------------------------------------------------------------------------------

  /** All edits inside become one change. */
  together<R>(edit: () => R): R {
    let result: R | undefined;
    this.replica.change(() => (result = edit()), this);
    return result as R;
  }

  /** One change with the text edits of one transaction of an editor. */
  editSource(cellId: string, edits: readonly TextEdit[], origin: Origin): void {
    this.editSources([[cellId, edits]], origin);
  }

  /** The text edits of several cells as one change. */
  editSources(all: Iterable<readonly [string, readonly TextEdit[]]>, origin: Origin): void {
    const wanted = [...all].filter(([cellId, edits]) => this.has(cellId) && edits.length > 0);
    if (wanted.length === 0) return;
    this.replica.change((draft) => {
      for (const [cellId, edits] of wanted) spliceAll(draft, cellId, edits);
    }, origin);
  }

  /** A new cell at `index`; returns its id. */
  addCell(index: number, type: CellType, source = ""): string {
    return this.addCells(index, [{ type, source }])[0] as string;
  }

  /** New cells at `index`, in this order; returns their ids. */
  addCells(index: number, cells: readonly NewCell[]): string[] {
    if (cells.length === 0) return [];
    const taken = new Set<string>();
    const ids = cells.map(({ id = newId() }) => {
      const free = this.has(id) || taken.has(id) ? newId() : id;
      taken.add(free);
      return free;
    });
    const { positions, others } = placeAt(this.places(), index, cells.length);
    this.replica.change((draft) => {
      for (const [other, position] of others) setScalar(draft, other, "position", position);
      for (const [i, cell] of cells.entries()) {
        const id = ids[i] as string;
        draft.cells[id] = newCell({ metadata: {}, attachments: undefined, ...cell, id, position: positions[i] as string });
      }
    }, this);
    return ids;
  }

  /** Bring deleted cells back to where they were; those that are here again are left as they are. */
  restoreCells(records: readonly CellRecord[]): void {
    const gone = records.filter(({ id }) => !this.has(id));
    if (gone.length === 0) return;
    this.replica.change((draft) => {
      for (const record of gone) draft.cells[record.id] = newCell(record);
    }, this);
  }

  deleteCells(cellIds: readonly string[]): void {
    const here = cellIds.filter((id) => this.has(id));
    if (here.length === 0) return;
    this.replica.change((draft) => {
      for (const id of here) delete draft.cells[id];
    }, this);
  }

  /** Put cells, in this order, at `index` among the others. */
  moveCells(cellIds: readonly string[], index: number): void {
    const moving = new Set(cellIds.filter((id) => this.has(id)));
    if (moving.size === 0) return;
    const { positions, others } = placeAt(this.places().filter(({ id }) => !moving.has(id)), index, moving.size);
    this.setPositions([...others, ...[...moving].map((id, i) => [id, positions[i] as string] as const)]);
  }

  setPositions(positions: readonly (readonly [string, string])[]): void {
    const here = positions.filter(([id]) => this.has(id));
    if (here.length === 0) return;
    this.replica.change((draft) => {
      for (const [id, position] of here) setScalar(draft, id, "position", position);
    }, this);
  }

  setTypes(types: Iterable<readonly [string, CellType]>): void {
    const other = [...types].filter(([id, type]) => this.has(id) && this.type(id) !== type);
    if (other.length === 0) return;
    this.replica.change((draft) => {
      for (const [id, type] of other) setScalar(draft, id, "cell_type", type);
    }, this);
  }

  /** Cut a cell's source before this code unit; what follows becomes a new cell after it, whose id is returned. The first
   *  cell ends at `end`, what is between is in neither. */
  splitCell(cellId: string, at: number, end = at): string | null {
    const cell = this.record(cellId);
    if (cell === null) return null;
    const id = newId();
    const { positions, others } = placeAt(this.places(), this.cellIds().indexOf(cellId) + 1);
    this.replica.change((draft) => {
      for (const [other, position] of others) setScalar(draft, other, "position", position);
      spliceAll(draft, cellId, [{ from: end, to: cell.source.length, insert: "" }]);
      const { type, metadata } = cell;
      draft.cells[id] = newCell({ id, type, position: positions[0] as string, source: cell.source.slice(at), metadata, attachments: undefined });
      splitThreads(draft, cellId, cell.source, at, id);
    }, this);
    return id;
  }

  /** Append the others' sources to this cell's, a separator between those that say anything, and delete the others. */
  mergeCells(cellId: string, otherIds: readonly string[], separator = "\n"): void {
    const others = otherIds.filter((id) => id !== cellId && this.has(id));
    if (!this.has(cellId) || others.length === 0) return;
    this.replica.change((draft) => {
      for (const other of others) {
        const end = draft.cells[cellId]?.source.length ?? 0;
        const source = `${draft.cells[other]?.source ?? ""}`;
        const insert = end > 0 && source !== "" ? separator + source : source;
        spliceAll(draft, cellId, [{ from: end, to: end, insert }]);
        delete draft.cells[other];
        moveThreads(draft, other, cellId);
      }
    }, this);
  }

  /** Set attachments of cells; undefined takes them away. */
  setAttachments(settings: readonly { cellId: string; value: unknown }[]): void {
    const here = settings.filter(({ cellId }) => this.has(cellId));
    if (here.length === 0) return;
    this.replica.change((draft) => {
      for (const { cellId, value } of here) setAt(draft.cells[cellId] as CellMap, ["attachments"], value);
    }, this);
  }

  /** Set keys of the notebook's own metadata; undefined takes one away. */
  setOwnMetadata(settings: readonly { key: string; value: unknown }[]): void {
    if (settings.length === 0) return;
    this.replica.change((draft) => {
      for (const { key, value } of settings) setAt(draft, ["metadata", key], value);
    }, this);
  }

  /** Set one value in the notebook's own metadata, named by its path, and leave what stands beside it. */
  setOwnMetadataAt(path: readonly string[], value: unknown): void {
    this.replica.change((draft) => setAt(draft, ["metadata", ...path], value), this);
  }

  /** Set keys of cells' metadata, each named by its path; undefined takes a key away. What it stands in is made. */
  setMetadata(settings: readonly { cellId: string; path: readonly string[]; value: unknown }[]): void {
    const here = settings.filter(({ cellId }) => this.has(cellId));
    if (here.length === 0) return;
    this.replica.change((draft) => {
      for (const { cellId, path, value } of here) setAt(draft.cells[cellId] as CellMap, ["metadata", ...path], value);
    }, this);
  }

  /** The same for the notebook's own metadata. */
  setNotebookMetadata(settings: readonly { path: readonly string[]; value: unknown }[]): void {
    this.replica.change((draft) => {
      for (const { path, value } of settings) setAt(draft, ["metadata", ...path], value);
    }, this);
  }

  // --- events --------------------------------------------------------------------------------------------------------

  #changed(patches: Patch[], origin: Origin): void {
    this.#places = null;
    const events: NotebookEvent[] = [];
    const replaced = new Set<string>();
    const edited = new Map<string, TextEdit[]>();
    const retyped = new Set<string>();
    const described = new Set<string>();
    let structure = false;
    let metadata = false;
    let proposals = false;
    let comments = false;
    let versions = false;
    for (const patch of patches) {
      const [root, cellId, field, index] = patch.path;
      if (root === "metadata") metadata = true;
      if (root === "proposals") proposals = true;
      if (root === "comments") comments = true;
      if (root === "versions") versions = true;
      if (root !== "cells") continue;
      if (typeof cellId !== "string" || field === undefined) {
        structure = true;
        if (typeof cellId === "string") replaced.add(cellId);
      } else if (field === "position") structure = true;
      else if (field === "cell_type") retyped.add(cellId);
      else if (field === "metadata") described.add(cellId);
      else if (field === "source" && typeof index !== "number") replaced.add(cellId);
      else if (field === "source") {
        const edit = textEdit(patch, index as number);
        if (edit !== null) edited.set(cellId, [...(edited.get(cellId) ?? []), edit]);
      }
    }
    if (structure) events.push({ kind: "cells" });
    for (const cellId of replaced) events.push({ kind: "replaced", cellId });
    for (const cellId of described) if (!replaced.has(cellId)) events.push({ kind: "cell metadata", cellId });
    for (const cellId of retyped) if (!replaced.has(cellId)) events.push({ kind: "type", cellId });
    for (const [cellId, edits] of edited) {
      if (!replaced.has(cellId)) events.push({ kind: "source", cellId, edits, origin });
    }
    if (metadata) events.push({ kind: "metadata" });
    if (proposals) events.push({ kind: "proposals" });
    if (comments) events.push({ kind: "comments" });
    if (versions) events.push({ kind: "versions" });
    if (events.length > 0) this.onEvents(events);
  }
}

function textEdit(patch: Patch, index: number): TextEdit | null {
  if (patch.action === "splice") return { from: index, to: index, insert: patch.value };
  if (patch.action === "del") return { from: index, to: index + (patch.length ?? 1), insert: "" };
  return null;
}

const sourceOf = (cell: CellMap | undefined): string => (cell?.source === undefined || cell.source === null ? "" : `${cell.source}`);

function typeOf(cell: CellMap | undefined): CellType {
  const type = `${cell?.cell_type}`;
  return (TYPES.includes(type) ? type : "raw") as CellType;
}

/** All that a cell of a document says. */
export function recordOf(id: string, cell: CellMap | undefined): CellRecord | null {
  if (cell === undefined) return null;
  return {
    id,
    type: typeOf(cell),
    position: readable(plain(cell.position)),
    source: sourceOf(cell),
    metadata: plain(cell.metadata ?? {}),
    attachments: cell.attachments === undefined ? undefined : plain(cell.attachments),
  };
}

export function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function spliceAll(draft: NotebookRoot, cellId: string, edits: readonly TextEdit[]): void {
  const cell = draft.cells[cellId] as CellMap;
  if (cell.source === undefined) cell.source = "";
  for (const { from, to, insert } of edits) Replica.splice(draft, ["cells", cellId, "source"], from, to - from, insert);
}

/** Inside a change: set a value named by its path; undefined takes it away. */
export function setAt(target: object, path: readonly string[], value: unknown): void {
  let map = target as Record<string, unknown>;
  for (const key of path.slice(0, -1)) {
    if (map[key] === null || typeof map[key] !== "object") {
      if (value === undefined) return;
      map[key] = {};
    }
    map = map[key] as Record<string, unknown>;
  }
  const last = path.at(-1) as string;
  if (value === undefined) delete map[last];
  else if (plain(map[last]) !== value) map[last] = scalars(value);
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
