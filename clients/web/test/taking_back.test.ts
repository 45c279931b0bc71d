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
  test(`the changes that undo a change are those that Python makes: ${name}`, async () => {
    const book = new Notebook(Replica.load<NotebookRoot>([new Uint8Array(Buffer.from(saved, "base64"))]));
    const before = book.replica.heads();
    const done = await takeBack(book, change);
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

test("what a change did is undone as one, once, and what others wrote since stays", async () => {
  const { book, change } = changed();
  book.editSource(book.cellIds()[0] as string, [{ from: 0, to: 0, insert: "mine: " }], book);
  assert.deepEqual(await notTakenBack(book, [change]), [change]);
  assert.ok(isEdit(book, change));
  assert.equal((await takeBack(book, change))?.cells.length, 2);
  assert.deepEqual(sources(book), ["mine: one two three", "gone"]);
  assert.deepEqual(await notTakenBack(book, [change]), []);
  assert.equal(await takeBack(book, change), null);
});

test("two who undo it at once undo it once, and one of them may undo that", async () => {
  const { book, change } = changed();
  const other = copyOf(book);
  other.editSource(other.cellIds()[0] as string, [{ from: 0, to: 0, insert: "mine: " }], other);
  const [undone] = await Promise.all([takeBack(book, change), takeBack(other, change)]);
  exchange(book, other);
  assert.deepEqual(sources(book), ["mine: one two three", "gone"]);
  assert.deepEqual(sources(other), sources(book));
  await takeBack(book, undone?.change ?? "");
  assert.deepEqual(sources(book), ["mine: one 2 three"]);
});
