// A colour for everybody, the same in every tab, at their cursor and in the history: from name and kind. The colours
// themselves are in people.css. Pure but for `colours`, which is the page's one table of who has which.

import type { Author } from "../core/history/authors.ts";

type Who = Pick<Author, "kind" | "name">;

const COLOURS = 10;

/** Who has which colour: everybody that of their name, save that of two who are here and would have the same, the one
 *  whose name comes later gets the next that is free. All tabs of one person have one, and everybody sees the same. */
export class Colours {
  #here = new Map<string, number>();

  /** These are here now. */
  setHere(people: Iterable<Who>): void {
    const taken = new Set<number>();
    this.#here = new Map();
    for (const name of [...new Set(Array.from(people, nameOf))].sort()) {
      let colour = preferred(name);
      while (taken.has(colour) && taken.size < COLOURS) colour = (colour + 1) % COLOURS;
      taken.add(colour);
      this.#here.set(name, colour);
    }
  }

  /** The class that gives an element somebody's colour, as `--peer`. */
  of(who: Who): string {
    const name = nameOf(who);
    return `peer-${this.#here.get(name) ?? preferred(name)}`;
  }
}

export const colours = new Colours();

const nameOf = ({ kind, name }: Who): string => `${kind} ${name}`;

function preferred(name: string): number {
  let hash = 7;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) as number)) >>> 0;
  return hash % COLOURS;
}
