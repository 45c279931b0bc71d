// Sections: which cells are under a heading, and which are folded away with it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { headingOf, sectionsOf } from "../src/core/sections.ts";
import { Sections } from "../src/page/sections.ts";
import { coreIsReady } from "./core.ts";
import { notebook } from "./notebooks.ts";

await coreIsReady;

test("a text cell that begins with a heading is one, of its level", () => {
  assert.deepEqual(headingOf("markdown", "\n## Two\ntext", {}), { level: 2, folded: false });
  assert.deepEqual(headingOf("markdown", "# One", { "jp-MarkdownHeadingCollapsed": true }), { level: 1, folded: true });
  for (const source of ["text\n# no", "#no", "####### no", "# "]) assert.equal(headingOf("markdown", source, {}), null);
  assert.equal(headingOf("code", "# a comment", {}), null);
});

test("a section goes on to the next heading of its level or above", () => {
  const levels = { a: 1, b: 0, c: 2, d: 0, e: 3, f: 2, g: 0, h: 1 };
  const cells = Object.entries(levels).map(([id, level]) => ({ id, heading: level === 0 ? null : { level, folded: false } }));
  assert.deepEqual([...sectionsOf(cells)], [["a", [..."bcdefg"]], ["c", ["d", "e"]], ["e", []], ["f", ["g"]], ["h", []]]);
});

test("what is folded is not seen, is done to with its heading, and is seen where one goes into it", () => {
  const book = notebook("# A", "one", "## B", "two", "# C");
  const ids = book.cellIds();
  const [a, one, b, two, c] = ids as [string, string, string, string, string];
  for (const id of [a, b, c]) book.setTypes([[id, "markdown"]]);
  const sections = new Sections(book);
  book.onEvents = (events) => sections.take(events);
  sections.fold([b], true);
  assert.deepEqual(sections.visible, [a, one, b, c]);
  sections.fold([a], true);
  assert.deepEqual(sections.visible, [a, c]);
  assert.deepEqual(sections.withFolded([a]), [a, one, b, two]);
  sections.reveal(two);
  assert.deepEqual(sections.visible, ids);
  assert.equal(book.metadata(a)["jp-MarkdownHeadingCollapsed"], true, "for the others it is folded");
  sections.fold([a], false);
  sections.fold([b], true);
  assert.deepEqual(sections.visible, [a, one, b, c]);
  book.setTypes([[b, "code"]]);
  assert.deepEqual(sections.visible, ids, "what is no heading folds nothing");
});
