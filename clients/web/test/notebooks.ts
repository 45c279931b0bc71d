// Notebooks for tests: one of given sources, and another replica of it that somebody else writes.

import { Notebook } from "../src/core/notebook.ts";
import { Replica } from "../src/core/replica.ts";
import type { NotebookRoot } from "../src/core/schema.ts";

export function notebook(...sources: string[]): Notebook {
  const replica = Replica.empty<NotebookRoot>();
  replica.change((draft) => {
    draft.cells = {};
    draft.metadata = {};
  }, "remote");
  const made = new Notebook(replica);
  for (const [index, source] of sources.entries()) made.addCell(index, "code", source);
  return made;
}

export const sources = (of: Notebook) => of.cellIds().map((id) => of.source(id));

export const copyOf = (book: Notebook) => new Notebook(Replica.load<NotebookRoot>([book.replica.save()]));

/** Exchange all changes. */
export function exchange(one: Notebook, other: Notebook): void {
  const sync = one.replica.startSync();
  const back = other.replica.startSync();
  for (let silent = false; !silent; ) {
    const message = one.replica.generate(sync);
    if (message !== null) other.replica.receive(back, message);
    const answer = other.replica.generate(back);
    if (answer !== null) one.replica.receive(sync, answer);
    silent = message === null && answer === null;
  }
}
