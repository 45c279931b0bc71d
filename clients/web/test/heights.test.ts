import assert from "node:assert/strict";
import { test } from "node:test";
import { Heights } from "../src/core/heights.ts";
import { random } from "./core.ts";

test("what was not measured is as high as the first that were, and later ones do not move it", () => {
  const heights = new Heights(40);
  heights.resize(1000);
  assert.equal(heights.top(1000), 40_000);
  for (let index = 0; index < 20; index++) heights.measured(index, 100);
  assert.equal(heights.top(1000), 100_000);
  heights.measured(500, 300);
  assert.equal(heights.top(500), 50_000);
  assert.equal(heights.top(1000), 100_200);
});

test("each place is that of the one that stands there, whatever was measured and however many there are", () => {
  for (let seed = 0; seed < 50; seed++) {
    const next = random(seed);
    const heights = new Heights(10);
    heights.resize(1 + Math.floor(next() * 60));
    for (let step = 0; step < 40; step++) heights.measured(Math.floor(next() * 60), 1 + Math.floor(next() * 90));
    heights.resize(1 + Math.floor(next() * 60));
    for (let index = 0; index < heights.count; index++) {
      assert.equal(heights.at(heights.top(index)), index);
      assert.equal(heights.at(heights.top(index + 1) - 0.5), index);
    }
    assert.equal(heights.at(-5), 0);
    assert.equal(heights.at(1e9), heights.count - 1);
  }
});
