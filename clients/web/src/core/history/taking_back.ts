// A change of the notebook's history, taken back as new changes that are the same whoever makes them. Pure.
//
// The twin of notebook_doc/taking_back.py, which says how: each piece of the inverse is a change made upon the one that is
// taken back (all cells that go are one piece), its actor follows from its content, and two who undo the same at once
// write the same bytes. What a change was is told by the replica; who wrote it is not asked here. The history is looked
// through once, and what is new of it then; an undo reads the cells that its change touched, and has the core look at the
// document as it was once.

import { type CellRecord, type Notebook, recordOf } from "../notebook.ts";
import { PastWork } from "../past_work.ts";
import { type ChangeMeta, type Heads, type Key, Replica, type TextPatch } from "../replica.ts";
import type { CellMap } from "../schema.ts";
import { authorKey, authorKeyOf } from "./authors.ts";
import type { Touched } from "./change_log.ts";
import { metadataOf, read, same } from "./diff.ts";

/** What was done as one: a change, or all changes that took one back, named `undo ` and what they took back. */
interface Deed {
  readonly name: string;
  readonly deps: Heads;
  readonly heads: Heads;
}

type Inverse =
  | { readonly kind: "create"; readonly cellId: string; readonly record: CellRecord }
  /** A cell that the deed made `now`. */
  | { readonly kind: "delete"; readonly cellId: string; readonly now: CellRecord }
  | { readonly kind: "rewrite"; readonly cellId: string; readonly splices: readonly TextPatch[] }
  /** A value that the deed made `now` is to be `old` again; of the notebook if there is no cell; undefined for none. */
  | { readonly kind: "put"; readonly cellId: string | null; readonly path: readonly [string] | readonly ["metadata", string]; readonly old: unknown; readonly now: unknown };

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
export function takeBack(notebook: Notebook, hash: string): Undone | null {
  const life = Life.of(notebook);
  const deed = life.deedOf(hash);
  return deed === null || life.isTakenBack(deed) ? null : write(notebook, life, deed);
}

/** Of these changes, those that were not taken back; in their order. */
export function notTakenBack(notebook: Notebook, hashes: readonly string[]): string[] {
  const life = Life.of(notebook);
  return hashes.filter((hash) => {
    const deed = life.deedOf(hash);
    return deed !== null && !life.isTakenBack(deed);
  });
}

/** Whether a change has changed cells or the notebook's metadata: of others, as of a proposal, there is nothing to undo. */
export function isEdit(notebook: Notebook, hash: string): boolean {
  const { cells, roots } = notebook.changes.touchedBy(hash);
  return cells.size > 0 || roots.has("cells") || roots.has("metadata");
}

/** What the actors of the undos begin with that were made here: nobody else knows yet whose they are. */
export const undoneHere = (notebook: Notebook): ReadonlySet<string> => Life.of(notebook).madeHere;

const undoOf = (deed: Deed): string => `undo ${deed.name}`;

// --- the deeds of a history ----------------------------------------------------------------------------------------------

/** The deeds of a notebook's history, each change of which is looked at once. */
class Life {
  static readonly #all = new WeakMap<Notebook, Life>();
  readonly #notebook: Notebook;
  readonly #keys = new Set<string>();
  readonly #names = new Map<string, string>(); // change -> the deed that it belongs to
  readonly #deeds = new Map<string, Deed>(); // each after those it builds on
  readonly madeHere = new Set<string>();
  #seen = 0; // changes

  private constructor(notebook: Notebook) {
    this.#notebook = notebook;
  }

  /** As of now. */
  static of(notebook: Notebook): Life {
    const life = Life.#all.get(notebook) ?? new Life(notebook);
    Life.#all.set(notebook, life);
    const all = notebook.changes.all();
    for (; life.#seen < all.length; life.#seen++) life.#add(all[life.#seen] as ChangeMeta);
    return life;
  }

  #add({ hash, actor, seq, deps }: ChangeMeta): void {
    let name = hash;
    const upon = [...deps].sort();
    const [dep] = upon;
    const done = dep === undefined ? undefined : this.#deeds.get(this.#names.get(dep) ?? "");
    // who writes one change and no other may be an undo
    if (done !== undefined && seq === 1 && done.heads.join() === upon.join() && authorKeyOf(undoOf(done)) === authorKey(actor)) name = undoOf(done);
    const known = this.#deeds.get(name);
    this.#deeds.set(name, { name, deps: upon, heads: known === undefined ? [hash] : [...known.heads, hash].sort() });
    this.#names.set(hash, name);
    this.#keys.add(authorKey(actor));
  }

