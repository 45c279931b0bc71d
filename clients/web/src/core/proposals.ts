// Proposals: changes that somebody suggests and this tab's person accepts, edits or rejects. Pure.
//
// The twin of notebook_doc/proposals.py. A proposal holds a real Automerge change, kept aside in the notebook's document;
// accepting it applies that change, so it merges with what was written since, and twice is once. Whether it is accepted is
// a fact: the document contains its change. What accepting would do is shown on a fork.

import type { Author, AuthorKind } from "./history/authors.ts";
import { type CellDiff, diffCells, read } from "./history/diff.ts";
import { Notebook } from "./notebook.ts";
import { plain, Replica, scalars } from "./replica.ts";
import type { NotebookRoot } from "./schema.ts";

export type Status = "open" | "accepted" | "rejected" | "withdrawn";

export interface Proposal {
  readonly id: string;
  readonly title: string;
  readonly author: Author;
  readonly at: number; // seconds since 1970
  readonly base: readonly string[];
  readonly change: Uint8Array;
  readonly cells: readonly string[];
  readonly status: Status;
  readonly decidedBy: Author | null;
  readonly note: string;
}

/** A proposal as it would be in the notebook: on a fork, to be read, edited, and merged. */
export interface Preview {
  readonly proposal: Proposal;
  readonly notebook: Notebook;
  readonly cells: readonly CellDiff[];
}

export type Outcome = "merged" | "decided" | "gone" | "edited" | "damaged";

type Json = Record<string, unknown>;
const map = (value: unknown): Json => (value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Json) : {});
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === "string") : []);
const KINDS: readonly string[] = ["person", "agent", "program", "daemon", "file", "unknown"];

export class Proposals {
  readonly #notebook: Notebook;
  readonly #who: () => Author;
  readonly #now: () => number;

  constructor(notebook: Notebook, who: () => Author, now: () => number) {
    this.#notebook = notebook;
    this.#who = who;
    this.#now = now;
  }

  /** All of them, oldest first; what is none is left out. */
  all(): Proposal[] {
    const { replica } = this.#notebook;
    const stored = Object.entries(map(replica.value.proposals));
    return stored.flatMap(([id, value]) => readProposal(replica, id, map(plain(value))) ?? []).sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
  }

  get(id: string): Proposal | null {
    const value = map(this.#notebook.replica.value.proposals)[id];
    return value === undefined ? null : readProposal(this.#notebook.replica, id, map(plain(value)));
  }

  /** What accepting it now would do; null if what it builds on is not here, or it is damaged. */
  preview(proposal: Proposal): Preview | null {
    const { replica } = this.#notebook;
    const fork = replica.fork();
    try {
      fork.apply([proposal.change], "remote");
    } catch {
      return null; // the core could not take it
    }
    const hash = Replica.hashOf(proposal.change);
    if (hash === null || !fork.contains([hash])) return null;
    const cells = diffCells(read(replica.value).cells, read(fork.value).cells).filter(({ kind }) => kind !== "same");
    return { proposal, notebook: new Notebook(fork), cells };
  }

  /** Merge it as it is previewed, with the texts that the person made of it. Says why not if it cannot be. */
  accept(preview: Preview, edited: ReadonlyMap<string, string> = new Map()): Outcome {
    const { replica } = this.#notebook;
    const proposal = this.get(preview.proposal.id);
    if (proposal === null || proposal.status !== "open") return "decided";
    const now = this.preview(proposal);
    if (now === null) return "damaged";
    if (proposal.cells.length > 0 && proposal.cells.every((id) => !this.#notebook.has(id) && !now.notebook.has(id))) return "gone";
    if (now.cells.some(({ kind, cellId }) => kind === "deleted" && this.#wasEdited(proposal, cellId))) return "edited";
    for (const [cellId, source] of edited) preview.notebook.editSource(cellId, toMake(preview.notebook.source(cellId), source), this);
    if (edited.size > 0) replica.merge(preview.notebook.replica, this);
    else replica.apply([proposal.change], this);
    this.#decide(proposal.id, "accepted", "");
    return "merged";
  }

  reject(id: string, note: string): void {
    if (this.get(id)?.status === "open") this.#decide(id, "rejected", note);
  }

  /** Cells of it that others wrote in since it was made. */
  meanwhile(proposal: Proposal): string[] {
    return proposal.cells.filter((id) => this.#wasEdited(proposal, id));
  }

  #wasEdited({ base }: Proposal, cellId: string): boolean {
    const { replica } = this.#notebook;
    if (!replica.contains(base)) return false;
    const then = replica.at(base).cells?.[cellId];
    return then !== undefined && this.#notebook.has(cellId) && `${then.source}` !== this.#notebook.source(cellId);
  }

  #decide(id: string, status: Status, note: string): void {
    const { peer_id, name, kind } = this.#who();
    const decision = { status, by: { peer_id, name, kind }, at: this.#now(), note };
    this.#notebook.replica.change((draft) => {
      const stored = (draft.proposals as Record<string, Json> | undefined)?.[id];
      if (stored !== undefined) stored["decision"] = scalars(decision);
    }, this);
  }
}

function readProposal(replica: Replica<NotebookRoot>, id: string, value: Json): Proposal | null {
  const change = fromBase64(text(value["change"]));
  const hash = change === null ? null : Replica.hashOf(change);
  if (change === null || hash === null) return null;
  const decision = map(value["decision"]);
  const said = ["accepted", "rejected", "withdrawn"].includes(`${decision["status"]}`) ? (decision["status"] as Status) : "open";
  return {
    id,
    title: text(value["title"]),
    author: readAuthor(value["author"]),
    at: Number(value["at"] ?? 0),
    base: texts(value["base"]),
    change,
    cells: texts(value["cells"]),
    status: replica.contains([hash]) ? "accepted" : said === "accepted" ? "open" : said, // a fact, not what is said
    decidedBy: value["decision"] === undefined ? null : readAuthor(decision["by"]),
    note: text(decision["note"]),
  };
}

function readAuthor(value: unknown): Author {
  const { peer_id, name, kind } = map(value);
  return { peer_id: text(peer_id), name: text(name) || "somebody", kind: (KINDS.includes(`${kind}`) ? kind : "unknown") as AuthorKind };
}

function fromBase64(encoded: string): Uint8Array | null {
  try {
    return Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0));
  } catch {
    return null;
  }
}

/** The edit that makes `now` of `old`: what is the same at both ends stays. */
function toMake(old: string, now: string): { from: number; to: number; insert: string }[] {
  if (old === now) return [];
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start++;
  let end = 0;
  while (end < old.length - start && end < now.length - start && old.at(-1 - end) === now.at(-1 - end)) end++;
  return [{ from: start, to: old.length - end, insert: now.slice(start, now.length - end) }];
}
