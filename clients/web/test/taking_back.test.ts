// Taking back what an agent did: the same changes as Python makes, so that two who undo at once do it once.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { isEdit, notTakenBack, takeBack } from "../src/core/history/taking_back.ts";
import { Notebook } from "../src/core/notebook.ts";
import { Replica } from "../src/core/replica.ts";
import type { NotebookRoot } from "../src/core/schema.ts";
import { coreIsReady } from "./core.ts";
import { copyOf, exchange, notebook, sources } from "./notebooks.ts";

await coreIsReady;

const vectors = JSON.parse(readFileSync(new URL("./taking_back.json", import.meta.url), "utf8"));
for (const [name, { notebook: saved, change, undo, sources }] of Object.entries<any>(vectors)) {
  test(`the changes that undo a change are those that Python makes: ${name}`, () => {
    const book = new Notebook(Replica.load<NotebookRoot>([new Uint8Array(Buffer.from(saved, "base64"))]));
    const before = book.replica.heads();
    const done = takeBack(book, change);
    assert.notEqual(done, null);
    assert.deepEqual(Object.fromEntries(book.cellIds().map((id) => [id, book.source(id)])), sources);
    assert.deepEqual(book.replica.hashesSince(before).sort(), undo);
  });
}

/** A notebook in which somebody else has changed a cell and deleted another, and the hash of that change. */
function changed(): { book: Notebook; change: string } {
  const book = notebook("one two three", "gone");
  const agent = copyOf(book);
  const [first, second] = agent.cellIds() as [string, string];
  agent.replica.change((draft) => {
    Replica.splice(draft, ["cells", first, "source"], 4, 3, "2");
    delete draft.cells[second];
  }, agent);
  const { hash } = agent.replica.lastChange() as { hash: string };
  exchange(book, agent);
  return { book, change: hash };
}

test("what a change did is undone as one, once, and what others wrote since stays", () => {
  const { book, change } = changed();
  book.editSource(book.cellIds()[0] as string, [{ from: 0, to: 0, insert: "mine: " }], book);
  assert.deepEqual(notTakenBack(book, [change]), [change]);
  assert.ok(isEdit(book, change));
  assert.equal((takeBack(book, change))?.cells.length, 2);
  assert.deepEqual(sources(book), ["mine: one two three", "gone"]);
  assert.deepEqual(notTakenBack(book, [change]), []);
  assert.equal(takeBack(book, change), null);
});

test("two who undo it at once undo it once, and one of them may undo that", () => {
  const { book, change } = changed();
  const other = copyOf(book);
  other.editSource(other.cellIds()[0] as string, [{ from: 0, to: 0, insert: "mine: " }], other);
  const undone = takeBack(book, change);
  takeBack(other, change);
  exchange(book, other);
  assert.deepEqual(sources(book), ["mine: one two three", "gone"]);
  assert.deepEqual(sources(other), sources(book));
  takeBack(book, undone?.change ?? "");
  assert.deepEqual(sources(book), ["mine: one 2 three"]);
});

test("of a change in a cell that somebody has deleted since, the rest is undone", () => {
  const { book, change } = changed();
  book.deleteCells([book.cellIds()[0] as string]);
  assert.equal(takeBack(book, change)?.cells.length, 1);
  assert.deepEqual(sources(book), ["gone"]);
});

test("an undo reads the cells that its change touched, before and after it, and the history once", () => {
  const book = notebook(...Array.from({ length: 200 }, (_, index) => `x = ${index}`));
  const hashes: string[] = [];
  for (const cellId of book.cellIds().slice(0, 60)) {
    book.editSource(cellId, [{ from: 0, to: 1, insert: "y" }], book);
    hashes.push(book.replica.lastChange()?.hash ?? "");
  }
  const read = { whole: 0, cells: 0, copies: 0, changes: 0 };
  const { replica } = book;
  const [at, mapAt, coreAt, changesSince] = [replica.at, replica.mapAt, replica.coreAt, replica.changesSince].map((one) => one.bind(replica)) as any[];
  replica.at = (heads) => (read.whole++, at(heads));
  replica.mapAt = (heads, path) => (read.cells++, mapAt(heads, path));
  replica.coreAt = (heads) => (read.copies++, coreAt(heads));
  replica.changesSince = (heads) => {
    const found = changesSince(heads);
    read.changes += found.length;
    return found;
  };
  takeBack(book, hashes[30] as string);
  const all = changesSince([]).length;
  assert.deepEqual(read, { whole: 0, cells: 2, copies: 1, changes: all - 1 });
  takeBack(book, hashes[40] as string);
  assert.deepEqual(read, { whole: 0, cells: 4, copies: 2, changes: all }, "and later what is new of the history");
});

test("what one change touched is the same read alone and read with all others", () => {
  const book = notebook("one", "two");
  const [first = "", second = ""] = book.cellIds();
  const edits = [
    () => book.editSource(first, [{ from: 0, to: 1, insert: "O" }], book),
    () => book.setMetadata([{ cellId: second, path: ["deep", "er"], value: [1, { x: 1 }] }]),
    () => book.setMetadata([{ cellId: second, path: ["deep", "er"], value: 2 }]),
    () => book.setOwnMetadataAt(["quire", "x"], 1),
    () => book.moveCells([second], 0),
    () => book.addCell(1, "code", "three"),
    () => book.deleteCells([first]),
  ];
  for (const edit of edits) edit();
  const alone = book.replica.changesSince([]).map(({ hash }) => book.changes.touchedBy(hash));
  const together = book.replica.changesSince([]).map((_, index) => book.changes.touched(index));
  assert.deepEqual(alone, together);
});
