import assert from "node:assert/strict";
import { test } from "node:test";
import { callStart, parameterFor, parameters } from "../src/editor/call_signature.ts";

const which = (signature: string, argument: number, keyword: string | null = null): string | null => {
  const found = parameterFor(parameters(signature), argument, keyword);
  return found === null ? null : signature.slice(found.from, found.to);
};

test("an argument is for the parameter at its place, whatever stands in defaults", () => {
  const signature = "plot(x: dict[str, int], y=(1, 2), label=', )') -> list[int]";
  assert.equal(which(signature, 0), "x: dict[str, int]");
  assert.equal(which(signature, 1), "y=(1, 2)");
  assert.equal(which(signature, 2), "label=', )'");
  assert.equal(which(signature, 3), null);
});

test("what is beyond the places goes to *args, what is named to its name or to **more", () => {
  const signature = "f(a, /, b, *args, key=None, **more)";
  assert.equal(which(signature, 1), "b");
  assert.equal(which(signature, 7), "*args");
  assert.equal(which(signature, 1, "key"), "key=None");
  assert.equal(which(signature, 1, "other"), "**more");
  assert.equal(which("f(a, *, key)", 1), null);
});

test("the innermost call around the cursor is found, and brackets that call nothing are not", () => {
  assert.equal(callStart("print(max(1, ", 13), 9);
  assert.equal(callStart("print(max(1, 2), ", 17), 5);
  assert.equal(callStart("x = (1, ", 8), null);
  assert.equal(callStart("x[1, ", 5), null);
  assert.equal(callStart("done()", 6), null);
});
