// A copy of a document to write on as it was at some heads: each commit is the change that would have been made upon them.
//
// It works on the core's document itself, without the objects that a page reads: making those costs what the document
// holds. Objects are named by their ids. JSON is written as notebook_doc/replica/transaction.py writes it, operation by
// operation, so that both make the same bytes.

import { type Core, type Key, plain } from "./replica.ts";

type Kind = "map" | "text";
type Scalar = string | number | bigint | boolean | null | Uint8Array | Date;
const same = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);
const isScalar = (value: unknown): value is Scalar => value === null || typeof value !== "object" || value instanceof Uint8Array || value instanceof Date;
const isMap = (value: unknown): value is Record<string, unknown> => !isScalar(value) && !Array.isArray(value);

/** A scalar and its type, as the core takes them. */
function typed(value: Scalar): [never, "str" | "int" | "f64" | "boolean" | "null" | "bytes" | "timestamp"] {
  const core = (of: unknown) => of as never; // whose declarations leave big integers out
  if (typeof value === "string") return [core(value.toWellFormed()), "str"];
  if (typeof value === "number") return [core(value), Number.isInteger(value) ? "int" : "f64"];
  if (typeof value === "bigint") return [core(value), "int"];
  if (typeof value === "boolean") return [core(value), "boolean"];
  if (value instanceof Date) return [core(value.getTime()), "timestamp"];
  return [core(value), value === null ? "null" : "bytes"];
}

export class PastWork {
  readonly #core: Core;

  /** `core` is this one's own, and reads and writes at the heads already. */
  constructor(core: Core) {
    this.#core = core;
  }

  /** The object at a path; null if there is none. */
  object(path: readonly Key[]): string | null {
    let object = "_root";
    for (const key of path) {
      const found = this.#core.getWithType(object, key);
      if (found === null || found === undefined || !["map", "list", "text"].includes(found[0])) return null;
      object = found[1] as string;
    }
    return object;
  }

  make(object: string, key: string, kind: Kind): string {
    return this.#core.putObject(object, key, kind === "map" ? {} : "");
  }

  /** The map at `key`, which is made if there is none. */
  child(object: string, key: string): string {
    const [kind, there] = this.#core.getWithType(object, key) ?? [null, ""];
    return kind === "map" ? there : this.make(object, key, "map");
  }

  splice(text: string, index: number, remove: number, insert: string): void {
    this.#core.splice(text, index, remove, insert.toWellFormed());
  }

  delete(object: string, key: Key): void {
    this.#core.delete(object, key);
  }

  /** Make the value at `key` equal to this one, changing only what differs in the objects that are there. */
  put(object: string, key: Key, value: unknown): void {
    const [kind, there] = this.#core.getWithType(object, key) ?? [null, null];
    if (isMap(value)) {
      if (kind === "map") this.#mergeMap(there, value);
      else this.#fillMap(this.#core.putObject(object, key, {}), value);
    } else if (Array.isArray(value)) {
      if (kind === "list") this.#mergeList(there, value);
      else this.#fillList(this.#core.putObject(object, key, []), value);
    } else if (kind === "map" || kind === "list" || kind === "text" || kind === null || !same(there, value)) {
      this.#core.put(object, key, ...typed(value as Scalar));
    }
  }

  /** What was written since the last time as one change of the copy's own actor; null if nothing was. */
  commit(): Uint8Array | null {
    return this.#core.commit(null, 0) === null ? null : this.#core.getLastLocalChange();
  }

  /** Give the copy back. */
  free(): void {
    this.#core.free();
  }

  #mergeMap(map: string, value: Record<string, unknown>): void {
    for (const key of this.#core.keys(map)) if (!(key in value)) this.#core.delete(map, key);
    for (const [key, item] of Object.entries(value)) this.put(map, key, item);
  }

  #mergeList(list: string, value: readonly unknown[]): void {
    const now = plain(this.#core.materialize(list)) as unknown[];
    const shorter = Math.min(now.length, value.length);
    let start = 0;
    while (start < shorter && same(now[start], value[start])) start++;
    let tail = 0;
    while (tail < shorter - start && same(now.at(-1 - tail), value.at(-1 - tail))) tail++;
    const common = shorter - start - tail;
    for (let index = start; index < start + common; index++) this.put(list, index, value[index]);
    for (let left = now.length - start - tail - common; left > 0; left--) this.#core.delete(list, start + common);
    for (let index = start + common; index < value.length - tail; index++) this.#insert(list, index, value[index]);
  }

  #fillMap(map: string, value: Record<string, unknown>): void {
    for (const [key, item] of Object.entries(value)) {
      if (isMap(item)) this.#fillMap(this.#core.putObject(map, key, {}), item);
      else if (Array.isArray(item)) this.#fillList(this.#core.putObject(map, key, []), item);
      else this.#core.put(map, key, ...typed(item as Scalar));
    }
  }

  #fillList(list: string, value: readonly unknown[]): void {
    for (const [index, item] of value.entries()) this.#insert(list, index, item);
  }

  #insert(list: string, index: number, item: unknown): void {
    if (isMap(item)) this.#fillMap(this.#core.insertObject(list, index, {}), item);
    else if (Array.isArray(item)) this.#fillList(this.#core.insertObject(list, index, []), item);
    else this.#core.insert(list, index, ...typed(item as Scalar));
  }
}
