// A colour for everybody, the same in every tab and in the history: from name and kind. The colours are in people.css. Pure.

import type { PeerInfo } from "../core/messages.ts";

const COLOURS = 10;

/** The class that gives an element the colour of this name, as `--peer`. */
export function colourOf(name: string): string {
  return `peer-${preferred(name)}`;
}

export const colourName = ({ kind, name }: Pick<PeerInfo, "kind" | "name">): string => `${kind} ${name}`;

/**
 * The colours of those who are here, by peer id: everybody's own, save that of two who would have the same the one with
 * the later peer id gets the next that is free. The same in every tab that sees the same peers.
 */
export function coloursOf(peers: readonly PeerInfo[]): Map<string, string> {
  const taken = new Set<number>();
  const colours = new Map<string, string>();
  for (const peer of peers.toSorted((a, b) => (a.peer_id < b.peer_id ? -1 : 1))) {
    let colour = preferred(colourName(peer));
    if (peer.kind !== "daemon") {
      while (taken.has(colour) && taken.size < COLOURS) colour = (colour + 1) % COLOURS;
      taken.add(colour);
    }
    colours.set(peer.peer_id, `peer-${colour}`);
  }
  return colours;
}

function preferred(name: string): number {
  let hash = 7;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) as number)) >>> 0;
  return hash % COLOURS;
}
