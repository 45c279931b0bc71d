// A change of the notebook's history, taken back as new changes that are the same whoever makes them. Pure.
//
// The twin of notebook_doc/taking_back.py, which says how: each piece of the inverse is a change made upon the one that is
// taken back, its actor follows from its content, and two who undo the same at once write the same bytes. What a change
// was is told by the replica; who wrote it is not asked here.

import { type CellRecord, type Notebook, setAt } from "../notebook.ts";
import { type ChangeMeta, type Heads, Replica, scalars } from "../replica.ts";
import type { CellMap, NotebookRoot } from "../schema.ts";
import { authorKey, authorKeyOf } from "./authors.ts";
import { read, same, type Then } from "./diff.ts";

/** What was done as one: a change, or all changes that took one back, named `undo ` and what they took back. */
interface Deed {
  readonly name: string;
  readonly deps: Heads;
  readonly heads: Heads;
}

type Inverse =
  | { readonly kind: "create"; readonly cellId: string; readonly record: CellRecord }
  | { readonly kind: "delete"; readonly cellId: string }
  | { readonly kind: "rewrite"; readonly cellId: string; readonly splices: readonly Splice[] }
  /** A value that the deed made `now` is to be `old` again; of the notebook if there is no cell; undefined for none. */
  | { readonly kind: "put"; readonly cellId: string | null; readonly path: readonly string[]; readonly old: unknown; readonly now: unknown };

interface Splice {
  readonly index: number;
  readonly remove: number;
  readonly insert: string;
}

interface Piece {
  readonly upon: Heads;
  readonly inverse: Inverse;
}

/** An undo that was applied. `kept` are cells that the change had made or moved and others have changed since. */
export interface Undone {
  readonly cells: readonly string[];
  readonly kept: readonly string[];
  /** A change of it, by which it can be taken back in turn; null if nothing was left to write. */
  readonly change: string | null;
}

/** Undo one change; null if it is not in the history or was taken back already. */
export async function takeBack(notebook: Notebook, hash: string): Promise<Undone | null> {
  for (;;) {
    const life = await Life.of(notebook);
    const deed = life.deedOf(hash);
    if (deed === null || (await life.isTakenBack(deed))) return null;
    const key = await authorKeyOf(undoOf(deed));
    if (key === null || life.isCurrent) return key === null ? null : write(notebook, life, deed, key);
  }
}

/** Of these changes, those that were not taken back; in their order. */
export async function notTakenBack(notebook: Notebook, hashes: readonly string[]): Promise<string[]> {
  const life = await Life.of(notebook);
  const left: string[] = [];
  for (const hash of hashes) {
    const deed = life.deedOf(hash);
    if (deed !== null && !(await life.isTakenBack(deed))) left.push(hash);
  }
  return left;
}

/** Whether a change has changed cells or the notebook's metadata: of others, as of a proposal, there is nothing to undo. */
export function isEdit(notebook: Notebook, hash: string): boolean {
  const { replica } = notebook;
  const deps = replica.changesSince([]).find((change) => change.hash === hash)?.deps;
  if (deps === undefined) return false;
  const roots = replica.rootsChanged(deps, [hash]);
  return roots.has("cells") || roots.has("metadata");
}

const undoOf = (deed: Deed): string => `undo ${deed.name}`;

// --- the deeds of a history ----------------------------------------------------------------------------------------------

class Life {
  readonly #notebook: Notebook;
  readonly #heads: Heads;
  readonly #keys = new Set<string>();
  readonly #names = new Map<string, string>(); // change -> the deed that it belongs to
  readonly #deeds = new Map<string, Deed>(); // each after those it builds on
  readonly #views = new Map<string, Readonly<NotebookRoot>>(); // what was looked at, by its heads
  readonly #lastOps = new Map<string, number>(); // change -> the counter of its last operation

  private constructor(notebook: Notebook) {
    this.#notebook = notebook;
    this.#heads = notebook.replica.heads();
  }

  static async of(notebook: Notebook): Promise<Life> {
    const life = new Life(notebook);
    for (const change of notebook.replica.changesSince([])) await life.#add(change);
    return life;
  }

