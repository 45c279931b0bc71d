// What people and agents say about cells: threads of messages, beside the cells they are about. Pure.
//
// The twin of notebook_doc/comments.py, which says what becomes of a thread when its cell is edited, moved, merged, split,
// deleted or brought back. Reading is defensive; writing names threads by id, and those that are gone are left alone.

import type { Author, AuthorKind } from "./history/authors.ts";
import { newId, type Notebook } from "./notebook.ts";
import { toCodePoints, toCodeUnits } from "./offsets.ts";
import { plain, scalar, scalars } from "./replica.ts";
import type { NotebookRoot } from "./schema.ts";

export const LONGEST_MESSAGE = 20_000; // characters
export const LONGEST_QUOTE = 1_000;

/** The passage a thread is about: its text, and where it began (in code points) when that was written. */
export interface Anchor {
  readonly quote: string;
  readonly start: number;
}

export interface Message {
  readonly id: string;
  readonly author: Author;
  readonly text: string;
  readonly time: number; // seconds since 1970
  readonly edited: number | null;
  /** Who was meant by the names after an @ in it. */
  readonly mentions: readonly Author[];
}

export interface Thread {
  readonly id: string;
  readonly cellId: string;
  readonly anchor: Anchor | null;
  readonly messages: readonly [Message, ...Message[]];
  readonly resolved: { readonly author: Author; readonly time: number } | null;
}

type Json = Record<string, unknown>;
const map = (value: unknown): Json => (value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Json) : {});
const number = (value: unknown): number => (typeof value === "number" ? value : typeof value === "bigint" ? Number(value) : 0);
const KINDS: readonly string[] = ["person", "agent", "program", "daemon", "file", "unknown"];

/** All threads, oldest first. */
export function readThreads(root: Readonly<NotebookRoot>): Thread[] {
  const stored = Object.entries(map(root.comments));
  const found = stored.flatMap(([id, value]) => readThread(id, map(plain(value))) ?? []);
  const compare = (a: Thread, b: Thread) => a.messages[0].time - b.messages[0].time || (a.id < b.id ? -1 : 1);
  return found.sort(compare);
}

function readThread(id: string, value: Json): Thread | null {
  const { cell_id: cellId, anchor, resolved } = value;
  const [first, ...rest] = Object.entries(map(value["messages"]))
    .flatMap(([messageId, message]) => readMessage(messageId, map(message)) ?? [])
    .sort((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1));
  if (typeof cellId !== "string" || first === undefined) return null;
  const { quote, start } = map(anchor);
  const isAnchor = typeof quote === "string" && quote !== "" && (typeof start === "number" || typeof start === "bigint");
  const isResolved = resolved !== null && typeof resolved === "object";
  return {
    id,
    cellId,
    anchor: isAnchor ? { quote, start: number(start) } : null,
    messages: [first, ...rest],
    resolved: isResolved ? { author: readAuthor(map(resolved)["author"]), time: number(map(resolved)["time"]) } : null,
  };
}

function readMessage(id: string, value: Json): Message | null {
  const { text, time, edited, mentions } = value;
  if (typeof text !== "string") return null;
  return {
    id,
    author: readAuthor(value["author"]),
    text,
    time: number(time),
    edited: edited === undefined || edited === null ? null : number(edited),
    mentions: Array.isArray(mentions) ? mentions.map(readAuthor) : [],
  };
}

function readAuthor(value: unknown): Author {
  const { peer_id, name, kind } = map(value);
  const known = typeof kind === "string" && KINDS.includes(kind);
  return { peer_id: `${peer_id ?? ""}`, name: `${name ?? "somebody"}`, kind: (known ? kind : "unknown") as AuthorKind };
}

/** Where a passage stands in this source, in code units: the place nearest to where it stood; null if nowhere. */
export function findPassage(source: string, { quote, start }: Anchor): { from: number; to: number } | null {
  const stood = toCodeUnits(source, start);
  let best = -1;
  for (let at = source.indexOf(quote); at >= 0; at = source.indexOf(quote, at + 1)) {
    if (best < 0 || Math.abs(at - stood) < Math.abs(best - stood)) best = at;
  }
  return best < 0 ? null : { from: best, to: best + quote.length };
}

