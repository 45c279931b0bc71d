// When a link takes in what arrives, and when it sends, by a clock of the test's own.

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import type { Session } from "../src/core/session.ts";
import { Link } from "../src/link.ts";

class FakeSocket {
  static readonly OPEN = 1;
  static last: FakeSocket;
  readyState = FakeSocket.OPEN;
  onopen = () => {};
  onmessage = (_: { data: ArrayBuffer }) => {};
  constructor() {
    FakeSocket.last = this;
  }
  send(): void {}
}

function connected(t: { after(end: () => void): void }) {
  let clock = 1000;
  const { now } = performance;
  performance.now = () => clock;
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => {
    performance.now = now;
    mock.timers.reset();
  });
  Object.assign(globalThis, { WebSocket: FakeSocket, addEventListener: () => {} });
  const taken: number[] = []; // how many frames at once
  let pumped = 0;
  const session = {
    connected: () => {},
    receive: (frames: Uint8Array[]) => (taken.push(frames.length), []),
    pump: () => (pumped++, []),
    due: null,
  };
  const link = new Link(session as unknown as Session, "ws://hub");
  link.connect();
  FakeSocket.last.onopen();
  return {
    link,
    taken,
    pumped: () => pumped,
    arrives: () => FakeSocket.last.onmessage({ data: new ArrayBuffer(1) }),
    pass: (milliseconds: number) => {
      for (let step = 0; step < milliseconds; step++) {
        clock++;
        mock.timers.tick(1);
      }
    },
  };
}

test("what arrives after a rest is taken in at once, and what follows it together", (t) => {
  const { arrives, pass, taken } = connected(t);
  arrives();
  pass(1);
  assert.deepEqual(taken, [1]);
  for (let message = 0; message < 10; message++) {
    arrives();
    pass(3);
  }
  pass(40);
  assert.deepEqual(taken, [1, 10]);
  pass(100);
  arrives();
  pass(1);
  assert.deepEqual(taken, [1, 10, 1]);
});

test("what is to be sent does not wait for what arrives, and takes with it what has arrived", (t) => {
  const { link, arrives, pass, pumped, taken } = connected(t);
  arrives();
  pass(1);
  arrives();
  arrives();
  pass(2);
  const before = pumped();
  link.poke();
  pass(1);
  assert.equal(pumped(), before + 1);
  assert.deepEqual(taken, [1, 2]);
  pass(100);
  assert.deepEqual(taken, [1, 2], "nothing is taken in twice");
});
