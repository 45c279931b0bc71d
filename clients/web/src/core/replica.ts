// One tab's copy of one Automerge document: the only module that knows the `@automerge/automerge` package.
//
// A Replica owns the document. It tells its listener what changed, as patches, whoever changed it. It starts empty,
// without even a seed: nothing is written before the hub has sent the document, so no root is ever created twice.
// Text is indexed in UTF-16 code units here and in code points in Python; the operations are the same.

import * as Automerge from "@automerge/automerge/slim";

export type Heads = readonly string[]; // change hashes in hexadecimal, sorted
export type Key = string | number;
export type Patch = Automerge.Patch;
/** The core's document itself. */
export type Core = ReturnType<typeof Automerge.getBackend>;
/** What makes one text of another: from `index` on, `remove` code units go and these come. In order, each index as the ones
 *  before left the text. */
export interface TextPatch {
  readonly index: number;
  readonly remove: number;
  readonly insert: string;
}
/** A change without what it wrote. */
export interface ChangeMeta {
  readonly hash: string;
  readonly actor: string;
  readonly seq: number;
  readonly startOp: number;
  readonly maxOp: number;
  readonly deps: readonly string[];
}
export type Origin = object | "remote"; // who made a change: a token of this tab's own, or somebody else

const CHUNK_TYPE = 8; // the byte after magic and checksum, in Automerge's binary format
const DOCUMENT = 0;
const REMEMBERED = 1000; // hashes of changes that are here

export { isWasmInitialized } from "@automerge/automerge/slim";

/** Start the core; once, before anything else here. */
export function initialize(wasm: Uint8Array | WebAssembly.Module): Promise<void> {
  return Automerge.initializeWasm(wasm as Uint8Array); // its loader takes a compiled module, too
}

/** A string that is a scalar in the document: everything but a cell's source. */
export const scalar = (text: string): unknown => new Automerge.ImmutableString(text.toWellFormed());

/** JSON as the document holds it. */
export function scalars(value: unknown): unknown {
  if (typeof value === "string") return scalar(value);
  if (Array.isArray(value)) return value.map(scalars);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, scalars(item)]));
  }
  return value;
}

/** What the document holds, as JSON. */
export function plain(value: unknown): unknown {
  if (Array.isArray(value)) return [...value].map(plain); // first: a list inside a change claims to be a string, too
  if (value instanceof Automerge.ImmutableString || Automerge.isImmutableString(value)) return String(value);
  if (value !== null && typeof value === "object" && !(value instanceof Uint8Array) && !(value instanceof Date)) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  }
  return value;
}

/** The kind and the id of the object at a path as it was; null if there was none. */
function objectAt(core: Core, path: readonly Key[], heads: Heads): readonly [string, string] | null {
  let found: readonly [string, string] = ["map", "_root"];
  for (const key of path) {
    const next = found[0] === "map" ? core.getWithType(found[1], key, [...heads]) : null;
    if (next === null || next === undefined || typeof next[1] !== "string") return null;
    found = next as readonly [string, string];
  }
  return found;
}

export class Replica<T extends object> {
  /** Called after each change with what it did. */
  onPatches: (patches: Patch[], origin: Origin) => void = () => {};
  #doc: Automerge.Doc<T>;
  #draft: T | null = null; // inside a change
  #heads: Heads | null = null; // as long as nothing is taken in; several ask for them after each key
  readonly #here = new Set<string>(); // some of the changes that it holds, the latest asked for last

  private constructor(doc: Automerge.Doc<T>) {
    this.#doc = doc;
  }

  /** `actor`, in hexadecimal, is whom its changes are by; a random one if there is none. */
  static empty<T extends object>(actor?: string): Replica<T> {
    return new Replica(Automerge.init<T>(actor === undefined ? {} : { actor }));
  }

  /** A replica of saved bytes: snapshots and changes, one after the other, in any order, known ones ignored. */
  static load<T extends object>(pieces: readonly Uint8Array[], actor?: string): Replica<T> {
    const options = actor === undefined ? {} : { actor };
    const [first, ...rest] = pieces;
    const isWhole = first !== undefined && first[CHUNK_TYPE] === DOCUMENT; // it was checked when it came
    let doc = isWhole ? Automerge.load<T>(first, { ...options, unchecked: true }) : Automerge.init<T>(options);
    for (const piece of isWhole ? rest : pieces) doc = Automerge.loadIncremental(doc, piece);
    return new Replica(doc);
  }

