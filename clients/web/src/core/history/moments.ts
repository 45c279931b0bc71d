// The moments of a notebook's life: its changes in one order for everybody, cut where the author changes or pauses. Pure.
//
// The twin of notebook_doc/history/moments.py, which says what a moment is: the same changes, authors and versions give the
// same moments here and there, so that "moment 12" is the same to everybody.

import type { ChangeMeta, Heads } from "../replica.ts";
import { type Author, type Authors, sameAuthor, type Writing } from "./authors.ts";
import { Heap } from "./heap.ts";

const PAUSE = 150; // seconds
const LONGEST = 300;
const TOGETHER = 90;
const SHORT_ID = 8; // hexadecimal digits

export interface Moment {
  readonly number: number;
  /** The hash of its last change. */
  readonly id: string;
  readonly shortId: string;
  readonly heads: Heads;
  readonly authors: readonly Author[];
  readonly began: number | null;
  readonly ended: number | null;
  readonly brought: boolean;
  readonly changes: number;
  /** Its changes, oldest first. */
  readonly written: readonly { readonly hash: string; readonly author: Author }[];
  readonly names: readonly string[];
}

export interface Version {
  readonly id: string;
  readonly name: string;
  readonly heads: Heads;
  readonly time: number;
  /** The operation that made it, as `counter@actor`. */
  readonly made: string;
}

interface Written {
  readonly change: ChangeMeta;
  readonly by: Writing;
  readonly at: number;
}

export function momentsOf(changes: readonly ChangeMeta[], authors: Authors, versions: readonly Version[]): Moment[] {
  return tell(inOrder(changes, authors), versions);
}

function inOrder(changes: readonly ChangeMeta[], authors: Authors): Written[] {
  const here = new Set(changes.map(({ hash }) => hash));
  const waitsFor = new Map<string, number>();
  const followers = new Map<string, ChangeMeta[]>();
  let last = 0;
  for (const change of changes) {
    waitsFor.set(change.hash, change.deps.filter((dep) => here.has(dep)).length);
    for (const dep of change.deps) {
      const of = followers.get(dep);
      if (of === undefined) followers.set(dep, [change]);
      else of.push(change);
    }
    last = Math.max(last, authors.of(change.actor, change.seq).time ?? 0);
  }
  const earliest = new Map<string, number>();
  const ready = new Heap<Written>(
    (a, b) => a.at - b.at || (a.change.actor < b.change.actor ? -1 : a.change.actor > b.change.actor ? 1 : a.change.seq - b.change.seq),
  );
  const isReady = (change: ChangeMeta) => {
    const by = authors.of(change.actor, change.seq);
    const floor = Math.max(0, ...change.deps.map((dep) => earliest.get(dep) ?? 0));
    const at = Math.max(floor, by.time ?? (by.author.kind === "unknown" ? floor : last));
    earliest.set(change.hash, at);
    ready.push({ change, by, at });
  };
  for (const change of changes) if (waitsFor.get(change.hash) === 0) isReady(change);
  const order: Written[] = [];
  for (let written = ready.pop(); written !== undefined; written = ready.pop()) {
    order.push(written);
    for (const follower of followers.get(written.change.hash) ?? []) {
      const left = (waitsFor.get(follower.hash) as number) - 1;
      waitsFor.set(follower.hash, left);
      if (left === 0) isReady(follower);
    }
  }
  return order;
}

/** The moment that is being gathered. */
class Stretch {
  readonly all: Written[];
  readonly latest: { author: Author; at: number }[];

  constructor(first: Written) {
    this.all = [first];
    this.latest = [{ author: first.by.author, at: first.at }];
  }

  add(written: Written): void {
    this.all.push(written);
    const of = this.latest.find(({ author }) => sameAuthor(author, written.by.author));
    if (of === undefined) this.latest.push({ author: written.by.author, at: written.at });
    else of.at = written.at;
  }

  takes({ at, by }: Written, ahead: Ahead, index: number): boolean {
    if (at - (this.all.at(-1) as Written).at > PAUSE || at - (this.all[0] as Written).at > LONGEST) return false;
    const isIn = (some: readonly { author: Author }[]) => some.some(({ author }) => sameAuthor(author, by.author));
    if (this.latest.length === 1 && isIn(this.latest)) return true;
    const there = this.latest.filter((one) => at - one.at <= TOGETHER);
    if (isIn(there)) return there.length === this.latest.length; // else one has left, and the other goes on alone
    return there.length > 0 && ahead.theyTakeTurns(index, there.map(({ author }) => author));
  }
}

