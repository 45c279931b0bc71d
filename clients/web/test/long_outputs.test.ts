import assert from "node:assert/strict";
import { test } from "node:test";
import { firstWhere, tooMany } from "../src/core/near.ts";
import { order, printed, readResource, widths } from "../src/core/table.ts";
import { inWords, ownLines, PIECE, pieceCount, rangeOf } from "../src/core/text_pieces.ts";
import { random } from "./core.ts";

function piecesOf(text: string): string[] {
  const bytes = new TextEncoder().encode(text);
  return Array.from({ length: pieceCount(bytes.length) }, (_, index) => {
    const { from, to } = rangeOf(index, bytes.length);
    const read = bytes.subarray(from, to);
    const own = ownLines(read, index);
    return new TextDecoder().decode(read.subarray(own.from, own.to));
  });
}

test("pieces of a text, one after the other, are the text, each with whole lines", () => {
  for (let seed = 0; seed < 30; seed++) {
    const next = random(seed);
    const line = () => "é".repeat(Math.floor(next() * 200)) + "x".repeat(Math.floor(next() * 300));
    const text = Array.from({ length: 900 }, line).join("\n") + (next() < 0.5 ? "\n" : "");
    const pieces = piecesOf(text);
    assert.equal(pieces.join(""), text);
    for (const piece of pieces.slice(0, -1)) assert.ok(piece === "" || piece.endsWith("\n"));
  }
});

test("a line that begins exactly with a piece is shown once", () => {
  const text = `${"a".repeat(PIECE - 1)}\nsecond\nthird`;
  assert.deepEqual(piecesOf(text), [`${"a".repeat(PIECE - 1)}\n`, "second\nthird"]);
});

test("of one line without end every piece shows a part", () => {
  const pieces = piecesOf("z".repeat(5 * PIECE));
  assert.equal(pieces.length, 5);
  assert.ok(pieces.every((piece) => piece.length >= PIECE));
});

test("sizes are said in words", () => {
  assert.deepEqual([900, 104_857_600, 2.5e9].map(inWords), ["1 kB", "104.9 MB", "2.50 GB"]);
});

const RESOURCE = {
  schema: { fields: [{ name: "city", type: "string" }, { name: "index", type: "integer" }, { name: "t", type: "number" }], primaryKey: ["index"] },
  data: [{ index: 0, city: "Rome", t: 21.5 }, { index: 1, city: "Oslo", t: null }, { index: 2, city: "Lima", t: 3 }],
};

test("a table has its keys first, sorts by a column either way, and what is missing comes last", () => {
  const table = readResource(RESOURCE);
  assert.deepEqual(table.columns.map(({ name }) => name), ["index", "city", "t"]);
  assert.deepEqual([...order(table, { column: "t", descending: false })], [2, 0, 1]);
  assert.deepEqual([...order(table, { column: "t", descending: true })], [0, 2, 1]);
  assert.deepEqual([...order(table, { column: "city", descending: false })], [2, 1, 0]);
  assert.deepEqual([...order(table, null)], [0, 1, 2]);
});

test("whatever a resource holds it reads as a table", () => {
  for (const value of [null, 3, "x", [], {}, { data: 7 }, { schema: 3, data: [4, null, { a: { b: 1 } }] }]) {
    const table = readResource(value);
    widths(table);
    for (const row of table.rows) for (const { name } of table.columns) printed(row[name]);
  }
  assert.equal(printed({ b: 1 }), '{"b":1}');
  assert.equal(printed(1 / 3), "0.3333333");
});

test("the first of many is found with few looks", () => {
  let looks = 0;
  assert.equal(firstWhere(1000, (index) => (looks++, index >= 617)), 617);
  assert.ok(looks <= 10);
  assert.equal(firstWhere(3, () => false), 3);
  assert.equal(firstWhere(0, () => true), 0);
});

test("of what is drawn and far the latest seen stay", () => {
  assert.deepEqual(tooMany([1, 2, 3, 4, 5, 6], (one) => one === 2, 3), [1, 3]);
  assert.deepEqual(tooMany([1, 2], () => false, 3), []);
});
