import assert from "node:assert/strict";
import { test } from "node:test";
import { DocSync } from "../src/core/doc_sync.ts";
import { Notebook, type NotebookEvent } from "../src/core/notebook.ts";
import { toCodePoints, toCodeUnits } from "../src/core/offsets.ts";
import { plain, Replica } from "../src/core/replica.ts";
import type { NotebookRoot } from "../src/core/schema.ts";
import { coreIsReady } from "./core.ts";
import { notebook, sources } from "./notebooks.ts";

await coreIsReady;

test("cells stand where they were put", () => {
  const book = notebook("a", "b", "c");
  const [a, , c] = book.cellIds() as [string, string, string];
  book.addCell(0, "markdown", "first");
  book.moveCells([c], 1);
  assert.deepEqual(sources(book), ["first", "c", "a", "b"]);
  book.moveCells([a], 3);
  assert.deepEqual(sources(book), ["first", "c", "b", "a"]);
});

test("everything of a cell but its source is a scalar, as other peers expect", () => {
  const book = notebook("x");
  const [id] = book.cellIds() as [string];
  const cell = book.replica.value.cells[id];
  assert.equal(typeof cell?.source, "string");
  assert.equal(typeof cell?.position, "object");
  assert.equal(plain(cell?.cell_type), "code");
});

test("a deleted cell comes back where it was, with its id", () => {
  const book = notebook("a", "b", "c");
  const id = book.cellIds()[1] as string;
  const record = book.record(id);
  book.deleteCells([id]);
  assert.deepEqual(sources(book), ["a", "c"]);
  assert.ok(record);
  book.restoreCells([record]);
  assert.deepEqual(sources(book), ["a", "b", "c"]);
  assert.equal(book.cellIds()[1], id);
});

test("edits of a cell that is gone do nothing", () => {
  const book = notebook("a");
  const heads = book.replica.heads();
  book.editSource("gone", [{ from: 0, to: 0, insert: "x" }], {});
  book.deleteCells(["gone"]);
  book.setTypes([["gone", "raw"]]);
  book.moveCells(["gone"], 0);
  assert.deepEqual(book.replica.heads(), heads);
});

test("events say what happened to which cell, and who did it", () => {
  const book = notebook("a🐦");
  const [id] = book.cellIds() as [string];
  const seen: NotebookEvent[] = [];
  book.onEvents = (events) => seen.push(...events);
  const me = {};
  book.editSource(id, [{ from: 1, to: 3, insert: "b" }], me);
  book.setTypes([[id, "markdown"]]);
  book.moveCells([id], 0);
  const edits = seen.flatMap((event) => (event.kind === "source" && event.origin === me ? event.edits : []));
  assert.deepEqual(edits, [
    { from: 1, to: 1, insert: "b" },
    { from: 2, to: 4, insert: "" },
  ]);
  assert.deepEqual(seen.map(({ kind }) => kind), ["source", "type"]);
});

test("half a surrogate pair never enters the document", () => {
  const book = notebook("");
  const [id] = book.cellIds() as [string];
  book.editSource(id, [{ from: 0, to: 0, insert: "a\ud83d" }], {});
  assert.equal(book.source(id), "a\ufffd");
});

test("what was kept in pieces is the same notebook, and what the hub lacks is known", () => {
  const book = notebook("a");
  const heads = book.replica.heads();
  const snapshot = book.replica.save();
  book.addCell(1, "code", "offline");
  const later = Replica.load<NotebookRoot>([book.replica.saveSince(heads), snapshot, snapshot]);
  assert.deepEqual(later.heads(), book.replica.heads());
  assert.equal(later.hashesSince(heads).length, 1);
});

test("an edit is unsaved until the hub's heads contain it", () => {
  const hub = notebook("a").replica;
  const mine = Replica.load<NotebookRoot>([hub.save()]);
  const sync = new DocSync(mine, () => true);
  const theirs = hub.startSync();
  sync.connected();
  const exchange = () => {
    for (let now = 0; now < 20; now++) {
      const message = sync.pump(now);
      if (message !== null) hub.receive(theirs, message);
      const answer = hub.generate(theirs);
      if (answer !== null) sync.receive([answer], now);
    }
  };
  exchange();
  assert.ok(sync.joined);
  new Notebook(mine).addCell(1, "code", "new");
  assert.equal(sync.unsaved, 1);
  exchange();
  assert.equal(sync.unsaved, 0);
  assert.deepEqual(hub.heads(), mine.heads());
});

test("cursors cross the wire in code points", () => {
  const text = "a🐦b";
  assert.deepEqual([0, 1, 3, 4].map((units) => toCodePoints(text, units)), [0, 1, 2, 3]);
  assert.deepEqual([0, 1, 2, 3, 9].map((points) => toCodeUnits(text, points)), [0, 1, 3, 4, 4]);
});