  async #add({ hash, actor, seq, deps, maxOp }: ChangeMeta): Promise<void> {
    this.#lastOps.set(hash, maxOp);
    let name = hash;
    const upon = [...deps].sort();
    const [dep] = upon;
    const done = dep === undefined ? undefined : this.#deeds.get(this.#names.get(dep) ?? "");
    // who writes one change and no other may be an undo
    if (done !== undefined && seq === 1 && done.heads.join() === upon.join() && (await authorKeyOf(undoOf(done))) === authorKey(actor)) name = undoOf(done);
    const known = this.#deeds.get(name);
    this.#deeds.set(name, { name, deps: upon, heads: known === undefined ? [hash] : [...known.heads, hash].sort() });
    this.#names.set(hash, name);
    this.#keys.add(authorKey(actor));
  }

  get isCurrent(): boolean {
    return this.#heads.join() === this.#notebook.replica.heads().join();
  }

  deedOf(hash: string): Deed | null {
    return this.#deeds.get(this.#names.get(hash) ?? "") ?? null;
  }

  async isTakenBack(deed: Deed): Promise<boolean> {
    return this.#keys.has((await authorKeyOf(undoOf(deed))) ?? "");
  }

  piecesOf(deed: Deed): Piece[] {
    const [before, after] = [read(this.at(deed.deps)), read(this.at(deed.heads))];
    const now = new Map(after.cells.map((cell) => [cell.id, cell]));
    const had = new Set(before.cells.map(({ id }) => id));
    const pieces: Piece[] = [];
    const add = (...inverses: Inverse[]) => pieces.push(...inverses.map((inverse) => ({ upon: deed.heads, inverse })));
    for (const cell of before.cells) {
      const other = now.get(cell.id);
      if (other === undefined) add({ kind: "create", cellId: cell.id, record: cell });
      else {
        if (cell.source !== other.source) pieces.push(...this.#textsBack(cell.id, deed));
        add(...valuesBack(cell, other));
      }
    }
    add(...metadataBack(null, before.metadata, after.metadata));
    for (const { id } of after.cells) if (!had.has(id)) add({ kind: "delete", cellId: id });
    return pieces;
  }

  /** What takes out the characters that the deed wrote and puts in those that it deleted. What a later undo has brought
   *  back of its characters goes, too. */
  *#textsBack(cellId: string, deed: Deed): Iterable<Piece> {
    const [old, now] = [this.#text(deed.deps, cellId), this.#text(deed.heads, cellId)];
    yield { upon: deed.heads, inverse: { kind: "rewrite", cellId, splices: splicesBack(old, now) } };
    const written = new Set(now.elements).difference(new Set(old.elements));
    for (const [undo, undone] of this.#undosSince(deed)) {
      const [first, without, again] = [undone.deps, undone.heads, undo.heads].map((heads) => this.#text(heads, cellId)) as [Text, Text, Text];
      const left = new Set(without.elements);
      const originals = first.elements.filter((element) => !left.has(element));
      const copies = again.elements.filter((element) => !left.has(element));
      const own = new Set(copies.filter((_, index) => written.has(originals[index] ?? "")));
      if (own.size === 0) continue;
      for (const copy of own) written.add(copy);
      const rest = { text: "", elements: again.elements.filter((element) => !own.has(element)) };
      yield { upon: undo.heads, inverse: { kind: "rewrite", cellId, splices: splicesBack(rest, again) } };
    }
  }

  *#undosSince(deed: Deed): Iterable<[Deed, Deed]> {
    let since = false;
    for (const undo of this.#deeds.values()) {
      const undone = undo.name.startsWith("undo ") ? this.#deeds.get(undo.name.slice("undo ".length)) : undefined;
      if (since && undone !== undefined) yield [undo, undone];
      since ||= undo === deed;
    }
  }

  #text(heads: Heads, cellId: string): Text {
    return Replica.textIn(this.at(heads), ["cells", cellId, "source"]);
  }

  /** The notebook as it was. */
  at(heads: Heads): Readonly<NotebookRoot> {
    const known = this.#views.get(heads.join()) ?? this.#notebook.replica.at(heads);
    this.#views.set(heads.join(), known);
    return known;
  }

  /** The counter of the first operation of a change that is made upon these heads. */
  nextOp(heads: Heads): number {
    return 1 + Math.max(...heads.map((head) => this.#lastOps.get(head) ?? 0));
  }
}

/** A text and, for each of its code units, the operation that put it there. */
interface Text {
  readonly text: string;
  readonly elements: readonly string[];
}

/** Where one thing goes and another comes back, that goes in after the first character of what goes out: what others have
 *  written before or after stands before or after it then. */
function splicesBack(old: Text, now: Text): Splice[] {
  const [before, after] = [new Set(old.elements), new Set(now.elements)];
  const splices: Splice[] = [];
  let [i, j, index] = [0, 0, 0];
  while (i < old.elements.length || j < now.elements.length) {
    const [from, begin] = [i, j];
    while (j < now.elements.length && !before.has(now.elements[j] as string)) j++;
    while (i < old.elements.length && !after.has(old.elements[i] as string)) i++;
    if (i > from || j > begin) {
      const [insert, remove] = [old.text.slice(from, i), j - begin];
      const first = now.elements[begin] === now.elements[begin + 1] ? 2 : 1; // a pair of surrogates is one character
      if (insert !== "" && remove > first) {
        splices.push({ index: index + first, remove: remove - first, insert: "" }, { index: index + first, remove: 0, insert }, { index, remove: first, insert: "" });
      } else splices.push({ index, remove, insert });
      index += insert.length;
    } else [i, j, index] = [i + 1, j + 1, index + 1]; // both have it
  }
  return splices;
}

function valuesBack(old: CellRecord, now: CellRecord): Inverse[] {
  const put = (name: string, of: unknown, is: unknown): Inverse[] =>
    same(of, is) ? [] : [{ kind: "put", cellId: old.id, path: [name], old: of, now: is }];
  return [
    ...put("cell_type", old.type, now.type),
    ...metadataBack(old.id, old.metadata as Json, now.metadata as Json),
    ...put("attachments", old.attachments, now.attachments),
    ...put("position", old.position, now.position),
  ];
}

type Json = Record<string, unknown>;

function metadataBack(cellId: string | null, old: Json, now: Json): Inverse[] {
  const keys = [...new Set([...Object.keys(old), ...Object.keys(now)])].sort();
  const differing = keys.filter((key) => !same(old[key], now[key]));
  return differing.map((key) => ({ kind: "put", cellId, path: ["metadata", key], old: old[key], now: now[key] }));
}

// --- writing it ----------------------------------------------------------------------------------------------------------

function write(notebook: Notebook, life: Life, deed: Deed, key: string): Undone {
  const after = read(life.at(deed.heads));
  const kept = new Set<string>();
  const cells = new Set<string>();
  const chunks: Uint8Array[] = [];
  const then = new Map<string, Replica<NotebookRoot>>();
  for (const { upon, inverse } of life.piecesOf(deed)) {
    const whyNot = standing(inverse, after, notebook);
    if (whyNot === "kept" && inverse.cellId !== null) kept.add(inverse.cellId);
    if (whyNot !== null) continue;
    const work = then.get(upon.join()) ?? notebook.replica.forkAt(upon);
    then.set(upon.join(), work);
    const heads = work.heads();
    work.change((draft) => apply(draft, inverse), work);
    if (work.heads().join() === heads.join()) continue;
    const first = life.nextOp(upon);
    const draft = work.lastChangeAs(`${key}${"0".repeat(key.length)}`, upon, first);
    const made = draft && work.lastChangeAs(`${key}${draft.hash.slice(0, key.length)}`, upon, first);
    if (made !== null) chunks.push(made.chunk);
    if (inverse.cellId !== null) cells.add(inverse.cellId);
  }
  if (chunks.length > 0) notebook.replica.apply(chunks, notebook);
  const last = chunks.at(-1);
  return { cells: [...cells], kept: [...kept], change: last === undefined ? null : Replica.hashOf(last) };
}

/** Why this need not or may not be done in the notebook as it is; null if it is to be done. */
function standing(inverse: Inverse, after: Then, notebook: Notebook): "kept" | "done" | null {
  const { cellId } = inverse;
  if (inverse.kind === "create") return notebook.has(inverse.cellId) ? "done" : null;
  if (cellId !== null && !notebook.has(cellId)) return "done";
  if (inverse.kind === "delete") {
    return same(notebook.record(inverse.cellId), after.cells.find(({ id }) => id === cellId)) ? null : "kept";
  }
  if (inverse.kind === "put") return same(valueOf(inverse.cellId, inverse.path, notebook), inverse.now) ? null : "kept";
  return null;
}

function valueOf(cellId: string | null, [name, key = ""]: readonly string[], notebook: Notebook): unknown {
  if (cellId === null) return notebook.ownMetadata()[key];
  if (name === "metadata") return notebook.metadata(cellId)[key];
  const record = notebook.record(cellId);
  return name === "cell_type" ? record?.type : name === "position" ? record?.position : record?.attachments;
}

function apply(draft: NotebookRoot, inverse: Inverse): void {
  if (inverse.kind === "create") create(draft, inverse.record);
  else if (inverse.kind === "delete") delete draft.cells[inverse.cellId];
  else if (inverse.kind === "put") setAt(inverse.cellId === null ? draft : (draft.cells[inverse.cellId] as CellMap), inverse.path, inverse.old);
  else for (const { index, remove, insert } of inverse.splices) Replica.splice(draft, ["cells", inverse.cellId, "source"], index, remove, insert);
}

/** A cell, written step by step as Python writes it: given at once, the core would write its parts in another order. */
function create(draft: NotebookRoot, { id, type, position, source, metadata, attachments }: CellRecord): void {
  draft.cells[id] = {} as CellMap;
  const cell = draft.cells[id] as unknown as Json;
  cell["source"] = ""; // a plain string is a Text
  Replica.splice(draft, ["cells", id, "source"], 0, 0, source);
  const values = { id, cell_type: type, position, metadata, ...(attachments === undefined ? {} : { attachments }) };
  for (const [key, value] of Object.entries(values)) fill(cell, key, value);
}

function fill(into: Json | unknown[], key: string | number, value: unknown): void {
  const at = into as Record<string | number, unknown>;
  if (Array.isArray(value)) {
    at[key] = [];
    for (const [index, item] of value.entries()) fill(at[key] as unknown[], index, item);
  } else if (value !== null && typeof value === "object") {
    at[key] = {};
    for (const [name, item] of Object.entries(value)) fill(at[key] as Json, name, item);
  } else at[key] = scalars(value);
}
