// Which objects a change touched, read from the change's own columns. Pure.
//
// The twin of notebook_doc/touched.py: it decodes the object, key and action columns of one change, a run at a time, and
// nothing else of it, so a long text costs no more than a letter. Format: https://automerge.org/automerge-binary-format-spec/.

/** Operations of one kind on one object: `key` was written in `target` (null in a list or text); `made` is the object that
 *  this made, if any. Objects are named by the operation that made them, as `counter@actor`, the root as `_root`. */
export interface Touch {
  readonly target: string;
  readonly key: string | null;
  readonly made: string | null;
}

const HEADER = 8; // magic and checksum, before the kind
const CHANGE = 1;
// Column specifications: id << 4 | type.
const OBJECT_ACTOR = 0x01;
const OBJECT_COUNTER = 0x02;
const KEY_STRING = 0x15;
const ACTION = 0x42;
const MAKES = new Set([0, 2, 4, 6]); // map, list, text, table

/** Which change it is, and what it wrote, in order. */
export interface ReadChange {
  readonly actor: string;
  readonly seq: number;
  readonly touches: readonly Touch[];
}

/** Of a change that has been applied, as the core hands it out; null for bytes that are none, or are compressed. */
export function readTouches(chunk: Uint8Array): ReadChange | null {
  const reader = new Reader(chunk, HEADER);
  if (reader.byte() !== CHANGE) return null;
  reader.uleb(); // length
  for (let deps = reader.uleb(); deps > 0; deps--) reader.take(32);
  const actor = hex(reader.take(reader.uleb()));
  const actors = [actor];
  const seq = reader.uleb();
  let operation = reader.uleb();
  reader.sleb(); // time
  reader.take(reader.uleb()); // message
  for (let others = reader.uleb(); others > 0; others--) actors.push(hex(reader.take(reader.uleb())));
  const layout = Array.from({ length: reader.uleb() }, () => [reader.uleb(), reader.uleb()] as const);
  const columns = new Map(layout.map(([specification, size]) => [specification, reader.take(size)]));
  const owners = new Runs(columns.get(OBJECT_ACTOR), (of) => of.uleb());
  const counters = new Runs(columns.get(OBJECT_COUNTER), (of) => of.uleb());
  const keys = new Runs(columns.get(KEY_STRING), (of) => words.decode(of.take(of.uleb())));
  const actions = new Runs(columns.get(ACTION), (of) => of.uleb(), 0);
  const found: Touch[] = [];
  while (actions.left > 0) {
    const count = Math.min(owners.left, counters.left, keys.left, actions.left);
    const isRoot = owners.value === null || counters.value === null;
    const target = isRoot ? "_root" : `${counters.value}@${actors[owners.value as number]}`;
    const key = keys.value;
    if (MAKES.has(actions.value as number)) {
      for (let made = operation; made < operation + count; made++) found.push({ target, key, made: `${made}@${actor}` });
    } else found.push({ target, key, made: null });
    operation += count;
    for (const column of [owners, counters, keys, actions]) column.skip(count);
  }
  return { actor, seq, touches: found };
}

const words = new TextDecoder();
const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

class Reader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    return this.#bytes[this.#at++] ?? 0;
  }

  take(count: number): Uint8Array {
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  uleb(): number {
    let [value, scale] = [0, 1];
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
  }

  sleb(): number {
    let [value, scale] = [0, 1];
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) return byte & 0x40 ? value - scale : value;
    }
  }
}

/** A run-length encoded column: `value` stands for the next `left` operations. A number n > 0 repeats a value, n < 0
 *  announces -n literal ones, 0 a counted run of nulls. After its end stand `rest` operations with null. */
class Runs<T> {
  readonly #reader: Reader;
  readonly #read: (reader: Reader) => T;
  readonly #rest: number;
  #literals = 0;
  value: T | null = null;
  left = 0;

  constructor(column: Uint8Array | undefined, read: (reader: Reader) => T, rest = Infinity) {
    this.#reader = new Reader(column ?? new Uint8Array());
    this.#read = read;
    this.#rest = rest;
    this.skip(0);
  }

  skip(count: number): void {
    this.left -= count;
    while (!(this.left > 0)) {
      if (this.#literals > 0) {
        this.#literals -= 1;
        [this.value, this.left] = [this.#read(this.#reader), 1];
      } else if (!this.#reader.isAtEnd) this.#begin(this.#reader.sleb());
      else {
        [this.value, this.left] = [null, this.#rest];
        return;
      }
    }
  }

  #begin(length: number): void {
    if (length > 0) [this.value, this.left] = [this.#read(this.#reader), length];
    else if (length < 0) this.#literals = -length;
    else [this.value, this.left] = [null, this.#reader.uleb()];
  }
}
