// Keeps the store in step with the replica: what changed is written in batches, one after the other.
//
// Owns nothing but the heads up to which the store has the document. A batch is written half a second after the first
// change in it, at once when the page is hidden.

import type { DocSync } from "./core/doc_sync.ts";
import type { Heads } from "./core/replica.ts";
import type { Header, Store } from "./store.ts";

const BATCH = 500; // milliseconds

export class Keeper {
  /** Called when the browser cannot keep the notebook (its disk is full, or it keeps nothing for this page). */
  onFailure: (reason: string) => void = () => {};
  readonly #store: Store;
  readonly #sync: DocSync;
  readonly #genesis: () => string | null;
  #kept: Heads;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #writing = false;

  constructor(store: Store, sync: DocSync, genesis: () => string | null) {
    this.#store = store;
    this.#sync = sync;
    this.#genesis = genesis;
    this.#kept = sync.replica.heads();
  }

  /** The document may have changed. */
  changed(): void {
    this.#timer ??= setTimeout(() => void this.flush(), BATCH);
  }

  async flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const genesis = this.#genesis();
    const heads = this.#sync.replica.heads();
    if (this.#writing || genesis === null || !this.#sync.replica.contains(heads) || heads.join() === this.#kept.join()) return;
    this.#writing = true;
    const header: Header = { genesis, acknowledged: [...(this.#sync.hubHeads ?? [])] };
    try {
      const { replica } = this.#sync;
      if (this.#store.wantsCompaction) await this.#store.compact(header, replica.save());
      else await this.#store.append(header, this.#kept.length === 0 ? replica.save() : replica.saveSince(this.#kept));
      this.#kept = heads;
    } catch (error) {
      this.onFailure(`This browser could not keep a copy: ${error instanceof Error ? error.message : error}`);
    } finally {
      this.#writing = false;
    }
    if (this.#sync.replica.heads().join() !== heads.join()) this.changed();
  }
}
