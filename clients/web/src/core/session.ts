// This tab's side of a session, without sockets and clocks: both documents, the handshake, requests. Pure.
//
// The twin of clients/peer/session.py. A Session outlives connections: `pump` says which frames to send, `receive` takes
// in what came. A request without an answer is sent again on the next connection under the same id. RuntimeDoc is
// fetched anew on each connection, and whenever the daemon has started it afresh, beside the one that is shown; it takes
// its place, in one step, when it is complete. So nobody sees an empty document, and what a hub lost in a crash goes.

import { DocSync } from "./doc_sync.ts";
import { Frame, frame, splitFrame } from "./frames.ts";
import {
  decode,
  encodePresence,
  encodeRequest,
  encodeSession,
  fromHex,
  type Incoming,
  type PeerInfo,
  type Request,
  type RequestBody,
  type Role,
  toHex,
} from "./messages.ts";
import { Replica } from "./replica.ts";
import type { NotebookRoot, RuntimeRoot } from "./schema.ts";

export type Phase = "offline" | "greeting" | "open";

const PROTOCOL = 1;
const SCHEMA = 1;

/** The hub refuses the session; connecting again is of no use. */
export class Refused extends Error {
  readonly code: string;
  readonly hint: string;

  constructor(code: string, message: string, hint: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

export interface Kept {
  notebook: Replica<NotebookRoot>;
  /** The document's identity, in hexadecimal. */
  genesis: string;
  /** The changes in it that the hub may not have. */
  unsaved: string[];
}

export class Session {
  readonly notebookId: string;
  readonly notebook: Replica<NotebookRoot>;
  readonly notebookSync: DocSync;
  phase: Phase = "offline";
  role: Role;
  genesis: string | null;
  /** Another RuntimeDoc is shown from now on. */
  onRuntime: (runtime: Replica<RuntimeRoot>) => void = () => {};
  #runtimeSync: DocSync | null = null;
  #notices: Uint8Array<ArrayBuffer>[] = [];
  #outbox: Uint8Array<ArrayBuffer>[] = [];
  #pending = new Map<string, Request>();
  #presence: Record<string, unknown> | null = null;
  #runtimeShown = false;
  #peer: PeerInfo;
  readonly #asks: Role;

  /** `actor` is whom the changes made here are by; see `actorOf`. `asks` is the role that the hub is asked for. */
  constructor(notebookId: string, peer: PeerInfo, kept: Kept | null, actor?: string, asks: Role = "editor") {
    this.notebookId = notebookId;
    this.#peer = peer;
    this.#asks = this.role = asks;
    this.genesis = kept?.genesis ?? null;
    this.notebook = kept?.notebook ?? Replica.empty(actor);
    this.notebookSync = new DocSync(this.notebook, () => this.mayEdit, kept?.unsaved);
  }

  get peer(): PeerInfo {
    return this.#peer;
  }

  /** Be called this; the hub learns it at the next greeting. */
  rename(name: string): void {
    this.#peer = { ...this.#peer, name };
  }

  get mayRun(): boolean {
    return this.mayEdit || this.role === "runner";
  }

  get mayEdit(): boolean {
    return this.role === "editor" || this.role === "owner";
  }

  connected(): void {
    this.phase = "greeting";
    this.#notices = [
      encodeSession({
        type: "hello",
        protocol: PROTOCOL,
        schema: SCHEMA,
        notebook_id: this.notebookId,
        peer: this.peer,
        token: "",
        role: this.#asks,
        genesis: this.genesis === null ? null : fromHex(this.genesis),
      }),
    ];
    this.#outbox = [];
  }

  disconnected(): void {
    this.phase = "offline";
    this.#notices = [];
    this.#outbox = [];
    this.notebookSync.disconnected();
    this.#runtimeSync = null;
  }

  /** Take in frames that arrived together, in order; return the messages among them. Throws Refused. */
  receive(frames: readonly Uint8Array[], now: number): Incoming[] {
    const messages: Incoming[] = [];
    let waiting: { notebook: Uint8Array[]; runtime: Uint8Array[] } = { notebook: [], runtime: [] };
    const apply = () => {
      const arrived = waiting;
      waiting = { notebook: [], runtime: [] };
      this.notebookSync.receive(arrived.notebook, now);
      this.#receiveRuntime(arrived.runtime, now);
    };
    for (const whole of frames) {
      const { type, payload } = splitFrame(whole);
      if (type === Frame.notebookSync) waiting.notebook.push(payload);
      else if (type === Frame.runtimeSync) waiting.runtime.push(payload);
      else {
        apply();
        const message = decode(whole);
        if (message !== null) {
          this.#take(message);
          messages.push(message);
        }
      }
    }
    apply();
    return messages;
  }

  /** The frames to send now. What is returned must be sent, in order. */
  pump(now: number): Uint8Array<ArrayBuffer>[] {
    const frames = this.#notices;
    this.#notices = [];
    if (this.phase !== "open") return frames;
    const notebook = this.notebookSync.pump(now); // edits before the requests that rely on them
    if (notebook !== null) frames.push(frame(Frame.notebookSync, notebook));
    const runtime = this.#runtimeSync?.pump(now) ?? null;
    if (runtime !== null) frames.push(frame(Frame.runtimeSync, runtime));
    frames.push(...this.#outbox);
    this.#outbox = [];
    return frames;
  }

  get due(): number | null {
    if (this.phase !== "open") return null;
    const times = [this.notebookSync.due, this.#runtimeSync?.due ?? null].filter((time) => time !== null);
    return times.length > 0 ? Math.min(...times) : null;
  }

  /** Ask for something at the heads of this moment; returns the request's id. */
  request(body: RequestBody): string {
    const id = crypto.randomUUID().replaceAll("-", "");
    const request = { id, body, required_heads: this.notebook.heads().map(fromHex) };
    this.#pending.set(id, request);
    if (this.phase === "open") this.#outbox.push(encodeRequest(request));
    return id;
  }

  /** Nobody waits for this answer any more: it is not asked for again. */
  forget(requestId: string): void {
    this.#pending.delete(requestId);
  }

  setPresence(state: Record<string, unknown>): void {
    this.#presence = state;
    if (this.phase === "open") this.#outbox.push(encodePresence(state));
  }

  #take(message: Incoming): void {
    if (message.type === "error" && message.fatal) throw new Refused(message.code, message.message, message.hint);
    if (message.type === "response") this.#pending.delete(message.id);
    if (message.type === "welcome") this.#welcomed(toHex(message.genesis), message.role);
    if (message.type === "runtime_epoch") {
      this.#fetchRuntime();
      this.#notices.push(encodeSession({ type: "runtime_epoch_taken", epoch: message.epoch }));
    }
  }

  #welcomed(genesis: string, role: Role): void {
    if (this.genesis !== null && this.genesis !== genesis) {
      const hint = "This browser keeps a copy of what was here before.";
      throw new Refused("wrong_genesis", "The server holds another notebook at this address.", hint);
    }
    this.genesis = genesis;
    this.role = role;
    this.phase = "open";
    this.notebookSync.connected();
    this.#fetchRuntime();
    if (this.#presence !== null) this.#outbox.push(encodePresence(this.#presence));
    this.#outbox.push(...[...this.#pending.values()].map(encodeRequest));
  }

  #fetchRuntime(): void {
    this.#runtimeSync = new DocSync(Replica.empty<RuntimeRoot>(), () => false);
    this.#runtimeSync.connected();
    this.#runtimeShown = false;
  }

  #receiveRuntime(payloads: readonly Uint8Array[], now: number): void {
    if (this.#runtimeSync === null) return;
    this.#runtimeSync.receive(payloads, now);
    if (this.#runtimeSync.joined && !this.#runtimeShown) {
      this.#runtimeShown = true;
      this.onRuntime(this.#runtimeSync.replica);
    }
  }
}
