// Who is mentioned in a text, to the page as to Python, and whoever was meant whatever they are called since.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Comments, readThreads } from "../src/core/comments.ts";
import type { Author } from "../src/core/history/authors.ts";
import { isMentioned, meantIn, namedIn, type Reader } from "../src/core/mentions.ts";
import { coreIsReady } from "./core.ts";
import { notebook } from "./notebooks.ts";

await coreIsReady;

const author = (said: string): Author => {
  const [kind, ...name] = said.split(" ");
  return { peer_id: "", kind: kind as Author["kind"], name: name.join(" ") };
};
const ada: Author = { peer_id: "1", name: "Ada", kind: "person" };
const reader = (names: string[], kind: Author["kind"] = "person", peer_id = "9"): Reader => ({ peer_id, kind, names });

test("the same are named in a text as to Python", () => {
  for (const { text, known, named } of JSON.parse(readFileSync(new URL("./mentions.json", import.meta.url), "utf8"))) {
    const found = namedIn(text, known.map(author)).map(({ from, to, who }) => [text.slice(from, to), `${who.kind} ${who.name}`]);
    assert.deepEqual(found, named, text);
  }
});

test("who was meant is mentioned under whatever name, and somebody else of that name is not", () => {
  const mentions = [ada];
  assert.ok(isMentioned("@Ada?", mentions, reader(["Ada"])), "who comes back has another id");
  assert.ok(isMentioned("@Ada?", mentions, reader(["Countess"], "person", "1")), "who was renamed has the same");
  assert.ok(isMentioned("@Ada?", mentions, reader(["Countess", "Ada"])), "or was called that before");
  assert.ok(!isMentioned("@Ada?", mentions, reader(["Ada"], "agent")), "an agent of that name was not meant");
  assert.ok(!isMentioned("Ada?", mentions, reader(["Ada"])), "and nobody whom the text does not name any more");
  assert.ok(isMentioned("@Ada?", [], reader(["Ada"], "agent")), "but where nobody was meant, whoever is called that");
});

test("who is meant is kept with a message, once, and read again", () => {
  const book = notebook("x = 1");
  book.replica.change((draft) => (draft.comments = {}), "remote");
  let now = 5; // messages are in the order of their times
  const comments = new Comments(book, () => ({ peer_id: "2", name: "Bo", kind: "person" }), () => now++);
  const text = "@Ada and @ada, see here";
  const id = comments.start(book.cellIds()[0] as string, text, null, meantIn(text, [ada]));
  comments.reply(id, "nobody");
  const [thread] = readThreads(book.replica.value);
  assert.deepEqual(thread?.messages.map(({ mentions }) => mentions), [[ada], []]);
});
