// What this tab's widgets have to say to the kernel, and what they set that is not in the document yet. Pure.
//
// One message of each comm is on its way at a time; updates that wait are merged, and nothing overtakes them, so a slider
// that is dragged over a slow link sends where it is, not where it was. What was set here lies over the document until the
// daemon, which is the order for everybody, has written it. (The twin of clients/peer/widget.py.)

export type Path = readonly (string | number)[];

/** What a trait is set to: JSON, and the bytes that belong into it. */
export interface Setting {
  readonly value: unknown;
  readonly buffers: readonly (readonly [Path, Uint8Array])[];
}

/** A message of a comm in the form of the widget protocol. */
export interface CommData {
  readonly data: Record<string, unknown>;
  readonly buffers: readonly Uint8Array[];
}

type Waiting = { update: Map<string, Setting> } | CommData;

/** A message to send; `traits` is what it sets. */
export interface Sending extends CommData {
  readonly traits: readonly string[];
  readonly token: object;
}

const MOST_WAITING = 1000; // messages of one comm; a widget that says more while none is answered is out of order

export class CommOutbox {
  readonly #waiting = new Map<string, Waiting[]>();
  readonly #onItsWay = new Map<string, Sending>();
  readonly #unconfirmed = new Map<string, Map<string, { token: object | null }>>();

  /** Traits are set, for everybody. */
  update(commId: string, traits: ReadonlyMap<string, Setting>): void {
    const queue = this.#queue(commId);
    const last = queue.at(-1);
    if (last !== undefined && "update" in last) for (const [trait, setting] of traits) last.update.set(trait, setting);
    else queue.push({ update: new Map(traits) });
    const mine = this.#unconfirmed.get(commId) ?? new Map();
    for (const trait of traits.keys()) mine.set(trait, { token: null });
    this.#unconfirmed.set(commId, mine);
  }

  /** Something is said that is no state. False: too much waits, and it was dropped. */
  say(commId: string, message: CommData): boolean {
    const queue = this.#queue(commId);
    if (queue.length >= MOST_WAITING) return false;
    queue.push(message);
    return true;
  }

  /** The message of this comm to send now; it is on its way until `done`. */
  next(commId: string): Sending | null {
    const message = this.#onItsWay.has(commId) ? undefined : this.#queue(commId).shift();
    if (message === undefined) return null;
    const token = {};
    const sending = "update" in message ? { ...updateOf(message.update), token } : { ...message, traits: [], token };
    const mine = this.#unconfirmed.get(commId);
    for (const trait of sending.traits) mine?.set(trait, { token });
    this.#onItsWay.set(commId, sending);
    return sending;
  }

  /** It was answered, or failed: the next may go. */
  sent(commId: string): void {
    this.#onItsWay.delete(commId);
  }

  /** What it did is in the document here, or will never be; returns the traits that the document speaks for again. */
  confirmed(commId: string, { traits, token }: Sending): string[] {
    const mine = this.#unconfirmed.get(commId);
    const free = traits.filter((trait) => mine?.get(trait)?.token === token);
    for (const trait of free) mine?.delete(trait);
    if (mine?.size === 0) this.#unconfirmed.delete(commId);
    return free;
  }

  isUnconfirmed(commId: string, trait: string): boolean {
    return this.#unconfirmed.get(commId)?.has(trait) === true;
  }

  /** The comm is closed. */
  forget(commId: string): void {
    this.#waiting.delete(commId);
    this.#onItsWay.delete(commId);
    this.#unconfirmed.delete(commId);
  }

  #queue(commId: string): Waiting[] {
    const queue = this.#waiting.get(commId) ?? [];
    this.#waiting.set(commId, queue);
    return queue;
  }
}

/** The traits that an update of the widget protocol sets; null if it is none. */
export function settings({ data, buffers }: CommData): Map<string, Setting> | null {
  const { state, buffer_paths: paths = [] } = data as { state?: unknown; buffer_paths?: unknown };
  if (data["method"] !== "update" || state === null || typeof state !== "object" || !Array.isArray(paths)) return null;
  const found = new Map<string, { value: unknown; buffers: (readonly [Path, Uint8Array])[] }>();
  for (const [trait, value] of Object.entries(state)) found.set(trait, { value, buffers: [] });
  for (const [index, path] of paths.entries()) {
    const buffer = buffers[index];
    if (!Array.isArray(path) || typeof path[0] !== "string" || buffer === undefined) return null;
    const [trait, ...inside] = path as [string, ...(string | number)[]];
    const setting = found.get(trait) ?? { value: null, buffers: [] };
    setting.buffers.push([inside, buffer]);
    found.set(trait, setting);
  }
  return found;
}

function updateOf(update: ReadonlyMap<string, Setting>): CommData & { traits: string[] } {
  const state: Record<string, unknown> = {};
  const paths: Path[] = [];
  const buffers: Uint8Array[] = [];
  for (const [trait, setting] of update) {
    if (!setting.buffers.some(([path]) => path.length === 0)) state[trait] = setting.value;
    for (const [path, buffer] of setting.buffers) {
      paths.push([trait, ...path]);
      buffers.push(buffer);
    }
  }
  return { data: { method: "update", state, buffer_paths: paths }, buffers, traits: [...update.keys()] };
}
