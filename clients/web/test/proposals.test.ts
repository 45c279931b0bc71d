// Proposals in the page: previewed on a fork, merged with what was written since, decided once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { readPolicy, setPolicy } from "../src/core/agents.ts";
import { Notebook } from "../src/core/notebook.ts";
import { Proposals } from "../src/core/proposals.ts";
import { Replica, scalars } from "../src/core/replica.ts";
import type { NotebookRoot } from "../src/core/schema.ts";
import { coreIsReady } from "./core.ts";
import { copyOf, exchange, sources } from "./notebooks.ts";

await coreIsReady;

const ADA = { peer_id: "1", name: "Ada", kind: "person" } as const;

function book(...texts: string[]): Notebook {
  const replica = Replica.empty<NotebookRoot>();
  replica.change((draft) => Object.assign(draft, { cells: {}, metadata: {}, proposals: {} }), "remote");
  const made = new Notebook(replica);
  for (const [index, source] of texts.entries()) made.addCell(index, "code", source);
  return made;
}

/** What an agent proposes, as the Python peer writes it. */
function propose(notebook: Notebook, edit: (fork: Notebook) => void, id = "p1"): void {
  const base = [...notebook.replica.heads()];
  const fork = new Notebook(notebook.replica.fork());
  edit(fork);
  const change = Buffer.from(fork.replica.saveSince(base)).toString("base64");
  const value = { title: "tidy", author: { peer_id: "9", name: "claude", kind: "agent" }, at: 1.5, base, change, cells: notebook.cellIds() };
  notebook.replica.change((draft) => {
    (draft.proposals as Record<string, unknown>)[id] = scalars(value);
  }, "remote");
}

const proposalsOf = (notebook: Notebook) => new Proposals(notebook, () => ADA, () => 2.5);
const append = (notebook: Notebook, text: string, index = 0) => {
  const id = notebook.cellIds()[index] as string;
  notebook.editSource(id, [{ from: notebook.source(id).length, to: notebook.source(id).length, insert: text }], "remote");
};

test("a proposal is shown on a fork and changes no cell", () => {
  const notebook = book("x = 1", "y = 2");
  propose(notebook, (fork) => append(fork, "0"));
  const kept = proposalsOf(notebook);
  const [proposal] = kept.all();
  assert.deepEqual([proposal?.title, proposal?.author.name, proposal?.status], ["tidy", "claude", "open"]);
  const preview = kept.preview(proposal as NonNullable<typeof proposal>);
  assert.deepEqual(preview?.cells.map(({ kind, now }) => [kind, now?.source]), [["changed", "x = 10"]]);
  assert.deepEqual(sources(notebook), ["x = 1", "y = 2"]);
});

test("accepting merges with what was written since, and tells everybody who decided", () => {
  const notebook = book("x = 1", "y = 2");
  propose(notebook, (fork) => append(fork, "0"));
  notebook.editSource(notebook.cellIds()[0] as string, [{ from: 0, to: 0, insert: "# by hand\n" }], "remote");
  const kept = proposalsOf(notebook);
  const proposal = kept.all()[0] as NonNullable<ReturnType<Proposals["get"]>>;
  assert.equal(kept.meanwhile(proposal).length, 1);
  assert.equal(kept.accept(kept.preview(proposal) as NonNullable<ReturnType<Proposals["preview"]>>), "merged");
  assert.equal(sources(notebook)[0], "# by hand\nx = 10");
  const other = proposalsOf(copyOf(notebook)).get("p1");
  assert.deepEqual([other?.status, other?.decidedBy?.name], ["accepted", "Ada"]);
});

test("two tabs that accept at once do not double it", () => {
  const notebook = book("x = 1");
  propose(notebook, (fork) => append(fork, "\ny = 2"));
  const other = copyOf(notebook);
  for (const each of [notebook, other]) {
    const kept = proposalsOf(each);
    kept.accept(kept.preview(kept.get("p1") as NonNullable<ReturnType<Proposals["get"]>>) as NonNullable<ReturnType<Proposals["preview"]>>);
  }
  exchange(notebook, other);
  assert.deepEqual([sources(notebook), sources(other)], [["x = 1\ny = 2"], ["x = 1\ny = 2"]]);
});

test("what a person makes of it is merged with what came while it was edited", () => {
  const notebook = book("x = 1");
  propose(notebook, (fork) => append(fork, "0"));
  const kept = proposalsOf(notebook);
  const preview = kept.preview(kept.get("p1") as NonNullable<ReturnType<Proposals["get"]>>) as NonNullable<ReturnType<Proposals["preview"]>>;
  append(notebook, "  # since");
  assert.equal(kept.accept(preview, new Map([[notebook.cellIds()[0] as string, "x = 10.5"]])), "merged");
  assert.match(sources(notebook)[0] as string, /^x = 1/);
  assert.ok((sources(notebook)[0] as string).includes("# since") && (sources(notebook)[0] as string).includes(".5"));
  assert.equal(kept.get("p1")?.status, "accepted");
});

test("a rejected one keeps its note and cannot be decided again; what is damaged is left out", () => {
  const notebook = book("x = 1");
  propose(notebook, (fork) => append(fork, "0"));
  const kept = proposalsOf(notebook);
  const preview = kept.preview(kept.get("p1") as NonNullable<ReturnType<Proposals["get"]>>) as NonNullable<ReturnType<Proposals["preview"]>>;
  kept.reject("p1", "keep 1");
  assert.deepEqual([kept.get("p1")?.status, kept.get("p1")?.note], ["rejected", "keep 1"]);
  assert.equal(kept.accept(preview), "decided");
  notebook.replica.change((draft) => {
    (draft.proposals as Record<string, unknown>)["odd"] = scalars({ change: "not base64!" });
  }, "remote");
  assert.equal(kept.all().length, 1);
  assert.deepEqual(sources(notebook), ["x = 1"]);
});

test("the policy is read and set word by word", () => {
  const notebook = book();
  assert.deepEqual(readPolicy(notebook), { cells_of_people: "edit", delete: "allow", packages: "allow" });
  notebook.setOwnMetadata([{ key: "quire", value: { other: 1 } }]);
  setPolicy(notebook, { delete: "confirm" });
  assert.deepEqual(readPolicy(notebook), { cells_of_people: "edit", delete: "confirm", packages: "allow" });
  assert.deepEqual(notebook.ownMetadata()["quire"], { other: 1, agents: { delete: "confirm" } });
});
