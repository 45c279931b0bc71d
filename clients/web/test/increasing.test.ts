import assert from "node:assert/strict";
import { test } from "node:test";
import { increasing } from "../src/core/increasing.ts";
import { random } from "./core.ts";

test("of things in a new order as many stay as can, and those that stay are in order", () => {
  assert.deepEqual(increasing([]), []);
  assert.deepEqual(increasing([0, 1, 2]), [true, true, true]);
  assert.deepEqual(increasing([3, 0, 1, 2]), [false, true, true, true]); // the last came first
  assert.deepEqual(increasing([1, 2, 3, 0]), [true, true, true, false]);
  assert.deepEqual(increasing([0, -1, 1]), [true, false, true]); // one is new
  for (let seed = 0; seed < 200; seed++) {
    const next = random(seed);
    const numbers = Array.from({ length: 8 }, () => Math.floor(next() * 10) - 2);
    const kept = numbers.filter((_, index) => increasing(numbers)[index]);
    const rises = (some: number[]) => some.every((number, index) => number >= 0 && (index === 0 || (some[index - 1] as number) < number));
    const longest = Math.max(...Array.from({ length: 256 }, (_, bits) => numbers.filter((_, index) => (bits >> index) & 1)).map((some) => (rises(some) ? some.length : 0)));
    assert.ok(rises(kept));
    assert.equal(kept.length, longest);
  }
});
