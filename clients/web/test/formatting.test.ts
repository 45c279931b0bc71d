// What a run waits for, where cells are formatted before they run.

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import type { RequestBody } from "../src/core/messages.ts";
import type { NotebookEvent } from "../src/core/notebook.ts";
import { Signal } from "../src/core/signal.ts";
import { Structure } from "../src/core/structure.ts";
import { Formatter } from "../src/page/formatting.ts";
import type { Page } from "../src/page/page.ts";
import { Requests } from "../src/page/requests.ts";
import { coreIsReady } from "./core.ts";
import { notebook, sources } from "./notebooks.ts";

await coreIsReady;

/** A page with these cells in a service that is set to format them, what it has asked for, and how that is answered. */
function page(...texts: string[]) {
  const book = notebook(...texts);
  const asked: RequestBody[] = [];
  const session = { mayEdit: true, request: (body: RequestBody) => `${asked.push(body) - 1}`, forget: () => {} };
  const requests = new Requests(session as never, { poke: () => {} } as never, { say: () => {} } as never);
  requests.linkState = "online";
  const edited = new Signal<NotebookEvent[]>();
  book.onEvents = (events) => edited.emit(events);
  const made = {
    edited,
    notebook: book,
    session,
    requests,
    structure: new Structure(book),
    selection: { isEditing: false },
    executions: { root: { formatting: "on_run" } },
    link: "online",
  };
  const formatter = new Formatter(made as unknown as Page);
  requests.before = (body) => formatter.before(body);
  const answer = (id: number, code: string, taken = false) => requests.take({ id: `${id}`, result: { code, why: "", taken }, error: null });
  const methods = () => asked.map(({ method }) => method);
  return { book, requests, answer, methods };
}

const settled = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

test("a cell is formatted before it runs, and what is asked for goes out in the order in which it was asked for", async () => {
  const { book, requests, answer, methods } = page("x=1", "# Text");
  const run = { method: "execute", cell_ids: book.cellIds().slice(0, 1) } as const;
  requests.ask(run, "run");
  requests.ask({ method: "stop", whose: "mine" }, "stop");
  assert.deepEqual(methods(), ["format"]);
  answer(0, "x = 1");
  await settled();
  assert.deepEqual(methods(), ["format", "execute", "stop"]);
  assert.deepEqual(sources(book), ["x = 1", "# Text"]);
  requests.ask(run, "run"); // known to be formatted: it goes out at once
  assert.deepEqual(methods().slice(3), ["execute"]);
});

test("a run does not wait for long, and what is answered late is let go", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { book, requests, answer, methods } = page("x=1", "y=2");
  requests.ask({ method: "execute", cell_ids: null }, "run all cells");
  answer(1, "y = 2");
  await settled();
  assert.deepEqual(methods(), ["format", "format"]);
  mock.timers.tick(1000);
  await settled();
  assert.deepEqual(methods(), ["format", "format", "execute"]);
  answer(0, "x = 1");
  await settled();
  assert.deepEqual(sources(book), ["x=1", "y = 2"]);
  mock.timers.reset();
});

test("what is written in a cell meanwhile stays, and nobody looks into the notebook's past for it", async () => {
  const { book, requests, answer } = page("x=1\ny='a'\nz=3");
  const [id] = book.cellIds() as [string];
  book.replica.at = () => assert.fail("the past is not read: it grows");
  requests.ask({ method: "execute", cell_ids: [id] }, "run");
  const end = book.source(id).length;
  book.editSource(id, [{ from: end, to: end, insert: " # last" }, { from: 0, to: 0, insert: "# mine\n" }], {});
  book.editSource(id, [{ from: 13, to: 14, insert: "" }], {}); // the quote that is to be another
  answer(0, 'x = 1\ny = "a"\nz = 3');
  await settled();
  assert.deepEqual(sources(book), ['# mine\nx = 1\ny = "a"\nz = 3 # last']);
});

test("what somebody else formats at this moment is left to them, and asked about again", async () => {
  const { book, requests, answer, methods } = page("x=1");
  const run = { method: "execute", cell_ids: null } as const;
  requests.ask(run, "run");
  answer(0, "x=1", true);
  await settled();
  assert.deepEqual(methods(), ["format", "execute"]);
  requests.ask(run, "run");
  assert.deepEqual(methods().slice(2), ["format"]);
  assert.deepEqual(sources(book), ["x=1"]);
});
