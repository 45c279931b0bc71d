// One document of this tab and the hub's copy of it: what to send, when, and what is on the hub's disk. Pure.
//
// The twin of clients/peer/doc_sync.py. Local edits are sent at the next `pump`; what only acknowledges waits ACK_DELAY,
// so that many edits share one answer. A new connection is a new conversation.

import { type Heads, readSyncMessage, type Replica, type Sync } from "./replica.ts";

const ACK_DELAY = 0.25; // seconds

export class DocSync {
  readonly replica: Replica<any>;
  readonly mayWrite: () => boolean;
  /** What the hub says is on its disk. */
  hubHeads: Heads | null = null;
  /** On this connection, this tab has had everything the hub has. */
  joined = false;
  #sync: Sync | null = null;
  #owesAt: number | null = null;
  #pumped: Heads;
  #hasNews = false;
  #unsaved: Set<string>;

  constructor(replica: Replica<any>, mayWrite: () => boolean, unsaved: Iterable<string> = []) {
    this.replica = replica;
    this.mayWrite = mayWrite;
    this.#pumped = replica.heads();
    this.#unsaved = new Set(unsaved);
  }

  connected(): void {
    this.#sync = this.replica.startSync();
    this.joined = false;
    this.#owesAt = 0;
  }

  disconnected(): void {
    this.#sync = null;
    this.#owesAt = null;
    this.joined = false;
  }

  receive(payloads: readonly Uint8Array[], now: number): void {
    if (this.#sync === null || payloads.length === 0) return;
    this.#noticeLocalChanges();
    let needsSomething = false;
    for (const payload of payloads) {
      const message = readSyncMessage(payload);
      this.replica.receive(this.#sync, payload);
      this.hubHeads = message.heads;
      needsSomething = message.needsSomething; // the last one counts: what the hub needed before, it has had since
    }
    this.#pumped = this.replica.heads();
    this.#forgetSaved();
    const complete = this.replica.contains(this.hubHeads ?? []) && !this.replica.isEmpty && !needsSomething;
    this.joined ||= complete;
    const due = this.joined && complete ? now + ACK_DELAY : now;
    this.#owesAt = this.#owesAt === null ? due : Math.min(this.#owesAt, due);
  }

  /** The message to send now, if there is one. What is returned must be sent. */
  pump(now: number): Uint8Array | null {
    this.#noticeLocalChanges();
    const answerIsDue = this.#owesAt !== null && this.#owesAt <= now;
    const hasNews = this.#hasNews && this.mayWrite();
    if (this.#sync === null || !(hasNews || answerIsDue)) return null;
    this.#hasNews = false;
    this.#owesAt = null;
    return this.replica.generate(this.#sync);
  }

  /** When `pump` should be called again without anything else happening. */
  get due(): number | null {
    return this.#owesAt;
  }

  /** How many changes of this tab the hub has not acknowledged. */
  get unsaved(): number {
    this.#noticeLocalChanges();
    return this.#unsaved.size;
  }

  #noticeLocalChanges(): void {
    const heads = this.replica.heads();
    if (heads.join() === this.#pumped.join()) return;
    for (const hash of this.replica.hashesSince(this.#pumped)) this.#unsaved.add(hash);
    this.#pumped = heads;
    this.#hasNews = true;
  }

  #forgetSaved(): void {
    if (this.#unsaved.size === 0 || this.hubHeads === null) return;
    const missing = new Set(this.replica.hashesSince(this.hubHeads));
    this.#unsaved = this.#unsaved.intersection(missing);
  }
}
