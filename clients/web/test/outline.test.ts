import assert from "node:assert/strict";
import test from "node:test";
import { headingsIn } from "../src/core/outline.ts";

const read = (source: string) => headingsIn(source).map(({ level, text }) => `${level} ${text}`);

test("headings are read as Markdown has them", () => {
  assert.deepEqual(read("# One\ntext\n## Two ##\n####### seven is none\n#none\n### "), ["1 One", "2 Two"]);
  assert.deepEqual(read("Big\n===\nSmall\n---\n\n---\n- item\n---\n# x\n---"), ["1 Big", "2 Small", "1 x"]);
  assert.deepEqual(read("```\n# code\n~~~\n# code\n```\n# after\n~~~~ md\n~~~\n# code"), ["1 after"]);
});

test("they are shown as they read", () => {
  const source = "# The **bold** and `code_with_marks` of [a link](https://x.y) and snake_case_name, *this* \\# <b>x</b>";
  assert.deepEqual(read(source), ["1 The bold and code_with_marks of a link and snake_case_name, this # x"]);
});
