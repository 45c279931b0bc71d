// A cell's editor and the source in the document, kept equal character by character.
//
// Each transaction of the editor becomes splices of one change; each change of somebody else becomes one transaction
// that maps the local cursor, selection and scroll position, and is not part of the local undo history: undo undoes
// one's own edits only. Nothing is ever set as a whole, save when the cell was replaced by another one.

import { Annotation, ChangeSet, Transaction, type TransactionSpec } from "@codemirror/state";
import { type EditorView, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import type { Notebook, TextEdit } from "../core/notebook.ts";
import type { Origin } from "../core/replica.ts";

/** Marks transactions that bring the document's state in; they are not written back. */
export const fromDocument = Annotation.define<boolean>();

/** The edits of a change, in order, each in terms of the text as those before it left it. */
export function editsOf(changes: ChangeSet): TextEdit[] {
  const edits: TextEdit[] = [];
  changes.iterChanges((fromA, toA, fromB, _toB, inserted) => {
    edits.push({ from: fromB, to: fromB + (toA - fromA), insert: inserted.toString() });
  }, true);
  return edits;
}

/** Edits in order as one change of a text of this length. Only "\n" ends a line: a "\r" is a character like others. */
export function changeOf(edits: readonly TextEdit[], length: number): ChangeSet {
  let all = ChangeSet.empty(length);
  for (const edit of edits) all = all.compose(ChangeSet.of(edit, all.newLength, "\n"));
  return all;
}

/** A transaction that takes somebody else's edits in. */
export function remoteTransaction(edits: readonly TextEdit[], length: number): TransactionSpec {
  return {
    changes: changeOf(edits, length),
    annotations: [fromDocument.of(true), Transaction.remote.of(true), Transaction.addToHistory.of(false)],
  };
}

/** The least that has to be replaced to make one text another: what lies between their common ends. */
export function replacement(before: string, after: string): TextEdit[] {
  if (before === after) return [];
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before[start] === after[start]) start++;
  let end = 0;
  while (end < most - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  return [{ from: start, to: before.length - end, insert: after.slice(start, after.length - end) }];
}

export class Binding {
  readonly origin: Origin = {};
  readonly #notebook: Notebook;
  readonly #cellId: string;

  constructor(notebook: Notebook, cellId: string) {
    this.#notebook = notebook;
    this.#cellId = cellId;
  }

  /** The editor's part: writes what is typed. */
  get extension() {
    const binding = this;
    return ViewPlugin.define(() => ({
      update(update: ViewUpdate) {
        for (const transaction of update.transactions) {
          if (transaction.docChanged && transaction.annotation(fromDocument) !== true) binding.#write(transaction);
        }
      },
    }));
  }

  /** Somebody else changed the source. */
  take(view: EditorView, edits: readonly TextEdit[], origin: Origin): void {
    if (origin !== this.origin) view.dispatch(remoteTransaction(edits, view.state.doc.length));
  }

  /** The cell is another one now: show its source. */
  takeWhole(view: EditorView): void {
    const edits = replacement(view.state.doc.toString(), this.#notebook.source(this.#cellId));
    if (edits.length > 0) view.dispatch(remoteTransaction(edits, view.state.doc.length));
  }

  #write(transaction: Transaction): void {
    this.#notebook.editSource(this.#cellId, editsOf(transaction.changes), this.origin);
  }
}
