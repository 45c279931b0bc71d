import assert from "node:assert/strict";
import { test } from "node:test";
import { formulas } from "../src/core/formulas.ts";

test("what stands between dollars or brackets, or as an environment, is a formula, and the rest is text", () => {
  assert.deepEqual(formulas("The sum $\\sum i$ is \\(x\\), or $$y$$ \\[z\\]"), [
    { text: "The sum " },
    { formula: "\\sum i", display: false },
    { text: " is " },
    { formula: "x", display: false },
    { text: ", or " },
    { formula: "y", display: true },
    { formula: "z", display: true },
  ]);
  const aligned = "\\begin{align*}a &= b\\end{align*}";
  assert.deepEqual(formulas(`so ${aligned}`), [{ text: "so " }, { formula: aligned, display: true }]);
});

test("a formula of its own is displayed, with dollars or without", () => {
  for (const source of ["$\\displaystyle x^2$", "$$x^2$$", "x^2", " \\[x^2\\]\n"]) {
    assert.deepEqual(formulas(source), [{ formula: "x^2", display: true }], source);
  }
  assert.deepEqual(formulas("costs \\$5 and $a\\$b$"), [{ text: "costs \\$5 and " }, { formula: "a\\$b", display: false }].slice(0, 2));
});
