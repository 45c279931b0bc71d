// Editors without a screen: the states and transactions that the page's editors have, bound to replicas that sync.

import assert from "node:assert/strict";
import { test } from "node:test";
import { history, redo, undo } from "@codemirror/commands";
import { EditorState, type Transaction, type TransactionSpec } from "@codemirror/state";
import { Notebook } from "../src/core/notebook.ts";
import { type Patch, Replica, scalar } from "../src/core/replica.ts";
import type { CellMap, NotebookRoot } from "../src/core/schema.ts";
import { changeOf, editsOf, fromDocument, remoteTransaction, replacement } from "../src/editor/binding.ts";
import { coreIsReady, random } from "./core.ts";

await coreIsReady;

function born(source: string): Uint8Array {
  const replica = Replica.empty<NotebookRoot>();
  replica.change((draft) => {
    draft.cells = { a: { id: scalar("a"), cell_type: scalar("code"), position: scalar("80"), source, metadata: {} } as CellMap };
    draft.metadata = {};
  }, "remote");
  return replica.save();
}

/** An editor on a notebook of its own; what it does not show yet waits in its document's sync messages. */
class Editor {
  readonly notebook: Notebook;
  state: EditorState;
  readonly #origin = {};

  constructor(document: Uint8Array) {
    this.notebook = new Notebook(Replica.load<NotebookRoot>([document]));
    this.notebook.onEvents = (events) => {
      for (const event of events) {
        if (event.kind !== "source" || event.origin === this.#origin) continue;
        this.state = this.state.update(remoteTransaction(event.edits, this.state.doc.length)).state;
      }
    };
    const extensions = [history(), EditorState.lineSeparator.of("\n")];
    this.state = EditorState.create({ doc: this.notebook.source("a"), extensions });
  }

  dispatch(transaction: Transaction): void {
    this.state = transaction.state;
    if (transaction.docChanged && transaction.annotation(fromDocument) !== true) {
      this.notebook.editSource("a", editsOf(transaction.changes), this.#origin);
    }
  }

  edit(spec: TransactionSpec): void {
    this.dispatch(this.state.update(spec));
  }

  do(command: typeof undo): void {
    command({ state: this.state, dispatch: (transaction) => this.dispatch(transaction) });
  }

  get text(): string {
    return this.state.doc.toString();
  }
}

/** Everything that two replicas have to say to each other. */
function settle(...editors: Editor[]): void {
  const [one, other] = editors.map(({ notebook }) => notebook.replica) as [Replica<NotebookRoot>, Replica<NotebookRoot>];
  const [mine, theirs] = [one.startSync(), other.startSync()];
  for (let quiet = 0; quiet < 2; ) {
    quiet = 0;
    for (const [from, sync, to, back] of [[one, mine, other, theirs], [other, theirs, one, mine]] as const) {
      const message = from.generate(sync);
      if (message === null) quiet++;
      else to.receive(back, message);
    }
  }
}

test("what is typed in one editor appears in the other, whose cursor stays at its character", () => {
  const document = born("print('world')");
  const [ada, ben] = [new Editor(document), new Editor(document)];
  ben.edit({ selection: { anchor: 12 } }); // after "world"
  ada.edit({ changes: { from: 7, insert: "hello 🌍 " } });
  settle(ada, ben);
  assert.equal(ben.text, "print('hello 🌍 world')");
  assert.equal(ben.text.slice(0, ben.state.selection.main.head), "print('hello 🌍 world");
});

test("undo takes back one's own edit alone, and redo brings it back", () => {
  const document = born("x = 1\n");
  const [ada, ben] = [new Editor(document), new Editor(document)];
  ada.edit({ changes: { from: 6, insert: "y = 2\n" }, userEvent: "input" });
  ben.edit({ changes: { from: 0, insert: "# Ben\n" } });
  settle(ada, ben);
  ada.do(undo);
  settle(ada, ben);
  assert.equal(ada.text, "# Ben\nx = 1\n");
  assert.equal(ben.text, ada.text);
  ada.do(redo);
  assert.equal(ada.text, "# Ben\nx = 1\ny = 2\n");
});

test("several changes of one transaction are one change of the document", () => {
  const editor = new Editor(born("a b a b"));
  const before = editor.notebook.replica.hashesSince([]).length;
  editor.edit({ changes: [{ from: 0, to: 1, insert: "🐦🐦" }, { from: 4, to: 5, insert: "" }, { from: 6, to: 7, insert: "é\r" }] });
  assert.equal(editor.notebook.source("a"), "🐦🐦 b  é\r");
  assert.equal(editor.text, editor.notebook.source("a"));
  assert.equal(editor.notebook.replica.hashesSince([]).length, before + 1);
});

for (const seed of [1, 2, 3, 4, 5]) {
  test(`two people who edit at random agree, and each editor shows its document (seed ${seed})`, () => {
    const next = random(seed);
    const pick = (n: number) => Math.floor(next() * n);
    const words = ["a", "bc", "\n", "🐦", "👩‍🔬", "é", "𝒳", "\r\n", "    ", "def f():\n"];
    const document = born("x = '🐦'\nprint(x)\n");
    const editors = [new Editor(document), new Editor(document)] as const;
    for (let round = 0; round < 60; round++) {
      for (const editor of editors) {
        for (let times = pick(4); times > 0; times--) {
          const marks = [...editor.text].reduce<number[]>((ends, c) => [...ends, (ends.at(-1) as number) + c.length], [0]);
          const from = pick(marks.length);
          const to = Math.min(marks.length - 1, from + (next() < 0.4 ? pick(5) : 0));
          const what = next();
          if (what < 0.1) editor.do(undo);
          else if (what < 0.15) editor.do(redo);
          else {
            const insert = words[pick(words.length)] as string;
            editor.edit({ changes: { from: marks[from] as number, to: marks[to] as number, insert } });
          }
        }
        assert.equal(editor.text, editor.notebook.source("a"));
      }
      if (next() < 0.5) settle(...editors);
    }
    settle(...editors);
    assert.equal(editors[0].text, editors[1].text);
    for (const editor of editors) assert.equal(editor.text, editor.notebook.source("a"));
  });
}

test("edits in order make the change that takes one text to the other", () => {
  const edits = [{ from: 0, to: 2, insert: "abc" }, { from: 1, to: 2, insert: "" }, { from: 4, to: 4, insert: "!" }];
  assert.equal(changeOf(edits, 5).apply(EditorState.create({ doc: "xxyyz" }).doc).toString(), "acyy!z");
});

test("a text is made another by replacing what lies between their common ends", () => {
  assert.deepEqual(replacement("same", "same"), []);
  assert.deepEqual(replacement("aXb", "aYYb"), [{ from: 1, to: 2, insert: "YY" }]);
  assert.deepEqual(replacement("aa", "aaa"), [{ from: 2, to: 2, insert: "a" }]);
});

test("a listener hears of a change when the document is the new one", () => {
  const replica = Replica.load<NotebookRoot>([born("")]);
  let seen: string | undefined;
  replica.onPatches = (_: Patch[]) => (seen = replica.value.cells["a"]?.source);
  replica.change((draft) => Replica.splice(draft, ["cells", "a", "source"], 0, 0, "now"), {});
  assert.equal(seen, "now");
});
