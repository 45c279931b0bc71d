// Reading one moment after the other: what each says is what the document says at its heads, at the cost of what differs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { diffCells, read } from "../src/core/history/diff.ts";
import { History } from "../src/core/history/history.ts";
import { Notebook } from "../src/core/notebook.ts";
import type { Heads } from "../src/core/replica.ts";
import { coreIsReady, random } from "./core.ts";
import { copyOf, exchange, notebook } from "./notebooks.ts";

await coreIsReady;

/** Edits of every kind by two who merge now and then, and the heads after each. */
function lived(seed: number, edits: number): { book: Notebook; seen: Heads[] } {
  const next = random(seed);
  const upTo = (end: number) => Math.floor(next() * end);
  const book = notebook("one\ntwo\n", "three 😀", "");
  const both = [book, copyOf(book)];
  const seen: { of: Notebook; heads: Heads }[] = [];
  for (let edit = 0; edit < edits; edit++) {
    const of = both[upTo(2)] as Notebook;
    const ids = of.cellIds();
    const id = ids[upTo(ids.length)];
    const turn = upTo(9);
    if (turn === 0 || id === undefined) of.addCell(upTo(ids.length + 1), "markdown", `new ${edit}`);
    else if (turn === 1) of.deleteCells([id]);
    else if (turn === 2) of.moveCells([id], upTo(ids.length));
    else if (turn === 3) of.setTypes([[id, "raw"]]);
    else if (turn === 4) of.setMetadata([{ cellId: id, path: ["a", `${upTo(3)}`], value: [edit, { deep: edit }] }]);
    else if (turn === 5) of.setOwnMetadata([{ key: "title", value: `${edit}` }]);
    else if (turn === 6) exchange(...(both as [Notebook, Notebook]));
    else of.editSource(id, [{ from: 0, to: upTo(of.source(id).length > 2 ? 2 : 1), insert: "x" }], of);
    seen.push({ of, heads: of.replica.heads() });
  }
  exchange(...(both as [Notebook, Notebook]));
  return { book, seen: seen.map(({ heads }) => heads) };
}

test("a moment that is made of its neighbour says what the document says at its heads", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const { book, seen } = lived(seed, 50);
    const next = random(seed + 1000);
    const past = new History(book, () => new Map());
    for (let step = 0, at = 0; step < 80; step++) {
      at = next() < 0.7 ? Math.max(0, Math.min(seen.length - 1, at + (next() < 0.5 ? 1 : -1))) : Math.floor(next() * seen.length);
      const heads = seen[at] as Heads;
      assert.deepEqual(past.at(heads), read(book.replica.at(heads)), `seed ${seed}, step ${step}, moment ${at}`);
      if (step === 40) book.addCell(0, "code", "while it is looked at");
    }
    assert.deepEqual(past.now(), read(book.replica.value), `seed ${seed}`);
  }
});

/** Counts what is read of a notebook: documents as a whole, and cells. */
function counting(book: Notebook): { whole: number; cells: number } {
  const count = { whole: 0, cells: 0 };
  const { replica } = book;
  const [at, mapAt] = [replica.at.bind(replica), replica.mapAt.bind(replica)];
  replica.at = (heads) => (count.whole++, at(heads));
  replica.mapAt = (heads, path) => (count.cells++, mapAt(heads, path));
  return count;
}

test("a step reads the cells that changed between two moments, and no others, however many there are", () => {
  const book = notebook(...Array.from({ length: 300 }, (_, index) => `x = ${index}`));
  const ids = book.cellIds();
  const seen = [book.replica.heads()];
  for (let moment = 0; moment < 100; moment++) {
    for (const id of [ids[moment], ids[moment + 1]] as string[]) book.editSource(id, [{ from: 0, to: 0, insert: "y" }], book);
    seen.push(book.replica.heads());
  }
  const past = new History(book, () => new Map());
  const count = counting(book);
  past.at(seen[50] as Heads);
  assert.deepEqual(count, { whole: 1, cells: 0 });
  for (let at = 51; at <= 100; at++) past.at(seen[at] as Heads);
  assert.deepEqual(count, { whole: 1, cells: 100 });
  for (let at = 99; at >= 30; at--) past.at(seen[at] as Heads);
  assert.deepEqual(count, { whole: 1, cells: 140 }, "those that were read are kept");
  past.at(seen[0] as Heads);
  assert.deepEqual(count, { whole: 1, cells: 171 }, "a leap reads what changed in between");
});

test("comparing two moments compares the cells that changed between them", () => {
  const book = notebook(...Array.from({ length: 50 }, (_, index) => `x = ${index}`));
  const before = book.replica.heads();
  book.editSource(book.cellIds()[7] as string, [{ from: 0, to: 0, insert: "y" }], book);
  const past = new History(book, () => new Map());
  const [old, now] = [past.at(before), past.now()];
  assert.equal(now.cells.filter((cell, index) => cell !== old.cells[index]).length, 1);
  assert.equal(now.metadata, old.metadata);
});

test("of a thousand cells that were shuffled as few as possible count as moved", () => {
  const record = (id: number, position: string) => ({ id: `${id}`, type: "code" as const, position, source: "", metadata: {}, attachments: undefined });
  const old = Array.from({ length: 1000 }, (_, index) => record(index, `${index}`));
  const now = [...old.slice(500, 510).map((cell, index) => ({ ...cell, position: `0.${index}` })), ...old.slice(0, 500), ...old.slice(510)];
  assert.deepEqual(diffCells(old, now).filter(({ moved }) => moved).map(({ cellId }) => Number(cellId)), Array.from({ length: 10 }, (_, index) => 500 + index));
});
