// The past in the page: the same moments as everywhere, differences that make the one of the other, restoring and back.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type Author, actorOf, Authors, authorKey } from "../src/core/history/authors.ts";
import { diffCells, read } from "../src/core/history/diff.ts";
import { History } from "../src/core/history/history.ts";
import { diffLines } from "../src/core/history/lines.ts";
import { momentsOf } from "../src/core/history/moments.ts";
import { Notebook } from "../src/core/notebook.ts";
import { Replica } from "../src/core/replica.ts";
import type { NotebookRoot } from "../src/core/schema.ts";
import { Structure } from "../src/core/structure.ts";
import { coreIsReady, random } from "./core.ts";

await coreIsReady;

function book(actor?: string): Notebook {
  const replica = Replica.empty<NotebookRoot>(actor);
  replica.change((draft) => Object.assign(draft, { cells: {}, metadata: {}, comments: {}, versions: {} }), "remote");
  return new Notebook(replica);
}

test("the moments are those that Python tells", () => {
  const vectors = JSON.parse(readFileSync(new URL("./moments.json", import.meta.url), "utf8"));
  for (const { changes, spans, versions, moments } of vectors) {
    const told = momentsOf(changes, new Authors(spans, new Map()), versions);
    const plain = told.map(({ shortId: _, written: __, authors, ...rest }) => ({ ...rest, authors: authors.map(({ kind, name }) => `${kind} ${name}`) }));
    const byKey = (one: object) => JSON.stringify(Object.entries(one).sort());
    assert.deepEqual(plain.map(byKey), moments.map(byKey));
  }
});

test("an actor begins with the hash of its peer, as Python has it", async () => {
  const actor = actorOf("ada-1");
  assert.equal(actor.length, 32);
  assert.equal(authorKey(actor), "d2da5acff01a03df");
  assert.notEqual(actor, actorOf("ada-1"));
});

test("the lines of a difference make either text", () => {
  const next = random(3);
  for (let round = 0; round < 300; round++) {
    const text = () => Array.from({ length: Math.floor(next() * 9) }, () => "abc "[Math.floor(next() * 4)]?.repeat(Math.floor(next() * 3))).join("\n");
    const [old, now] = [text(), text()];
    const lines = diffLines(old, now);
    const without = (kind: string) => lines.filter((line) => line.kind !== kind).map((line) => line.text).join("\n");
    assert.deepEqual([without("added"), without("deleted")], [old, now]);
  }
});

test("of two long texts that differ in a line, one line differs", () => {
  const lines = Array.from({ length: 5000 }, (_, i) => `line ${i}`);
  const found = diffLines(lines.join("\n"), lines.with(2500, "other").join("\n")).filter(({ kind }) => kind !== "same");
  assert.deepEqual(found, [{ kind: "deleted", text: "line 2500" }, { kind: "added", text: "other" }]);
});

test("a restored notebook is what it was, and undoing that gives what there was before", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const next = random(seed);
    const pick = <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)] as T;
    const notebook = book();
    const structure = new Structure(notebook);
    notebook.addCells(0, ["one\ntwo\nthree\n", "four 😀", ""].map((source) => ({ type: "code", source })));
    const seen = [notebook.replica.heads()];
    for (let edit = 0; edit < 25; edit++) {
      const ids = notebook.cellIds();
      const id = pick(ids);
      const at = id === undefined ? 0 : Math.floor(next() * (notebook.source(id).length + 1));
      const turn = Math.floor(next() * 7);
      if (turn === 0) structure.insert(Math.floor(next() * (ids.length + 1)), [{ type: "code", source: `new ${edit}\n` }]);
      else if (id === undefined) continue;
      else if (turn === 1 && ids.length > 1) structure.remove([id]);
      else if (turn === 2) structure.move([id], Math.floor(next() * ids.length));
      else if (turn === 3) structure.setType([id], pick(["code", "markdown", "raw"]));
      else if (turn === 4) notebook.setMetadata([{ cellId: id, path: ["n"], value: [edit, { x: edit }] }]);
      else if (turn === 5) notebook.setOwnMetadata([{ key: "title", value: `${edit}` }]);
      else if (at > 0 && (notebook.source(id).charCodeAt(at) & 0xfc00) === 0xdc00) continue;
      else notebook.editSource(id, [{ from: at, to: at, insert: pick(["x", "\n", "print(1)\n", "😀"]) }], notebook);
      seen.push(notebook.replica.heads());
    }
    const then = read(notebook.replica.at(pick(seen)));
    const before = read(notebook.replica.value);
    const heads = notebook.replica.heads();
    const written = () => notebook.replica.changesSince(heads).length;
    structure.restore(then, "whole");
    assert.ok(written() <= 1, "as one change, unless it is as it was");
    assert.deepEqual(read(notebook.replica.value), then, `seed ${seed}`);
    assert.deepEqual(diffCells(then.cells, read(notebook.replica.value).cells).filter(({ kind }) => kind !== "same"), []);
    structure.undo();
    assert.deepEqual(read(notebook.replica.value), before, `seed ${seed}, undone`);
    assert.ok(written() <= 2, "and so is the undoing");
    structure.redo();
    assert.deepEqual(read(notebook.replica.value), then, `seed ${seed}, redone`);
  }
});

test("one cell is restored where it stands, and lines that others changed meanwhile stay", () => {
  const notebook = book();
  const [id = "", other = ""] = notebook.addCells(0, ["first\nsecond\nthird", "x"].map((source) => ({ type: "code", source })));
  const then = read(notebook.replica.value);
  notebook.editSource(id, [{ from: 0, to: 5, insert: "FIRST" }], notebook);
  const theirs = new Notebook(Replica.load<NotebookRoot>([notebook.replica.save()]));
  theirs.editSource(id, [{ from: 18, to: 18, insert: "\nfourth" }], theirs);
  notebook.moveCells([id], 1);
  new Structure(notebook).restore(then, [id]);
  const merged = new Notebook(Replica.load<NotebookRoot>([notebook.replica.save(), theirs.replica.save()]));
  assert.deepEqual([merged.source(id), merged.cellIds()], ["first\nsecond\nthird\nfourth", [other, id]]);
});

test("each part of a source is its author's, and a name that was given tells the moment", () => {
  const ada: Author = { peer_id: "1", name: "Ada", kind: "person" };
  const bot: Author = { peer_id: "2", name: "Bot", kind: "agent" };
  const notebook = book("aa".repeat(16));
  const [id = ""] = notebook.addCells(0, [{ type: "code", source: "x = 1" }]);
  const theirs = new Notebook(Replica.load<NotebookRoot>([notebook.replica.save()], "bb".repeat(16)));
  theirs.editSource(id, [{ from: 5, to: 5, insert: " # one" }], theirs);
  const merged = new Notebook(Replica.load<NotebookRoot>([theirs.replica.save()], "aa".repeat(16)));
  const history = new History(merged, () => new Map([["aa".repeat(8), ada], ["bb".repeat(8), bot]]));
  assert.deepEqual(history.blame(id).map(({ from, to, by }) => [from, to, by.author.name]), [[0, 5, "Ada"], [5, 11, "Bot"]]);
  history.nameVersion("before lunch", merged.replica.heads(), 10);
  assert.deepEqual(history.moments().map(({ names, authors }) => [names, authors.map(({ name }) => name)]), [
    [[], ["Ada"]],
    [["before lunch"], ["Bot"]],
  ]);
});
