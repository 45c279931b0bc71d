import assert from "node:assert/strict";
import { test } from "node:test";
import type { Kernel } from "../src/core/schema.ts";
import { sayKernel } from "../src/page/kernel_status.ts";

const kernel = (lifecycle: string, activity = "idle", error: string | null = null): Kernel => ({ lifecycle, activity, name: "python3", error });
const say = (seen: Kernel | null, more = {}) => sayKernel({ kernel: seen, queued: 0, asks: false, hasDaemon: true, isOnline: true, ...more });

test("the kernel is said to be what it is", () => {
  assert.equal(say(null).text, "");
  assert.equal(say(kernel("ready")).text, "python3 · idle");
  assert.equal(say(kernel("ready", "busy"), { queued: 3 }).text, "python3 · running, 2 waiting");
  assert.equal(say(kernel("ready", "busy"), { queued: 3, asks: true }).text, "python3 · asks for input");
  assert.equal(say(kernel("starting")).tone, "busy");
  assert.equal(say(kernel("none")).text, "No kernel yet");
});

test("what a restart may mend says why and offers one", () => {
  const dead = say(kernel("dead", "idle", "It was killed by signal 9."));
  assert.deepEqual([dead.text, dead.more, dead.offersRestart], ["python3 · died", "It was killed by signal 9.", true]);
  assert.equal(say(kernel("ready", "unresponsive", "No heartbeat.")).offersRestart, true);
  assert.equal(say(kernel("none", "idle", "No such kernel.")).offersRestart, true);
  assert.equal(say(kernel("ready", "busy")).offersRestart, false);
});

test("without a server or a daemon nothing is claimed of the kernel", () => {
  assert.equal(say(kernel("ready"), { isOnline: false, hasDaemon: false }).text, "python3 · not known");
  assert.equal(say(kernel("ready"), { hasDaemon: false }).tone, "bad");
});
