// A session against a hub made of replicas: what is sent first, and which RuntimeDoc is shown when.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decode as unpack, encode } from "@msgpack/msgpack";
import { Frame, frame, splitFrame } from "../src/core/frames.ts";
import { Replica, scalar, type Sync } from "../src/core/replica.ts";
import type { NotebookRoot, RuntimeRoot } from "../src/core/schema.ts";
import { Refused, Session } from "../src/core/session.ts";
import { coreIsReady } from "./core.ts";

await coreIsReady;

const PEER = { peer_id: "tab", name: "Ada", kind: "person" } as const;
const GENESIS = new Uint8Array(16).fill(7);

class Hub {
  readonly notebook = Replica.empty<NotebookRoot>();
  runtime = runtimeNamed("first");
  readonly heard: { type: number; message: Record<string, unknown> }[] = [];
  #syncs: Record<number, Sync> = {};
  #toSend: Uint8Array[] = [];

  constructor() {
    this.notebook.change((draft) => {
      draft.cells = {};
    }, "remote");
  }

  say(message: Record<string, unknown>): void {
    this.#toSend.push(frame(Frame.session, encode(message)));
  }

  welcome(genesis = GENESIS): void {
    this.#syncs = { [Frame.notebookSync]: this.notebook.startSync(), [Frame.runtimeSync]: this.runtime.startSync() };
    this.say({ type: "welcome", protocol: 1, schema: 1, server_id: "s", notebook_id: "n", role: "editor", genesis });
  }

  /** Another RuntimeDoc takes the first one's place. */
  beginEpoch(): void {
    this.runtime = runtimeNamed("second");
    this.#syncs[Frame.runtimeSync] = this.runtime.startSync();
    this.say({ type: "runtime_epoch", epoch: 2, genesis: GENESIS });
  }

  hear(whole: Uint8Array): void {
    const { type, payload } = splitFrame(whole);
    const sync = this.#syncs[type];
    if (sync === undefined) this.heard.push({ type, message: unpack(payload) as Record<string, unknown> });
    else (type === Frame.notebookSync ? this.notebook : this.runtime).receive(sync, payload);
  }

  speak(): Uint8Array[] {
    const frames = this.#toSend;
    this.#toSend = [];
    for (const [type, sync] of Object.entries(this.#syncs)) {
      const replica = Number(type) === Frame.notebookSync ? this.notebook : this.runtime;
      const payload = (replica as Replica<any>).generate(sync);
      if (payload !== null) frames.push(frame(Number(type), payload));
    }
    return frames;
  }
}

function runtimeNamed(name: string): Replica<RuntimeRoot> {
  const replica = Replica.empty<RuntimeRoot>();
  replica.change((draft) => {
    draft.kernel = { name: scalar(name) };
  }, "remote");
  return replica;
}

function talk(session: Session, hub: Hub): void {
  for (let now = 0; now < 10; now++) {
    for (const whole of session.pump(now)) hub.hear(whole);
    session.receive(hub.speak(), now);
  }
}

function joined(): { session: Session; hub: Hub; shown: string[] } {
  const [session, hub, shown] = [new Session("n", PEER, null), new Hub(), [] as string[]];
  session.onRuntime = (runtime) => shown.push(`${(runtime.value.kernel as { name: unknown }).name}`);
  session.connected();
  for (const whole of session.pump(0)) hub.hear(whole);
  hub.welcome();
  talk(session, hub);
  return { session, hub, shown };
}

test("a tab that has nothing greets without a genesis, and knows it after the welcome", () => {
  const { session, hub, shown } = joined();
  assert.equal(hub.heard[0]?.message["type"], "hello");
  assert.equal(hub.heard[0]?.message["genesis"], null);
  assert.equal(session.genesis, "07".repeat(16));
  assert.deepEqual(session.notebook.heads(), hub.notebook.heads());
  assert.deepEqual(shown, ["first"]);
});

test("a RuntimeDoc that was started afresh is shown when it is complete, once", () => {
  const { session, hub, shown } = joined();
  hub.beginEpoch();
  talk(session, hub);
  const taken = hub.heard.find(({ message }) => message["type"] === "runtime_epoch_taken");
  assert.equal(taken?.message["epoch"], 2);
  assert.deepEqual(shown, ["first", "second"]);
});

test("a request without an answer is asked again on the next connection, under its id", () => {
  const { session, hub } = joined();
  const id = session.request({ method: "save" });
  talk(session, hub);
  session.disconnected();
  session.connected();
  hub.welcome();
  talk(session, hub);
  const asked = hub.heard.filter(({ type }) => type === Frame.request);
  assert.deepEqual(asked.map(({ message }) => message["id"]), [id, id]);
});

test("a hub with another document under this id is refused", () => {
  const { session, hub } = joined();
  session.disconnected();
  session.connected();
  hub.welcome(new Uint8Array(16).fill(8));
  assert.throws(() => session.receive(hub.speak(), 0), (error) => error instanceof Refused && error.code === "wrong_genesis");
});

test("what a viewer would write is not sent", () => {
  const { session, hub } = joined();
  session.role = "viewer";
  session.notebook.change((draft) => {
    draft.metadata = {};
  }, {});
  talk(session, hub);
  assert.notDeepEqual(session.notebook.heads(), hub.notebook.heads());
});
