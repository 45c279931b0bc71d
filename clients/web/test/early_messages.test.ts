import assert from "node:assert/strict";
import { test } from "node:test";
import { EarlyMessages } from "../src/core/early_messages.ts";

const said = (content: unknown, bytes = 0) => ({ content, buffers: [new Uint8Array(bytes)] });

test("what is said before a widget is shown is kept in order for the first that shows it", () => {
  const early = new EarlyMessages();
  for (const content of [1, 2, 3]) early.keep("a", said(content));
  early.keep("b", said("other"));
  assert.deepEqual(early.take("a").map(({ content }) => content), [1, 2, 3]);
  assert.deepEqual(early.take("a"), []);
  assert.equal(early.take("b").length, 1);
});

test("of one that talks without end the latest is kept, and of too many those that spoke last", () => {
  const early = new EarlyMessages();
  for (let number = 0; number < 1000; number++) early.keep("a", said(number));
  assert.deepEqual([early.take("a")[0]?.content], [1000 - 256]);
  for (let number = 0; number < 10; number++) early.keep("large", said(number, 300_000));
  assert.deepEqual(early.take("large").map(({ content }) => content), [7, 8, 9]);
  for (let number = 0; number < 70; number++) early.keep(`comm ${number}`, said(number));
  assert.equal(early.take("comm 5").length, 0);
  assert.equal(early.take("comm 69").length, 1);
});
