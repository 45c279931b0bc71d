// What the kernel said on comms that no frame shows yet. In Jupyter a widget hears from the moment it is made; here it is
// made when it is shown. So what was said meanwhile is kept for the first that shows it, the latest of it. Pure.

const MESSAGES = 256; // of one comm
const BYTES = 1024 * 1024; // of one comm's buffers
const COMMS = 64;

export interface Said {
  readonly content: unknown;
  readonly buffers: readonly Uint8Array[];
}

export class EarlyMessages {
  readonly #kept = new Map<string, Said[]>(); // the comm that spoke last is last

  keep(commId: string, said: Said): void {
    const all = [...(this.#kept.get(commId) ?? []), said].slice(-MESSAGES);
    while (bytes(all) > BYTES) all.shift();
    this.#kept.delete(commId);
    this.#kept.set(commId, all);
    for (const first of this.#kept.keys()) {
      if (this.#kept.size <= COMMS) break;
      this.#kept.delete(first);
    }
  }

  /** All that is kept of a comm, in order; it is not kept any longer. */
  take(commId: string): readonly Said[] {
    const all = this.#kept.get(commId) ?? [];
    this.#kept.delete(commId);
    return all;
  }
}

const bytes = (all: readonly Said[]) => all.reduce((sum, { buffers }) => sum + buffers.reduce((some, { length }) => some + length, 0), 0);
