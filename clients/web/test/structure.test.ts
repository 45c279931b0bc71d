// Adding, deleting, moving, splitting, merging, replacing, and taking that back while others write.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Notebook } from "../src/core/notebook.ts";
import { plain } from "../src/core/replica.ts";
import { Structure } from "../src/core/structure.ts";
import { coreIsReady, random } from "./core.ts";
import { copyOf, exchange, notebook, sources } from "./notebooks.ts";

await coreIsReady;

const cell = (source: string) => ({ type: "code", source }) as const;
const type = (book: Notebook, id: string, at: number, text: string) => book.editSource(id, [{ from: at, to: at, insert: text }], {});

/** A notebook, what this tab does to it, and the same notebook with somebody else. */
function together(...texts: string[]) {
  const mine = notebook(...texts);
  const theirs = copyOf(mine);
  const deeds = new Structure(mine);
  mine.onEvents = (events) => {
    for (const event of events) if (event.kind === "source" && event.origin === "remote") deeds.othersWrote(event.cellId);
  };
  return { mine, theirs, deeds, ids: mine.cellIds() as [string, string, string] };
}

test("each deed is one change, and taken back it is as it was", () => {
  const deeds: ((structure: Structure, ids: string[]) => void)[] = [
    (structure) => structure.insert(1, [cell("x"), cell("y")]),
    (structure, [a, , c]) => structure.remove([a as string, c as string]),
    (structure, [a, b]) => structure.move([a as string, b as string], 1),
    (structure, [a]) => structure.setType([a as string], "markdown"),
    (structure, [a]) => structure.setHeading([a as string], 2),
    (structure, [a]) => structure.split(a as string, 3),
    (structure, ids) => structure.merge(ids),
    (structure, [a, b]) =>
      structure.replace([
        { cellId: a as string, from: 0, to: 1, insert: "longer" },
        { cellId: a as string, from: 2, to: 3, insert: "" },
        { cellId: b as string, from: 0, to: 0, insert: "start" },
      ]),
  ];
  const state = (book: Notebook) => book.cellIds().map((id) => ({ ...book.record(id) }));
  for (const deed of deeds) {
    const { mine, deeds: structure, ids } = together("first 🐦", "", "third");
    const before = state(mine);
    deed(structure, ids);
    const after = state(mine);
    assert.notDeepEqual(after, before);
    assert.notEqual(structure.undo(), null);
    assert.deepEqual(state(mine), before);
    assert.notEqual(structure.redo(), null);
    assert.deepEqual(state(mine), after);
    structure.undo();
    assert.deepEqual(state(mine), before);
    assert.equal(structure.undo(), null);
  }
});

test("a split cell keeps its id and its end has another, of the same type and metadata", () => {
  const { mine, deeds, ids } = together("a = 1\nb = 2", "after");
  mine.setMetadata([{ cellId: ids[0], path: ["tags"], value: ["x"] }]);
  const made = deeds.split(ids[0], 6) as string;
  assert.deepEqual(sources(mine), ["a = 1", "b = 2", "after"]);
  assert.deepEqual(mine.metadata(made), { tags: ["x"] });
  assert.equal(mine.cellIds()[0], ids[0]);
  deeds.undo();
  assert.deepEqual(sources(mine), ["a = 1\nb = 2", "after"], "the line break that was in neither half is there again");
  deeds.split(ids[0], 5);
  assert.deepEqual(sources(mine), ["a = 1", "b = 2", "after"], "at the end of a line as at the beginning of the next");
  deeds.undo();
  deeds.split(ids[0], 3);
  assert.deepEqual(sources(mine), ["a =", " 1\nb = 2", "after"]);
});

test("texts are merged as paragraphs of their own, and code as lines", () => {
  const { mine, deeds, ids } = together("- a", "b", "x", "y");
  deeds.setType(ids.slice(0, 2), "markdown");
  deeds.merge(ids.slice(0, 2));
  deeds.merge(ids.slice(2));
  assert.deepEqual(sources(mine), ["- a\n\nb", "x\ny"]);
  deeds.undo();
  deeds.undo();
  assert.deepEqual(sources(mine), ["- a", "b", "x", "y"]);
  deeds.redo();
  assert.deepEqual(sources(mine), ["- a\n\nb", "x", "y"]);
});

test("what others write in both halves of a split cell is in it when the split is taken back", () => {
  const { mine, theirs, deeds, ids } = together("onetwo");
  const made = deeds.split(ids[0], 3) as string;
  exchange(mine, theirs);
  type(theirs, ids[0], 0, "<");
  type(theirs, made, 3, ">");
  exchange(mine, theirs);
  deeds.undo();
  assert.deepEqual(sources(mine), ["<onetwo>"]);
  deeds.redo();
  assert.deepEqual(sources(mine), ["<one", "two>"]);
});

test("typing at the same time as a split or a merge of the cell loses no character of the first part", () => {
  const { mine, theirs, deeds, ids } = together("head tail", "more");
  type(theirs, ids[0], 4, "strong");
  deeds.split(ids[0], 5);
  exchange(mine, theirs);
  assert.deepEqual(sources(mine), ["headstrong ", "tail", "more"]);
  type(theirs, ids[0], 0, "be");
  deeds.merge(mine.cellIds());
  exchange(mine, theirs);
  assert.deepEqual(sources(mine), ["beheadstrong \ntail\nmore"]);
  assert.deepEqual(sources(theirs), sources(mine));
});

