// Reading how a call is written: where it begins, and which parameter of a signature an argument is for. Pure.

export interface Parameter {
  readonly from: number;
  readonly to: number;
  /** Without stars, default and annotation; empty for `*` and `/`. */
  readonly name: string;
  readonly stars: number;
}

const OPENING = "([{";
const CLOSING = ")]}";

/** The parameters that a signature such as `f(a, *args, b: int = 1) -> str` lists, by their place in it. */
export function parameters(signature: string): Parameter[] {
  const start = signature.indexOf("(");
  if (start < 0) return [];
  const found: Parameter[] = [];
  let depth = 0;
  let from = start + 1;
  let quote = "";
  for (let at = start; at < signature.length; at++) {
    const character = signature[at] as string;
    if (quote !== "") quote = character === quote && signature[at - 1] !== "\\" ? "" : quote;
    else if (character === "'" || character === '"') quote = character;
    else if (OPENING.includes(character)) depth++;
    else if (CLOSING.includes(character)) depth--;
    if (quote !== "" || !(depth === 0 || (depth === 1 && character === ","))) continue;
    const text = signature.slice(from, at);
    const trimmed = text.trim();
    if (trimmed !== "") {
      const begin = from + text.indexOf(trimmed);
      const [, stars = "", name = ""] = /^(\**)([\p{L}\p{N}_]*)/u.exec(trimmed) ?? [];
      found.push({ from: begin, to: begin + trimmed.length, name, stars: stars.length });
    }
    from = at + 1;
    if (depth === 0) break;
  }
  return found;
}

/** The parameter that the argument at this place, or of this name, is for; null if none is. */
export function parameterFor(all: readonly Parameter[], argument: number, keyword: string | null): Parameter | null {
  const collects = (stars: number) => all.find((each) => each.stars === stars && each.name !== "") ?? null;
  if (keyword !== null) return all.find(({ name, stars }) => name === keyword && stars === 0) ?? collects(2);
  const ofPlace: Parameter[] = [];
  for (const each of all) {
    if (each.stars > 0) break; // what comes after `*` or `*args` has to be named
    if (each.name !== "") ofPlace.push(each);
  }
  return ofPlace[argument] ?? collects(1);
}

const FARTHEST = 5000; // code units: a call that began before that is not looked for

/** Where the bracket of the innermost call around `cursor` is; null if it is in none. Strings are not understood. */
export function callStart(code: string, cursor: number): number | null {
  let depth = 0;
  for (let at = cursor - 1; at >= 0 && at > cursor - FARTHEST; at--) {
    const character = code[at] as string;
    if (CLOSING.includes(character)) depth++;
    else if (OPENING.includes(character) && depth-- === 0) {
      return character === "(" && /[\p{L}\p{N}_)\]]\s*$/u.test(code.slice(Math.max(0, at - 80), at)) ? at : null;
    }
  }
  return null;
}
