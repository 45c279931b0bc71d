import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { placeAt, UNREADABLE, inOrder } from "../src/core/order.ts";
import { between, evenly, isPosition } from "../src/core/position.ts";

interface Vectors {
  between: [string | null, string | null, string][];
  evenly: [number, string | null, string | null, string[]][];
  no_positions: string[];
}

const vectors = JSON.parse(readFileSync(new URL("positions.json", import.meta.url), "utf8")) as Vectors;

test("a place between two others is the one that Python finds", () => {
  assert.ok(vectors.between.length > 50);
  for (const [before, after, expected] of vectors.between) assert.equal(between(before, after), expected);
});

test("places spaced evenly are the ones that Python finds", () => {
  for (const [n, before, after, expected] of vectors.evenly) assert.deepEqual(evenly(n, before, after), expected);
});

test("what Python does not take for a position is none here", () => {
  for (const text of vectors.no_positions) {
    assert.equal(isPosition(text), false, text);
    assert.throws(() => between(text, null), /no position/);
  }
});

test("there is no place between equal positions, nor between two in the wrong order", () => {
  assert.throws(() => between("80", "80"), /no place between/);
  assert.throws(() => between("8180", "80"), /no place between/);
});

test("cells at one position are spread when another goes between them", () => {
  const places = inOrder([
    { id: "b", position: "80" },
    { id: "a", position: "80" },
    { id: "c", position: "8180" },
  ]);
  const { positions: [position = ""], others } = placeAt(places, 1);
  const [[moved, to]] = others as [readonly [string, string]];
  assert.equal(moved, "b");
  assert.ok("80" < position && position < to && to < "8180");
});

test("cells without a readable position are given one when another goes among them", () => {
  const places = inOrder([
    { id: "a", position: "80" },
    { id: "x", position: UNREADABLE },
    { id: "y", position: UNREADABLE },
  ]);
  const { positions: [position = ""], others } = placeAt(places, 2);
  const given = new Map(others);
  assert.ok("80" < (given.get("x") as string) && (given.get("x") as string) < position && position < (given.get("y") as string));
});