/** Looks ahead in the order: does an author return, and when. */
class Ahead {
  readonly #order: readonly Written[];
  readonly #next: number[];
  readonly #run: number[];

  constructor(order: readonly Written[]) {
    this.#order = order;
    this.#next = new Array<number>(order.length).fill(order.length);
    this.#run = new Array<number>(order.length).fill(0);
    const seen = new Map<string, number>();
    let end = order.length;
    for (let index = order.length - 1; index >= 0; index--) {
      const { author } = (order[index] as Written).by;
      const after = order[index + 1];
      if (after === undefined || !sameAuthor(after.by.author, author)) end = index + 1;
      this.#run[index] = end;
      const key = `${author.kind} ${author.name}`;
      this.#next[index] = seen.get(key) ?? order.length;
      seen.set(key, index);
    }
  }

  theyTakeTurns(index: number, others: readonly Author[]): boolean {
    const back = this.#run[index] as number;
    const other = this.#order[back]?.by.author;
    if (other === undefined || !others.some((one) => sameAuthor(one, other))) return false;
    const again = this.#order[this.#next[back - 1] as number];
    return again !== undefined && again.at - (this.#order[index] as Written).at <= TOGETHER;
  }
}

function tell(order: readonly Written[], versions: readonly Version[]): Moment[] {
  const found: Moment[] = [];
  const heads = new Set<string>();
  const naming = namingChanges(order, versions);
  const named = namesByChange(order, versions);
  const ahead = new Ahead(order);
  let stretch: Stretch | null = null;
  const close = (of: Stretch) => {
    for (const { change } of of.all) {
      for (const dep of change.deps) heads.delete(dep);
      heads.add(change.hash);
    }
    found.push(moment(found.length + 1, of.all, [...heads].sort(), naming, named));
  };
  for (const [index, written] of order.entries()) {
    if (written.change.deps.length === 0) {
      heads.add(written.change.hash); // the seed: nobody wrote it
      continue;
    }
    const names = naming.has(written.change.hash);
    if (stretch !== null && (names || stretch.takes(written, ahead, index))) stretch.add(written);
    else {
      if (stretch !== null) close(stretch);
      stretch = new Stretch(written);
    }
    if (names) {
      close(stretch);
      stretch = null;
    }
  }
  if (stretch !== null) close(stretch);
  return found;
}

/** The changes that gave something a name. */
function namingChanges(order: readonly Written[], versions: readonly Version[]): Set<string> {
  const made = new Map<string, number[]>(); // actor -> operations
  for (const version of versions) {
    const [counter, actor = ""] = version.made.split("@");
    made.set(actor, [...(made.get(actor) ?? []), Number(counter)]);
  }
  const naming = order.filter(({ change }) =>
    made.get(change.actor)?.some((counter) => change.startOp <= counter && counter <= change.maxOp),
  );
  return new Set(naming.map(({ change }) => change.hash));
}

function namesByChange(order: readonly Written[], versions: readonly Version[]): Map<string, string[]> {
  const place = new Map(order.map(({ change }, index) => [change.hash, index]));
  const named = new Map<string, string[]>();
  for (const { name, heads } of versions) {
    if (heads.length === 0 || !heads.every((head) => place.has(head))) continue;
    const last = heads.reduce((a, b) => ((place.get(a) as number) > (place.get(b) as number) ? a : b));
    named.set(last, [...(named.get(last) ?? []), name]);
  }
  return named;
}

function moment(
  number: number,
  all: readonly Written[],
  heads: Heads,
  naming: ReadonlySet<string>,
  named: ReadonlyMap<string, readonly string[]>,
): Moment {
  const wrote = all.filter(({ change }) => !naming.has(change.hash)); // who names it did not write it
  const counted: { author: Author; count: number }[] = [];
  for (const { by } of wrote.length > 0 ? wrote : all) {
    const of = counted.find(({ author }) => sameAuthor(author, by.author));
    if (of === undefined) counted.push({ author: by.author, count: 1 });
    else of.count += 1;
  }
  const times = all.flatMap(({ by }) => by.time ?? []);
  const id = (all.at(-1) as Written).change.hash;
  return {
    number,
    id,
    shortId: id.slice(0, SHORT_ID),
    heads,
    authors: counted.sort((a, b) => b.count - a.count).map(({ author }) => author),
    began: times.length > 0 ? Math.min(...times) : null,
    ended: times.length > 0 ? Math.max(...times) : null,
    brought: all.some(({ by }) => by.brought),
    changes: all.length,
    written: all.map(({ change, by }) => ({ hash: change.hash, author: by.author })),
    names: all.flatMap(({ change }) => named.get(change.hash) ?? []),
  };
}
