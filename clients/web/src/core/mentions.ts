// Who is mentioned in a message: a name after an @ in its text, and beside the text who was meant by it. Pure.
//
// The twin of notebook_doc/mentions.py. The text is what anybody reads; who was meant stands in the message as an author,
// so it stays that one when its name changes. A name that nobody was meant by is of whoever is called that.

import { type Author, sameAuthor } from "./history/authors.ts";

/** A part of a text, in code units, that names somebody: the @ and the name. */
export interface Named {
  readonly from: number;
  readonly to: number;
  readonly who: Author;
}

/** Somebody, and the names that they have had here. */
export interface Reader {
  readonly peer_id: string;
  readonly kind: Author["kind"];
  readonly names: readonly string[];
}

export const MOST_MENTIONS = 50; // in a message; further ones are plain text
const isInWords = (character: string | undefined): boolean => character !== undefined && /[\p{L}\p{N}_]/u.test(character);

/** Where these are named in a text, in order: at each place the longest name, of several with that name the first. Case
 *  does not matter; letters before the @ do, as in an address, and after the name. */
export function namedIn(text: string, known: readonly Author[]): Named[] {
  const found: Named[] = [];
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
    if (at < (found.at(-1)?.to ?? 0) || isInWords(Array.from(text.slice(Math.max(0, at - 2), at)).at(-1))) continue;
    let best: Named | null = null;
    for (const who of known) {
      const to = at + 1 + who.name.length;
      if (who.name === "" || (best !== null && to <= best.to) || text.slice(at + 1, to).toLowerCase() !== who.name.toLowerCase()) continue;
      if (!isInWords(Array.from(text.slice(to, to + 2))[0])) best = { from: at, to, who };
    }
    if (best !== null) found.push(best);
  }
  return found;
}

/** Who of these a text that is being written mentions, each once. */
export function meantIn(text: string, known: readonly Author[]): Author[] {
  const named = namedIn(text, known).map(({ who }) => who);
  return named.filter((who, index) => named.findIndex((one) => sameAuthor(one, who)) === index).slice(0, MOST_MENTIONS);
}

/** Where a message names whom, those who were meant before the reader. */
export const namesIn = (text: string, mentions: readonly Author[], reader: Reader): Named[] => namedIn(text, [...mentions, ...asAuthors(reader)]);

/** Whether a message mentions the reader. */
export const isMentioned = (text: string, mentions: readonly Author[], reader: Reader): boolean =>
  namesIn(text, mentions, reader).some(({ who }) => isReader(who, reader));

export const isReader = (who: Author, { peer_id, kind, names }: Reader): boolean =>
  (who.peer_id !== "" && who.peer_id === peer_id) || (who.kind === kind && names.includes(who.name));

const asAuthors = ({ peer_id, kind, names }: Reader): Author[] => names.map((name) => ({ peer_id, kind, name }));