  deedOf(hash: string): Deed | null {
    return this.#deeds.get(this.#names.get(hash) ?? "") ?? null;
  }

  isTakenBack(deed: Deed): boolean {
    return this.#keys.has(authorKeyOf(undoOf(deed)));
  }

  piecesOf(deed: Deed): Piece[] {
    const touched = this.#touchedBy(deed);
    const [before, after] = [this.#cells(deed.deps, touched), this.#cells(deed.heads, touched)];
    const pieces: Piece[] = [];
    const add = (...inverses: Inverse[]) => pieces.push(...inverses.map((inverse) => ({ upon: deed.heads, inverse })));
    for (const [id, cell] of before) {
      const other = after.get(id);
      if (other === undefined) add({ kind: "create", cellId: id, record: cell });
      else {
        if (cell.source !== other.source) pieces.push(...this.#textsBack(id, deed));
        add(...valuesBack(cell, other));
      }
    }
    if (touched.roots.has("metadata")) add(...metadataBack(null, this.#metadata(deed.deps), this.#metadata(deed.heads)));
    for (const [id, now] of after) if (!before.has(id)) add({ kind: "delete", cellId: id, now });
    return pieces;
  }

  #touchedBy(deed: Deed): Touched {
    const all = deed.heads.map((hash) => this.#notebook.changes.touchedBy(hash)); // each a change upon the deps
    const union = (of: (touched: Touched) => ReadonlySet<string>) => new Set(all.flatMap((touched) => [...of(touched)]));
    return { cells: union(({ cells }) => cells), roots: union(({ roots }) => roots) };
  }

  /** Of those cells that were touched, those that there were. */
  #cells(heads: Heads, touched: Touched): Map<string, CellRecord> {
    const { replica } = this.#notebook;
    const records = touched.roots.has("cells")
      ? read(replica.at(heads)).cells
      : [...touched.cells].flatMap((id) => recordOf(id, replica.mapAt(heads, ["cells", id]) as CellMap | undefined) ?? []);
    return new Map(records.map((record) => [record.id, record]));
  }

  #metadata(heads: Heads): Json {
    return metadataOf(this.#notebook.replica.mapAt(heads, ["metadata"]));
  }

  /** What takes out the characters that the deed wrote and puts in those that it deleted. What a later undo has brought
   *  back of its characters goes, too. */
  *#textsBack(cellId: string, deed: Deed): Iterable<Piece> {
    const { replica } = this.#notebook;
    const path = sourceOf(cellId);
    const change = this.#textChange(cellId, deed.deps, deed.heads);
    yield { upon: deed.heads, inverse: { kind: "rewrite", cellId, splices: splicesBack(change) } };
    let written: Set<string> | null = null;
    for (const [undo, undone] of this.#undosSince(deed)) {
      if (!this.#touchedBy(undo).cells.has(cellId) || !this.#touchedBy(undone).cells.has(cellId)) continue;
      written ??= new Set(replica.elementsAt(deed.heads, path, positions(change).come));
      const gone = positions(this.#textChange(cellId, undone.deps, undone.heads)).gone;
      const come = positions(this.#textChange(cellId, undone.heads, undo.heads)).come;
      const originals = replica.elementsAt(undone.deps, path, gone);
      const copies = replica.elementsAt(undo.heads, path, come);
      const own = come.filter((_, index) => written?.has(originals[index] ?? ""));
      if (own.length === 0) continue;
      for (const [index, copy] of copies.entries()) if (written.has(originals[index] ?? "")) written.add(copy);
      yield { upon: undo.heads, inverse: { kind: "rewrite", cellId, splices: withoutThose(own) } };
    }
  }

  /** Undos after a deed, each with what it took back. */
  *#undosSince(deed: Deed): Iterable<[Deed, Deed]> {
    let since = false;
    for (const undo of this.#deeds.values()) {
      const undone = undo.name.startsWith("undo ") ? this.#deeds.get(undo.name.slice("undo ".length)) : undefined;
      if (since && undone !== undefined) yield [undo, undone];
      since ||= undo === deed;
    }
  }

  #textChange(cellId: string, from: Heads, to: Heads): TextChange {
    const { replica } = this.#notebook;
    const [old, now] = [from, to].map((heads) => replica.textAt(heads, sourceOf(cellId))) as [string, string];
    const patches = replica.textPatches(sourceOf(cellId), from, to);
    return { old, now, patches: patches ?? [{ index: 0, remove: old.length, insert: "" }, { index: 0, remove: 0, insert: now }] };
  }

  /** The counter of the first operation of a change that is made upon these heads. */
  nextOp(heads: Heads): number {
    return 1 + Math.max(...heads.map((head) => this.#notebook.changes.get(head)?.maxOp ?? 0));
  }
}

const sourceOf = (cellId: string): readonly Key[] => ["cells", cellId, "source"];

// --- texts ---------------------------------------------------------------------------------------------------------------

/** A text at two times, and what makes the later of the earlier. */
interface TextChange {
  readonly old: string;
  readonly now: string;
  readonly patches: readonly TextPatch[];
}

/** A place between characters that both texts have, where some went and others came. */
interface Gap {
  readonly oldFrom: number;
  readonly nowFrom: number;
  gone: number;
  come: number;
}

function gapsOf({ patches }: TextChange): Gap[] {
  const gaps: Gap[] = [];
  let [gone, come, kept] = [0, 0, -1];
  for (const { index, remove, insert } of patches) {
    if (index - come !== kept) {
      kept = index - come;
      gaps.push({ oldFrom: kept + gone, nowFrom: index, gone: 0, come: 0 });
    }
    const gap = gaps.at(-1) as Gap;
    gap.gone += remove;
    gap.come += insert.length;
    [gone, come] = [gone + remove, come + insert.length];
  }
  return gaps;
}

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, index) => from + index);

/** Where the characters stood that went, in the old text, and those that came stand in the new one. */
function positions(change: TextChange): { gone: number[]; come: number[] } {
  const gaps = gapsOf(change);
  return { gone: gaps.flatMap((gap) => range(gap.oldFrom, gap.gone)), come: gaps.flatMap((gap) => range(gap.nowFrom, gap.come)) };
}

/** Where one thing goes and another comes back, that goes in after the first character of what goes out: what others have
 *  written before or after stands before or after it then. */
function splicesBack(change: TextChange): TextPatch[] {
  return gapsOf(change).flatMap(({ oldFrom, nowFrom, gone, come }) => {
    const index = oldFrom; // what is before it is as it was by then
    const insert = change.old.slice(oldFrom, oldFrom + gone);
    const first = (change.now.codePointAt(nowFrom) ?? 0) > 0xffff ? 2 : 1; // a pair of surrogates is one character
    if (insert === "" || come <= first) return [{ index, remove: come, insert }];
    return [{ index: index + first, remove: come - first, insert: "" }, { index: index + first, remove: 0, insert }, { index, remove: first, insert: "" }];
  });
}

/** What takes out the characters at these places, in order. */
function withoutThose(places: readonly number[]): TextPatch[] {
  const splices: { index: number; remove: number; insert: string }[] = [];
  for (const [before, place] of places.entries()) {
    const last = splices.at(-1);
    if (last !== undefined && places[before - 1] === place - 1) last.remove += 1;
    else splices.push({ index: place - before, remove: 1, insert: "" });
  }
  return splices;
}

function valuesBack(old: CellRecord, now: CellRecord): Inverse[] {
  const put = (name: string, of: unknown, is: unknown): Inverse[] =>
    same(of, is) ? [] : [{ kind: "put", cellId: old.id, path: [name] as const, old: of, now: is }];
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
  return differing.map((key) => ({ kind: "put", cellId, path: ["metadata", key] as const, old: old[key], now: now[key] }));
}

// --- writing it ----------------------------------------------------------------------------------------------------------

function write(notebook: Notebook, life: Life, deed: Deed): Undone {
  const key = authorKeyOf(undoOf(deed));
  const kept = new Set<string>();
  const cells = new Set<string>();
  const chunks: Uint8Array[] = [];
  const works = new Map<string, PastWork>();
  const make = (upon: Heads, inverses: readonly Inverse[]): void => {
    const work = works.get(upon.join()) ?? new PastWork(notebook.replica.coreAt(upon));
    works.set(upon.join(), work);
    for (const inverse of inverses) apply(work, inverse);
    const written = work.commit();
    if (written === null) return;
    const first = life.nextOp(upon);
    const draft = Replica.changeAs(written, `${key}${"0".repeat(key.length)}`, upon, first);
    const made = draft && Replica.changeAs(written, `${key}${draft.hash.slice(0, key.length)}`, upon, first);
    if (made !== null) chunks.push(made.chunk);
    for (const { cellId } of inverses) if (cellId !== null) cells.add(cellId);
  };
  const deletions = new Map<string, Inverse>();
  try {
    for (const { upon, inverse } of life.piecesOf(deed)) {
      const whyNot = standing(inverse, notebook);
      if (whyNot === "kept" && inverse.cellId !== null) kept.add(inverse.cellId);
      if (whyNot !== null) continue;
      if (inverse.kind === "delete") deletions.set(inverse.cellId, inverse);
      else make(upon, [inverse]);
    }
    if (deletions.size > 0) make(deed.heads, [...deletions.keys()].sort().map((cellId) => deletions.get(cellId) as Inverse));
  } finally {
    for (const work of works.values()) work.free();
  }
  if (chunks.length > 0) {
    life.madeHere.add(key);
    notebook.replica.apply(chunks, notebook);
  }
  const last = chunks.at(-1);
  return { cells: [...cells], kept: [...kept], change: last === undefined ? null : Replica.hashOf(last) };
}

/** Why this need not or may not be done in the notebook as it is; null if it is to be done. */
function standing(inverse: Inverse, notebook: Notebook): "kept" | "done" | null {
  const { cellId } = inverse;
  if (inverse.kind === "create") return notebook.has(inverse.cellId) ? "done" : null;
  if (cellId !== null && !notebook.has(cellId)) return "done";
  if (inverse.kind === "delete") return same(notebook.record(inverse.cellId), inverse.now) ? null : "kept";
  if (inverse.kind === "put") return same(valueOf(inverse.cellId, inverse.path, notebook), inverse.now) ? null : "kept";
  return null;
}

function valueOf(cellId: string | null, [name, key = ""]: readonly string[], notebook: Notebook): unknown {
  if (cellId === null) return notebook.ownMetadata()[key];
  if (name === "metadata") return notebook.metadata(cellId)[key];
  const record = notebook.record(cellId);
  return name === "cell_type" ? record?.type : name === "position" ? record?.position : record?.attachments;
}

function apply(work: PastWork, inverse: Inverse): void {
  if (inverse.kind === "create") return create(work, inverse.record);
  if (inverse.kind === "delete") return work.delete(work.object(["cells"]) as string, inverse.cellId);
  const cell = inverse.cellId === null ? "_root" : (work.object(["cells", inverse.cellId]) as string);
  if (inverse.kind === "rewrite") {
    const text = work.object(sourceOf(inverse.cellId)) as string;
    for (const { index, remove, insert } of inverse.splices) work.splice(text, index, remove, insert);
    return;
  }
  const [name, key] = inverse.path;
  const [holder, its] = key === undefined ? [cell, name] : [work.child(cell, name), key];
  if (inverse.old === undefined) work.delete(holder, its);
  else work.put(holder, its, inverse.old);
}

/** A cell, written in the order in which Python writes it. */
function create(work: PastWork, { id, type, position, source, metadata, attachments }: CellRecord): void {
  const cell = work.make(work.object(["cells"]) as string, id, "map");
  const text = work.make(cell, "source", "text");
  work.splice(text, 0, 0, source);
  const values = { id, cell_type: type, position, metadata, ...(attachments === undefined ? {} : { attachments }) };
  for (const [key, value] of Object.entries(values)) work.put(cell, key, value);
}
