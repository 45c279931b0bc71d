import assert from "node:assert/strict";
import { test } from "node:test";
import { compile, expand, type Query, search } from "../src/core/search.ts";

const query = (text: string, more: Partial<Query> = {}): Query => ({ text, isPattern: false, matchCase: false, wholeWords: false, ...more });
const find = (one: Query, ...sources: string[]) => search(compile(one) as RegExp, sources.map((source, i) => [`${i}`, source] as const));

test("text is found as it is written, in all cells, with its line", () => {
  const found = find(query("a.b("), "a.b(1)\nx = A.B(2)", "axb(", "🐦 a.b(");
  assert.deepEqual(found.map(({ cellId, from, line, match }) => [cellId, from, line, match]), [
    ["0", 0, 1, "a.b("],
    ["0", 11, 2, "A.B("],
    ["2", 3, 1, "a.b("],
  ]);
});

test("case and whole words count if asked", () => {
  assert.equal(find(query("days", { matchCase: true }), "Days days days_2 idays").length, 3);
  assert.equal(find(query("days", { wholeWords: true }), "Days days days_2 idays").length, 2);
  assert.equal(find(query("größe", { wholeWords: true }), "größe größen").length, 1);
});

test("a pattern is one, its empty matches are none, and one that cannot be read throws", () => {
  assert.deepEqual(find(query("^(\\w+) =", { isPattern: true }), "x = 1\nyy = 2").map(({ match }) => match), ["x =", "yy ="]);
  assert.equal(find(query("z*", { isPattern: true }), "abc").length, 0);
  assert.throws(() => compile(query("(", { isPattern: true })), SyntaxError);
  assert.equal(compile(query("")), null);
});

test("groups of a pattern can be put into what replaces it; without a pattern a dollar is a dollar", () => {
  const [one] = find(query("(?<name>\\w+)\\((\\d)\\)", { isPattern: true }), "f(1)");
  assert.equal(expand("$2 $<name> $& $$ $9", one!.groups, true), "1 f f(1) $ $9");
  assert.equal(expand("$2", one!.groups, false), "$2");
});
