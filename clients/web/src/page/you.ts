// Who sits here, to the others: a name this browser remembers, and an id for this tab.

import type { PeerInfo } from "../core/messages.ts";

const BIRDS = ["Wren", "Heron", "Robin", "Swift", "Finch", "Plover", "Lark", "Kestrel", "Siskin", "Dipper"];
const KEY = "quire.name";

export function you(): PeerInfo {
  const known = localStorage.getItem(KEY);
  const name = known ?? (BIRDS[Math.floor(Math.random() * BIRDS.length)] as string);
  if (known === null) localStorage.setItem(KEY, name);
  return { peer_id: crypto.randomUUID().replaceAll("-", ""), name, kind: "person" };
}

export function rename(name: string): void {
  localStorage.setItem(KEY, name);
}