  /** What it says; inside a change, what that has written so far. */
  get value(): Readonly<Automerge.Doc<T>> {
    return (this.#draft as Automerge.Doc<T> | null) ?? this.#doc;
  }

  get isChanging(): boolean {
    return this.#draft !== null;
  }

  get isEmpty(): boolean {
    return this.heads().length === 0;
  }

  heads(): Heads {
    if (this.#heads !== null) return this.#heads;
    this.#heads = [...Automerge.getHeads(this.#doc)].sort();
    for (const head of this.#heads) this.#remember(head);
    return this.#heads;
  }

  contains(heads: Heads): boolean {
    return heads.every((head) => this.#has(head));
  }

  /** The core finds a change by making it again from the whole document, so what was a head or was asked for before is
   *  remembered: a change never leaves a replica. */
  #has(hash: string): boolean {
    if (this.#here.has(hash) || this.heads().includes(hash)) return true;
    if (!Automerge.hasHeads(this.#doc, [hash])) return false;
    this.#remember(hash);
    return true;
  }

  #remember(hash: string): void {
    this.#here.add(hash);
    const [oldest] = this.#here;
    if (this.#here.size > REMEMBERED && oldest !== undefined) this.#here.delete(oldest);
  }

  /** The hashes of all changes that `heads` do not contain; heads not known here count as nothing. */
  hashesSince(heads: Heads): string[] {
    const known = heads.filter((head) => this.#has(head));
    return Automerge.getChangesMetaSince(this.#doc, known).map(({ hash }) => hash);
  }

  /** The changes that `heads` do not contain, each after those it builds on. */
  changesSince(heads: Heads): ChangeMeta[] {
    return Automerge.getChangesMetaSince(this.#doc, [...heads]) as ChangeMeta[];
  }

  /** The changes that `heads` do not contain, as uncompressed bytes, each after those it builds on. */
  chunksSince(heads: Heads): Uint8Array[] {
    return Automerge.getBackend(this.#doc).getChanges([...heads]);
  }

  /** One change as uncompressed bytes; null if it is not here. */
  chunkOf(hash: string): Uint8Array | null {
    return Automerge.getBackend(this.#doc).getChangeByHash(hash);
  }

  /** Where an object stood at these heads; null if nowhere. */
  pathOf(object: string, heads: Heads): readonly Key[] | null {
    try {
      return Automerge.getBackend(this.#doc).objInfo(object, [...heads]).path ?? null;
    } catch {
      return null; // it was not made yet
    }
  }

  /** The document as it was at these heads, to be read. Costs the document. */
  at(heads: Heads): Readonly<T> {
    return Automerge.view(this.#doc, [...heads]);
  }

  /** The map that stood at a path at these heads; undefined if none did. Costs no more than what is in it. */
  mapAt(heads: Heads, path: readonly Key[]): unknown {
    const core = Automerge.getBackend(this.#doc);
    const found = objectAt(core, path, heads);
    return found?.[0] === "map" ? core.materialize(found[1], [...heads], {}) : undefined;
  }

  /** The operation that made the object at a path, as `counter@actor`. */
  madeBy(path: readonly Key[]): string | null {
    return this.#objectAt(path);
  }

  /** For each code unit of a text, the operation that put it there, as `counter@actor`. */
  elements(path: readonly Key[], length: number): string[] {
    return Array.from({ length }, (_, index) => Automerge.getCursor(this.#doc, [...path], index));
  }

  save(): Uint8Array {
    return Automerge.save(this.#doc);
  }

  /** The changes that `heads` do not contain, as bytes that `load` takes. */
  saveSince(heads: Heads): Uint8Array {
    return Automerge.saveSince(this.#doc, [...heads]);
  }

  /** One change, or none if `edit` writes nothing; inside another, a part of that. An exception inside leaves no trace and
   *  passes on. */
  change(edit: (draft: T) => void, origin: Origin): void {
    if (this.#draft !== null) return edit(this.#draft);
    this.#telling(origin, (patchCallback) => {
      this.#doc = Automerge.change(this.#doc, { patchCallback, time: 0 }, (draft) => {
        this.#draft = draft as T;
        try {
          edit(this.#draft);
        } finally {
          this.#draft = null;
        }
      });
    });
  }

  /** Inside `change`: replace `remove` code units at `index` of a text. */
  static splice(draft: object, path: Key[], index: number, remove: number, insert: string): void {
    Automerge.splice(draft as Automerge.Doc<unknown>, path, index, remove, insert.toWellFormed());
  }

  /** A name for what stands at `index` of a text, that others' edits do not shift. */
  cursor(path: readonly Key[], index: number): TextCursor {
    return { path, text: this.#objectAt(path), at: Automerge.getCursor(this.value, [...path], index) };
  }

  /** Where in its text that stands now, or stood if it is gone; null if the text is gone. */
  indexOf({ path, text, at }: TextCursor): number | null {
    if (text === null || this.#objectAt(path) !== text) return null; // the core panics on a cursor of another text
    return Automerge.getCursorPosition(this.value, [...path], at);
  }

  #objectAt(path: readonly Key[]): string | null {
    const holder = path.slice(0, -1).reduce<any>((value, key) => value?.[key], this.value);
    return holder === undefined ? null : Automerge.getObjectId(holder, path.at(-1) as Key);
  }

  /** An independent copy, of the same author's if no actor is named, to see what an edit would do; `merge` takes it in. */
  fork(actor = this.#sibling()): Replica<T> {
    return new Replica(Automerge.clone(this.#doc, { actor }));
  }

  /** A copy that reads and writes as if these heads, all of which are here, were all there is; whoever asked frees it. What
   *  is written is not here. Costs the document. */
  coreAt(heads: Heads): Core {
    const core = Automerge.getBackend(this.#doc).fork(this.#sibling());
    core.isolate([...heads]); // the core's own fork of a past fails on concurrent changes
    return core;
  }

  /** The text at a path as it was; empty if there was none. */
  textAt(heads: Heads, path: readonly Key[]): string {
    const core = Automerge.getBackend(this.#doc);
    const found = objectAt(core, path, heads);
    return found?.[0] === "text" ? core.text(found[1], [...heads]) : "";
  }

  /** For code units of a text as it was, the operations that put them there, as `counter@actor`. */
  elementsAt(heads: Heads, path: readonly Key[], places: readonly number[]): string[] {
    const core = Automerge.getBackend(this.#doc);
    const found = objectAt(core, path, heads);
    return found?.[0] === "text" ? places.map((place) => core.getCursor(found[1], place, [...heads])) : [];
  }

  /** What makes the text at a path as it was once of what it was at another time; null if those are not one text. Told by
   *  whose characters they are: a letter that was deleted and written again is another one. */
  textPatches(path: readonly Key[], from: Heads, to: Heads): TextPatch[] | null {
    const core = Automerge.getBackend(this.#doc);
    const [text, other] = [from, to].map((heads) => objectAt(core, path, heads));
    if (text === undefined || text?.[0] !== "text" || text[1] !== other?.[1]) return null;
    return core.diffPath(text[1], [...from], [...to]).flatMap((patch): TextPatch[] => {
      const index = patch.path.at(-1) as number;
      if (patch.action === "splice") return [{ index, remove: 0, insert: patch.value }];
      return patch.action === "del" ? [{ index, remove: patch.length ?? 1, insert: "" }] : [];
    });
  }

  #sibling(): string {
    const own = crypto.getRandomValues(new Uint8Array(8));
    return Automerge.getActorId(this.#doc).slice(0, 16) + Array.from(own, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  /** A change as another actor would have made it upon `heads`, where the counters of operations begin with `startOp`; null
   *  if it builds on anything that its own actor wrote before it. */
  static changeAs(chunk: Uint8Array, actor: string, heads: Heads, startOp: number): { hash: string; chunk: Uint8Array } | null {
    const change = Automerge.decodeChange(chunk);
    let isAlone = true;
    const renamed = (name: unknown) => {
      const [counter, by] = typeof name === "string" ? name.split("@") : [];
      if (by === change.actor && Number(counter) < change.startOp) isAlone = false;
      return by === change.actor ? `${Number(counter) - change.startOp + startOp}@${actor}` : name;
    };
    const ops = change.ops.map((op) => {
      const { obj, elemId, pred, ...rest } = op as unknown as Record<string, unknown>;
      return { ...rest, obj: renamed(obj), ...(elemId === undefined ? {} : { elemId: renamed(elemId) }), pred: (pred as string[]).map(renamed) };
    });
    if (!isAlone) return null;
    const renamedChunk = Automerge.encodeChange({ ...change, actor, seq: 1, startOp, deps: [...heads], ops } as unknown as Parameters<typeof Automerge.encodeChange>[0]);
    return { hash: Automerge.decodeChange(renamedChunk).hash, chunk: renamedChunk };
  }

  /** What this replica's own actor changed last. */
  lastChange(): { hash: string; chunk: Uint8Array } | null {
    const chunk = Automerge.getLastLocalChange(this.#doc);
    return chunk === undefined ? null : { hash: Automerge.decodeChange(chunk).hash, chunk };
  }

  /** Take in what was written on a fork. */
  merge(fork: Replica<T>, origin: Origin): void {
    this.apply(Automerge.getChanges(this.#doc, fork.#doc), origin);
  }

  /** Take in changes as bytes; known ones are ignored. Throws if one is damaged. */
  apply(changes: readonly Uint8Array[], origin: Origin): void {
    this.#telling(origin, (patchCallback) => {
      [this.#doc] = Automerge.applyChanges(this.#doc, [...changes], { patchCallback });
    });
  }

  /** The hash of a change, as bytes; null for bytes that are none. */
  static hashOf(change: Uint8Array): string | null {
    try {
      return Automerge.decodeChange(change).hash;
    } catch {
      return null;
    }
  }

  /** A new conversation with the hub about this document. */
  startSync(): Sync {
    return { state: Automerge.initSyncState() };
  }

  /** Take in a message. The first, if it brings the whole document, is told as one patch of each root key. */
  receive(sync: Sync, payload: Uint8Array): void {
    if (this.isEmpty && this.#takeWhole(sync, payload)) return;
    this.#telling("remote", (patchCallback) => {
      [this.#doc, sync.state] = Automerge.receiveSyncMessage(this.#doc, sync.state, payload, { patchCallback });
    });
  }

  /** A whole document is loaded as it is: checking the hash of each change again, as for one from anywhere, and telling
   * what differs from nothing take three times as long. It comes from the hub, which has checked it, over TCP. */
  #takeWhole(sync: Sync, payload: Uint8Array): boolean {
    const message = Automerge.decodeSyncMessage(payload);
    const [whole] = message.changes;
    if (whole === undefined || message.changes.length > 1 || whole[CHUNK_TYPE] !== DOCUMENT) return false;
    const doc = Automerge.load<T>(whole, { actor: Automerge.getActorId(this.#doc), unchecked: true });
    const rest = Automerge.encodeSyncMessage({ ...message, changes: [] });
    [this.#doc, sync.state] = Automerge.receiveSyncMessage(doc, sync.state, rest);
    this.#heads = null;
    const patches = Object.entries(this.#doc).map(([key, value]) => ({ action: "put", path: [key], value }) as unknown as Patch);
    if (patches.length > 0) this.onPatches(patches, "remote");
    return true;
  }

  /** The listener hears of the patches once the document is the new one: the core calls back before that. */
  #telling(origin: Origin, act: (patchCallback: (patches: Patch[]) => void) => void): void {
    let patches: Patch[] = [];
    try {
      act((found) => (patches = found));
    } finally {
      this.#heads = null;
    }
    if (patches.length > 0) this.onPatches(patches, origin);
  }

  generate(sync: Sync): Uint8Array | null {
    const [state, message] = Automerge.generateSyncMessage(this.#doc, sync.state);
    sync.state = state;
    return message;
  }
}

export interface TextCursor {
  readonly path: readonly Key[];
  readonly text: string | null;
  readonly at: string;
}

export interface Sync {
  state: Automerge.SyncState;
}

/** What a sync message says besides its changes. */
export function readSyncMessage(payload: Uint8Array): { heads: Heads; needsSomething: boolean } {
  const { heads, need } = Automerge.decodeSyncMessage(payload);
  return { heads, needsSomething: need.length > 0 };
}
