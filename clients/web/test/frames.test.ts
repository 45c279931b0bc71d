import assert from "node:assert/strict";
import { test } from "node:test";
import { encode, decode as unpack } from "@msgpack/msgpack";
import { Frame, frame, splitFrame } from "../src/core/frames.ts";
import { decode, encodeRequest, encodeSession, fromHex, toHex } from "../src/core/messages.ts";

test("a frame is its type byte and its payload", () => {
  const whole = frame(Frame.presence, new Uint8Array([1, 2]));
  assert.deepEqual([...whole], [4, 1, 2]);
  assert.deepEqual([...splitFrame(whole).payload], [1, 2]);
  assert.throws(() => splitFrame(new Uint8Array()), /empty frame/);
});

test("a greeting carries the genesis as bytes", () => {
  const peer = { peer_id: "p", name: "Ada", kind: "person" } as const;
  const hello = { type: "hello", protocol: 1, schema: 1, notebook_id: "n", peer, token: "", role: "editor" } as const;
  const { type, payload } = splitFrame(encodeSession({ ...hello, genesis: fromHex("00ff10") }));
  assert.equal(type, Frame.session);
  assert.deepEqual((unpack(payload) as { genesis: Uint8Array }).genesis, new Uint8Array([0, 255, 16]));
});

test("a request names the heads it was made at as bytes", () => {
  const whole = encodeRequest({ id: "1", body: { method: "execute", cell_ids: ["a"] }, required_heads: [fromHex("ab".repeat(32))] });
  const request = unpack(splitFrame(whole).payload) as { body: unknown; required_heads: Uint8Array[] };
  assert.deepEqual(request.body, { method: "execute", cell_ids: ["a"] });
  assert.equal(toHex(request.required_heads[0] as Uint8Array), "ab".repeat(32));
});

test("what a later version may say is skipped, what it leaves out is filled in", () => {
  assert.equal(decode(frame(0x2a, new Uint8Array([1]))), null);
  assert.equal(decode(frame(Frame.session, encode({ type: "news" }))), null);
  assert.deepEqual(decode(frame(Frame.response, encode({ id: "1" }))), { type: "response", id: "1", result: {}, error: null });
  const error = decode(frame(Frame.session, encode({ type: "error", code: "c", message: "m" })));
  assert.deepEqual(error, { type: "error", code: "c", message: "m", hint: "", fatal: true });
});
