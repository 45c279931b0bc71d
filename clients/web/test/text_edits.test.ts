// Few edits from one text to another, and laying them over what others have written meanwhile.

import * as Automerge from "@automerge/automerge/slim";
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Notebook, TextEdit } from "../src/core/notebook.ts";
import type { Heads } from "../src/core/replica.ts";
import { carriedOver, difference, type NamedText } from "../src/core/text_edits.ts";
import { languageOf } from "../src/core/language.ts";
import { Structure } from "../src/core/structure.ts";
import { coreIsReady, random } from "./core.ts";
import { copyOf, exchange, notebook, sources } from "./notebooks.ts";

await coreIsReady;

const applied = (text: string, edits: readonly TextEdit[]) =>
  edits.toReversed().reduce((now, { from, to, insert }) => now.slice(0, from) + insert + now.slice(to), text);

/** Edits that were made for the one cell of this notebook as it was at these heads. */
function over({ replica }: Notebook, heads: Heads, edits: readonly TextEdit[]): TextEdit[] {
  const id = Object.keys(replica.value.cells)[0] as string;
  const named = (doc: object): NamedText => {
    const text = `${(doc as typeof replica.value).cells[id]?.source}`;
    return { text, elements: Array.from({ length: text.length }, (_, at) => Automerge.getCursor(doc, ["cells", id, "source"], at)) };
  };
  return carriedOver(edits, named(replica.at(heads)), named(replica.value));
}

test("of a text that is formatted only the words and spaces that differ are touched", () => {
  const old = "import os\nvalues=[1,2]  # 🐦\n\nname = 'Ada'";
  const now = "import os\n\nvalues = [1, 2]  # 🐦\n\nname = \"Ada\"";
  const edits = difference(old, now);
  assert.equal(applied(old, edits), now);
  assert.ok(edits.every(({ from, to, insert }) => to - from <= 1 && insert.length <= 3), JSON.stringify(edits));
  assert.deepEqual(difference(now, now), []);
});

test("a cell is formatted around what others type meanwhile, and taken back as one step", () => {
  const mine = notebook("values=[1,2]\nname='Ada'\n# the end");
  const theirs = copyOf(mine);
  const [id] = mine.cellIds() as [string];
  const [then, heads] = [mine.source(id), mine.replica.heads()];
  theirs.editSource(id, [{ from: then.length, to: then.length, insert: " is near" }], {});
  theirs.editSource(id, [{ from: 8, to: 9, insert: "0,1" }], {});
  exchange(mine, theirs);
  const edits = difference(then, 'values = [1, 2]\nname = "Ada"\n# the end');
  const text = mine.source(id);
  const carried = over(mine, heads, edits);
  const deeds = new Structure(mine);
  deeds.replace(carried.map((edit) => ({ cellId: id, ...edit })), "the formatting");
  assert.deepEqual(sources(mine), ['values = [0,1, 2]\nname = "Ada"\n# the end is near']);
  assert.equal(deeds.undo(), "the formatting");
  assert.deepEqual(sources(mine), [text]);
});

test("whatever others wrote and deleted, what is carried over is what the document's own merge makes", () => {
  const next = random(7);
  const some = (most: number) => Math.floor(next() * (most + 1));
  const whole = (text: string, at: number) => Math.min(text.length, at) + ((text.charCodeAt(at) & 0xfc00) === 0xdc00 ? 1 : 0); // not in a pair
  for (let round = 0; round < 20; round++) {
    const mine = notebook("abcdefghij klm🐦no\npqrstuvwxyz");
    const theirs = copyOf(mine);
    const [id] = mine.cellIds() as [string];
    const [then, heads] = [mine.source(id), mine.replica.heads()];
    const edits: TextEdit[] = []; // apart from each other, as the difference of two texts is
    for (let at = some(4); at < then.length; at += 2 + some(6)) {
      at = whole(then, at);
      const to = whole(then, at + some(3));
      edits.push({ from: at, to, insert: "XYZ".slice(0, to > at ? some(3) : 1 + some(2)) });
      at = to;
    }
    for (let typed = 0; typed < 4; typed++) {
      const text = theirs.source(id);
      const from = whole(text, some(text.length));
      theirs.editSource(id, [{ from, to: whole(text, from + some(4)), insert: "0123".slice(some(4)) }], {});
    }
    const here = applied(theirs.source(id), over(theirs, heads, edits));
    mine.editSource(id, edits.toReversed(), {});
    exchange(mine, theirs);
    const letters = (text: string) => [...text].toSorted().join(""); // two texts at one place stand in either order
    assert.equal(letters(here), letters(mine.source(id)));
    assert.equal(here.replaceAll(/[XYZ]/g, ""), mine.source(id).replaceAll(/[XYZ]/g, ""));
    assert.equal(here.replaceAll(/[0-9]/g, ""), mine.source(id).replaceAll(/[0-9]/g, ""));
  }
});

test("a cell is of its own language, else the notebook's, else Python", () => {
  const book = notebook("1");
  const [id] = book.cellIds() as [string];
  assert.equal(languageOf(book, id), "python");
  book.setNotebookMetadata([{ path: ["kernelspec", "language"], value: "R" }]);
  assert.equal(languageOf(book, id), "r");
  book.setNotebookMetadata([{ path: ["language_info", "name"], value: "ipython" }]);
  assert.equal(languageOf(book, id), "python");
  book.setMetadata([{ cellId: id, path: ["vscode", "languageId"], value: "sql" }]);
  assert.equal(languageOf(book, id), "sql");
});