/** The passage from `from` to `to`, in code units; null for one that is empty or too long to be quoted. */
export function anchorOf(source: string, from: number, to: number): Anchor | null {
  const quote = source.slice(from, to);
  return quote.trim() === "" || quote.length > LONGEST_QUOTE ? null : { quote, start: toCodePoints(source, from) };
}

// --- writing -----------------------------------------------------------------------------------------------------------

export class Comments {
  readonly #notebook: Notebook;
  readonly #author: () => Author;
  readonly #now: () => number;

  /** `now` is in seconds since 1970. */
  constructor(notebook: Notebook, author: () => Author, now: () => number) {
    this.#notebook = notebook;
    this.#author = author;
    this.#now = now;
  }

  all(): Thread[] {
    return readThreads(this.#notebook.replica.value);
  }

  start(cellId: string, text: string, anchor: Anchor | null, mentions: readonly Author[] = []): string {
    const id = newId();
    this.#edit((comments) => {
      const about = anchor === null ? {} : { anchor: scalars(anchor) };
      comments[id] = { cell_id: scalar(cellId), ...about, messages: { [newId()]: this.#message(text, mentions) } };
    });
    return id;
  }

  reply(threadId: string, text: string, mentions: readonly Author[] = []): void {
    this.#editThread(threadId, (thread) => {
      if (thread["messages"] === undefined) thread["messages"] = {};
      (thread["messages"] as Json)[newId()] = this.#message(text, mentions);
    });
  }

  edit(threadId: string, messageId: string, text: string): void {
    this.#editThread(threadId, (thread) => {
      const message = (thread["messages"] as Json | undefined)?.[messageId] as Json | undefined;
      if (message === undefined) return;
      message["text"] = scalar(text);
      message["edited"] = this.#now();
    });
  }

  resolve(threadId: string): void {
    this.#editThread(threadId, (thread) => {
      thread["resolved"] = { author: scalars(this.#author()), time: this.#now() };
    });
  }

  reopen(threadId: string): void {
    this.#editThread(threadId, (thread) => delete thread["resolved"]);
  }

  remove(threadId: string): void {
    this.#edit((comments) => delete comments[threadId]);
  }

  #message(text: string, mentions: readonly Author[]): Json {
    const meant = mentions.length === 0 ? {} : { mentions: scalars(mentions.map(({ peer_id, name, kind }) => ({ peer_id, name, kind }))) };
    return { author: scalars(this.#author()), text: scalar(text), time: this.#now(), ...meant };
  }

  #editThread(threadId: string, edit: (thread: Json) => void): void {
    this.#edit((comments) => {
      const thread = comments[threadId];
      if (thread !== undefined) edit(thread as Json);
    });
  }

  #edit(edit: (comments: Json) => void): void {
    this.#notebook.replica.change((draft) => {
      if (draft.comments !== undefined) edit(draft.comments); // a root since the seed
    }, this.#notebook);
  }
}

/** Inside a change that appends cell `other` to cell `into`: its threads go along. */
export function moveThreads(draft: NotebookRoot, other: string, into: string): void {
  for (const thread of Object.values(map(draft.comments))) {
    if (`${map(thread)["cell_id"]}` === other) map(thread)["cell_id"] = scalar(into);
  }
}

/** Inside a change that moves what follows `at` of a cell's source into a new cell: threads about that go along. */
export function splitThreads(draft: NotebookRoot, cellId: string, source: string, at: number, into: string): void {
  for (const { id, anchor } of readThreads(draft).filter((thread) => thread.cellId === cellId)) {
    const found = anchor === null ? null : findPassage(source, anchor);
    const thread = map(map(draft.comments)[id]);
    if (anchor === null || found === null || found.from < at) continue;
    thread["cell_id"] = scalar(into);
    map(thread["anchor"])["start"] = toCodePoints(source, found.from) - toCodePoints(source, at);
  }
}
