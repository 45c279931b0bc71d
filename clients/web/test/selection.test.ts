import assert from "node:assert/strict";
import { test } from "node:test";
import { Selection } from "../src/page/selection.ts";

function notebook(...ids: string[]) {
  const order = [...ids];
  const selection = new Selection(() => [...order]);
  const become = (...now: string[]) => {
    order.splice(0, order.length, ...now);
    selection.settle();
  };
  return { selection, become };
}

test("selecting goes from where it began to the cell it is extended to", () => {
  const { selection } = notebook("a", "b", "c", "d");
  selection.choose("b");
  selection.extendTo("d");
  assert.deepEqual(selection.ids, ["b", "c", "d"]);
  selection.extendTo("a");
  assert.deepEqual(selection.ids, ["a", "b"]);
  assert.equal(selection.active, "a");
});

test("what others put between selected cells is not selected", () => {
  const { selection, become } = notebook("a", "b", "c");
  selection.choose("a");
  selection.extendTo("b");
  become("a", "new", "b", "c");
  assert.deepEqual(selection.ids, ["a", "b"]);
});

test("when the active cell is gone, what took its place is active", () => {
  const { selection, become } = notebook("a", "b", "c");
  selection.choose("b", "edit");
  become("a", "c");
  assert.deepEqual([selection.active, selection.mode, selection.ids], ["c", "command", ["c"]]);
  become("a");
  assert.equal(selection.active, "a");
  become();
  assert.equal(selection.active, null);
  become("x");
  assert.equal(selection.active, "x");
});

test("the focus follows who chooses, not what others do", () => {
  const { selection, become } = notebook("a", "b");
  const focus: boolean[] = [];
  selection.changed.add(({ takeFocus }) => focus.push(takeFocus));
  selection.choose("a");
  become("b");
  assert.deepEqual(focus, [true, false]);
});
