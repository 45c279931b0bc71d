// A colour for each peer, the same in every tab: from the peer's id. The colours themselves are in style.css. Pure.

const COLOURS = 10;

/** The class that gives an element this peer's colour, as `--peer`. */
export function colourOf(peerId: string): string {
  let hash = 7;
  for (const character of peerId) hash = (hash * 31 + (character.codePointAt(0) as number)) >>> 0;
  return `peer-${hash % COLOURS}`;
}
