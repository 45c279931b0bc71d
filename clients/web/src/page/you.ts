// Who sits here, to the others: a name this browser remembers, and an id for this tab.

import type { PeerInfo } from "../core/messages.ts";

const BIRDS = ["Wren", "Heron", "Robin", "Swift", "Finch", "Plover", "Lark", "Kestrel", "Siskin", "Dipper"];
const KEY = "quire.name";
const FORMER = "quire.former-names";
const MOST_FORMER = 20;

export function you(): PeerInfo {
  const known = localStorage.getItem(KEY);
  const name = known ?? (BIRDS[Math.floor(Math.random() * BIRDS.length)] as string);
  if (known === null) localStorage.setItem(KEY, name);
  return { peer_id: crypto.randomUUID().replaceAll("-", ""), name, kind: "person" };
}

export function rename(name: string): void {
  const before = localStorage.getItem(KEY);
  if (before !== null) localStorage.setItem(FORMER, JSON.stringify([...new Set([before, ...formerNames()])].slice(0, MOST_FORMER)));
  localStorage.setItem(KEY, name);
}

/** What this browser was called before, the latest first: who was mentioned by such a name is still meant. */
export function formerNames(): string[] {
  return JSON.parse(localStorage.getItem(FORMER) ?? "[]") as string[];
}
