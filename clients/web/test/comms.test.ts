import assert from "node:assert/strict";
import { test } from "node:test";
import { CommOutbox, settings } from "../src/core/comm_outbox.ts";
import { changedComms, putAt, readTrait, restored } from "../src/core/comms.ts";
import type { Patch } from "../src/core/replica.ts";
import type { RuntimeRoot } from "../src/core/schema.ts";

const set = (trait: string, value: unknown) => new Map([[trait, { value, buffers: [] }]]);
const patch = (...path: (string | number)[]) => ({ action: "put", path, value: 1 }) as unknown as Patch;

test("while an update is on its way the later ones become one", () => {
  const outbox = new CommOutbox();
  outbox.update("a", set("value", 1));
  const first = outbox.next("a");
  assert.deepEqual(first?.data, { method: "update", state: { value: 1 }, buffer_paths: [] });
  for (const value of [2, 3, 4]) outbox.update("a", set("value", value));
  outbox.update("a", set("min", 0));
  assert.equal(outbox.next("a"), null);
  outbox.sent("a");
  assert.deepEqual(outbox.next("a")?.data["state"], { value: 4, min: 0 });
});

test("nothing overtakes a message that is no state", () => {
  const outbox = new CommOutbox();
  outbox.update("a", set("value", 1));
  outbox.say("a", { data: { method: "custom" }, buffers: [] });
  outbox.update("a", set("value", 2));
  const methods = [];
  for (let sending = outbox.next("a"); sending !== null; sending = outbox.next("a")) {
    methods.push(sending.data["method"]);
    outbox.sent("a");
  }
  assert.deepEqual(methods, ["update", "custom", "update"]);
});

test("what was set here lies over the document until the last update of it is confirmed", () => {
  const outbox = new CommOutbox();
  outbox.update("a", set("value", 1));
  const first = outbox.next("a");
  assert.ok(first !== null && outbox.isUnconfirmed("a", "value"));
  outbox.update("a", set("value", 2));
  outbox.sent("a");
  const second = outbox.next("a");
  assert.deepEqual(outbox.confirmed("a", first), []);
  assert.ok(second !== null && outbox.isUnconfirmed("a", "value"));
  assert.deepEqual(outbox.confirmed("a", second), ["value"]);
  assert.ok(!outbox.isUnconfirmed("a", "value"));
});

test("a comm that says too much while nobody answers is not listened to", () => {
  const outbox = new CommOutbox();
  let taken = 0;
  while (taken < 5000 && outbox.say("a", { data: { method: "custom" }, buffers: [] })) taken++;
  assert.equal(taken, 1000);
});

test("buffers stay with the trait that they belong to", () => {
  const data = { method: "update", state: { grid: { rows: 2 } }, buffer_paths: [["grid", "cells"], ["picture"]] };
  const traits = settings({ data, buffers: [Uint8Array.of(1), Uint8Array.of(2)] });
  const outbox = new CommOutbox();
  outbox.update("a", traits ?? new Map());
  outbox.update("a", set("picture", null));
  const sending = outbox.next("a");
  assert.deepEqual(sending?.data, { method: "update", state: { grid: { rows: 2 }, picture: null }, buffer_paths: [["grid", "cells"]] });
  assert.deepEqual(sending?.buffers, [Uint8Array.of(1)]);
  assert.equal(settings({ data: { method: "update", state: {}, buffer_paths: [["x"]] }, buffers: [] }), null);
  assert.equal(settings({ data: { method: "custom" }, buffers: [] }), null);
});

test("patches say which traits of which widget changed", () => {
  const found = changedComms([patch("comms", "a", "state", "value"), patch("comms", "a", "parts", "data", 0), patch("comms", "b"), patch("comms", "c", "outputs", 1), patch("latest", "x")]);
  assert.deepEqual([...found], [
    ["a", { traits: new Set(["value", "data"]), outputs: false }],
    ["b", "all"],
    ["c", { traits: new Set(), outputs: true }],
  ]);
});

test("a trait is restored from its parts", async () => {
  const parts = [
    { path: [], encoding: "json", blob: "b", size: 30 },
    { path: ["rows", 1], encoding: "bytes", inline: "AQI=" },
  ];
  const root = { comms: { a: { state: { grid: null }, parts: { grid: parts } } } } as unknown as RuntimeRoot;
  const stored = readTrait(root, "a", "grid");
  const bytes = async () => new TextEncoder().encode('{"rows": [0, null]}');
  assert.deepEqual(await restored(stored as never, bytes), { rows: [0, Uint8Array.of(1, 2)] });
  assert.equal(readTrait(root, "a", "toString"), null);
  assert.equal(readTrait(root, "b", "grid"), null);
});

test("a part that has no place is refused", () => {
  assert.throws(() => putAt({ a: 1 }, ["b", "c"], 0), /no place b\.c/);
  assert.throws(() => putAt({}, ["constructor", "x"], 0), /no place/);
  assert.throws(() => putAt({}, ["__proto__"], 0), /no place/);
});