test("a merge that was split again is taken back after the split is", () => {
  const { mine, deeds, ids } = together("a", "b", "c");
  deeds.merge(ids.slice(0, 2));
  deeds.split(ids[0], 1);
  assert.deepEqual(sources(mine), ["a", "b", "c"]);
  deeds.undo();
  deeds.undo();
  assert.deepEqual(sources(mine), ["a", "b", "c"]);
  deeds.redo();
  deeds.redo();
  assert.deepEqual(sources(mine), ["a", "b", "c"]);
});

test("a merge is taken back where the parts are now, with what was written in them", () => {
  const { mine, theirs, deeds, ids } = together("one", "two", "three");
  deeds.merge(ids);
  exchange(mine, theirs);
  type(theirs, ids[0], theirs.source(ids[0]).indexOf("two") + 3, " and a half");
  type(theirs, ids[0], 0, "zero ");
  exchange(mine, theirs);
  deeds.undo();
  assert.deepEqual(sources(mine), ["zero one", "two and a half", "three"]);
  assert.deepEqual(mine.cellIds(), ids);
});

test("a cell that somebody else has moved or retyped since stays where and what it is", () => {
  const { mine, theirs, deeds, ids } = together("a", "b", "c");
  deeds.move([ids[0]], 2);
  deeds.setType([ids[1]], "markdown");
  exchange(mine, theirs);
  theirs.moveCells([ids[0]], 1);
  theirs.setTypes([[ids[1], "raw"]]);
  exchange(mine, theirs);
  const before = mine.replica.heads();
  assert.equal(deeds.undo(), null);
  assert.deepEqual(mine.replica.heads(), before);
});

test("a new cell that somebody else has written in is not taken away again", () => {
  const { mine, theirs, deeds } = together("a");
  const [kept, gone] = deeds.insert(1, [cell(""), cell("")]) as [string, string];
  exchange(mine, theirs);
  type(theirs, kept, 0, "theirs");
  exchange(mine, theirs);
  deeds.undo();
  assert.ok(mine.has(kept) && !mine.has(gone));
});

test("a replacement is taken back only where it still stands", () => {
  const { mine, theirs, deeds, ids } = together("x + x", "x");
  deeds.replace([
    { cellId: ids[0], from: 0, to: 1, insert: "long" },
    { cellId: ids[0], from: 4, to: 5, insert: "long" },
    { cellId: ids[1], from: 0, to: 1, insert: "long" },
  ]);
  exchange(mine, theirs);
  theirs.editSource(ids[1], [{ from: 0, to: 4, insert: "other" }], {});
  type(theirs, ids[0], 0, "y = ");
  exchange(mine, theirs);
  deeds.undo();
  assert.deepEqual(sources(mine), ["y = x + x", "other"]);
});

test("a move writes positions and nothing else, several cells stay together", () => {
  const { mine, deeds, ids } = together("a", "b", "c", "d");
  const before = mine.replica.heads();
  const patches: string[] = [];
  const tell = mine.replica.onPatches;
  mine.replica.onPatches = (found, origin) => {
    patches.push(...found.map(({ path }) => `${path[2]}`));
    tell(found, origin);
  };
  deeds.move([ids[2], ids[0]], 2);
  assert.deepEqual(sources(mine), ["b", "d", "c", "a"]);
  assert.deepEqual(new Set(patches), new Set(["position"]));
  assert.equal(mine.replica.hashesSince(before).length, 1);
});

test("metadata is set where it is named and leaves what is beside it", () => {
  const { mine, ids } = together("a");
  mine.setMetadata([
    { cellId: ids[0], path: ["jupyter", "source_hidden"], value: true },
    { cellId: ids[0], path: ["jupyter", "outputs_hidden"], value: true },
  ]);
  mine.setMetadata([{ cellId: ids[0], path: ["jupyter", "outputs_hidden"], value: undefined }]);
  mine.setMetadata([{ cellId: ids[0], path: ["nothing", "here"], value: undefined }]);
  assert.deepEqual(mine.metadata(ids[0]), { jupyter: { source_hidden: true } });
  assert.deepEqual(plain(mine.replica.value.cells[ids[0]]?.metadata), { jupyter: { source_hidden: true } });
});

test("whatever two people do and take back, both have the same notebook and every cell once", () => {
  for (let seed = 0; seed < 25; seed++) {
    const chance = random(seed);
    const pick = <T>(of: readonly T[]) => of[Math.floor(chance() * of.length)] as T;
    const { mine, theirs, deeds } = together("alpha", "beta", "gamma");
    const sides = [{ book: mine, deeds }, { book: theirs, deeds: new Structure(theirs) }];
    for (let turn = 0; turn < 40; turn++) {
      const { book, deeds: structure } = pick(sides);
      const ids = book.cellIds();
      const id = ids.length > 0 ? pick(ids) : "none";
      pick([
        () => structure.insert(Math.floor(chance() * (ids.length + 1)), [cell("new"), cell("")]),
        () => structure.remove([id]),
        () => structure.move([id], Math.floor(chance() * ids.length)),
        () => structure.split(id, Math.floor(chance() * (book.source(id).length + 1))),
        () => structure.merge(ids.slice(0, 2)),
        () => structure.setType([id], pick(["code", "markdown"])),
        () => structure.undo(),
        () => structure.redo(),
        () => book.has(id) && type(book, id, 0, "z"),
      ])();
      if (chance() < 0.3) exchange(mine, theirs);
    }
    exchange(mine, theirs);
    assert.deepEqual(sources(mine), sources(theirs), `seed ${seed}`);
    assert.equal(new Set(mine.cellIds()).size, mine.cellIds().length);
  }
});
