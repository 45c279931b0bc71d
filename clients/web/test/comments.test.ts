// Comments in the page: what becomes of a thread when its cell is edited, merged, split, deleted.

import assert from "node:assert/strict";
import { test } from "node:test";
import { anchorOf, Comments, findPassage } from "../src/core/comments.ts";
import { Notebook } from "../src/core/notebook.ts";
import { Replica } from "../src/core/replica.ts";
import type { NotebookRoot } from "../src/core/schema.ts";
import { Structure } from "../src/core/structure.ts";
import { coreIsReady } from "./core.ts";

await coreIsReady;

const ADA = { peer_id: "1", name: "Ada", kind: "person" } as const;

function book(...sources: string[]): { notebook: Notebook; comments: Comments; ids: string[] } {
  const replica = Replica.empty<NotebookRoot>();
  replica.change((draft) => Object.assign(draft, { cells: {}, metadata: {}, comments: {}, versions: {} }), "remote");
  const notebook = new Notebook(replica);
  let time = 0;
  const ids = notebook.addCells(0, sources.map((source) => ({ type: "code", source })));
  return { notebook, comments: new Comments(notebook, () => ADA, () => ++time), ids };
}

test("a thread is begun, answered, resolved, opened again and removed", () => {
  const { notebook, comments, ids } = book("x = 1");
  const heard: string[] = [];
  notebook.onEvents = (events) => heard.push(...events.map(({ kind }) => kind));
  const id = comments.start(ids[0] as string, "why?", null);
  comments.reply(id, "because");
  comments.resolve(id);
  const [thread] = comments.all();
  assert.deepEqual(thread?.messages.map(({ text, author, time }) => [text, author.name, time]), [["why?", "Ada", 1], ["because", "Ada", 2]]);
  assert.equal(thread?.resolved?.author.name, "Ada");
  comments.reopen(id);
  comments.edit(id, thread?.messages[0].id as string, "why 1?");
  assert.deepEqual([comments.all()[0]?.resolved, comments.all()[0]?.messages[0].text], [null, "why 1?"]);
  comments.remove(id);
  assert.deepEqual([comments.all(), new Set(heard)], [[], new Set(["comments"])]);
});

test("a passage is found where it stands now, the nearest of several, and not when it is gone", () => {
  const anchor = anchorOf("😀 x = 1\nx = 1", 9, 14);
  assert.deepEqual(anchor, { quote: "x = 1", start: 8 });
  assert.deepEqual(findPassage("😀 x = 1\nx = 1", anchor as NonNullable<typeof anchor>), { from: 9, to: 14 });
  assert.deepEqual(findPassage("y\nx = 1", anchor as NonNullable<typeof anchor>), { from: 2, to: 7 });
  assert.equal(findPassage("y", anchor as NonNullable<typeof anchor>), null);
  assert.equal(anchorOf("abc", 1, 1), null);
});

test("merging takes threads along, splitting divides them, a deleted cell's are kept", () => {
  const { notebook, comments, ids } = book("a = 1", "b = 2\nc = 3");
  const [a = "", b = ""] = ids;
  const structure = new Structure(notebook);
  comments.start(b, "about c", anchorOf("b = 2\nc = 3", 6, 11));
  comments.start(b, "about b", null);
  const split = structure.split(b, 6) as string;
  assert.deepEqual(comments.all().map(({ cellId, anchor }) => [cellId, anchor?.start]), [[split, 0], [b, undefined]]);
  structure.merge([a, b]);
  assert.deepEqual(comments.all().map(({ cellId }) => cellId), [split, a]);
  structure.remove([a]);
  assert.equal(comments.all().length, 2);
});
