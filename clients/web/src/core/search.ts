// Searching the sources of cells, and what replaces a match. Pure.

export interface Query {
  readonly text: string;
  readonly isPattern: boolean;
  readonly matchCase: boolean;
  readonly wholeWords: boolean;
}

export interface Found {
  readonly cellId: string;
  /** In UTF-16 code units of the cell's source. */
  readonly from: number;
  readonly to: number;
  readonly line: number;
  /** The text around it, in its line. */
  readonly before: string;
  readonly match: string;
  readonly after: string;
  readonly groups: RegExpMatchArray;
}

export const MOST = 2000; // matches: more than anybody reads, few enough to draw

const AROUND = 60; // code units of the line on either side

/** The pattern that a query means, null for an empty one. Throws SyntaxError where a pattern cannot be read. */
export function compile({ text, isPattern, matchCase, wholeWords }: Query): RegExp | null {
  if (text === "") return null;
  const source = isPattern ? text : text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  const whole = wholeWords ? `(?<![\\p{L}\\p{N}_])(?:${source})(?![\\p{L}\\p{N}_])` : source;
  return new RegExp(whole, `gmu${matchCase ? "" : "i"}`);
}

/** The matches in these cells, in their order, up to MOST. Empty matches are none. */
export function search(pattern: RegExp, cells: Iterable<readonly [string, string]>): Found[] {
  const found: Found[] = [];
  for (const [cellId, source] of cells) {
    for (const groups of source.matchAll(pattern)) {
      const [match] = groups;
      if (match === "") continue;
      if (found.length >= MOST) return found;
      found.push(describe(cellId, source, groups));
    }
  }
  return found;
}

function describe(cellId: string, source: string, groups: RegExpMatchArray): Found {
  const [match] = groups;
  const from = groups.index as number;
  const to = from + match.length;
  const start = source.lastIndexOf("\n", from - 1) + 1;
  const end = source.indexOf("\n", to);
  const before = source.slice(Math.max(start, from - AROUND), from).trimStart();
  const after = source.slice(to, Math.min(end < 0 ? source.length : end, to + AROUND));
  const line = source.slice(0, from).split("\n").length;
  return { cellId, from, to, line, before, match, after, groups };
}

/** What is to stand in the place of a match: of a pattern, `$1`, `$<name>`, `$&` and `$$` mean what they mean everywhere. */
export function expand(template: string, groups: RegExpMatchArray, isPattern: boolean): string {
  if (!isPattern) return template;
  return template.replaceAll(/\$(?:(\$)|(&)|(\d{1,2})|<([^>]*)>)/g, (whole, dollar, all, number, name) => {
    if (dollar !== undefined) return "$";
    if (all !== undefined) return groups[0] ?? "";
    if (number !== undefined) return Number(number) < groups.length && Number(number) > 0 ? (groups[Number(number)] ?? "") : whole;
    return groups.groups === undefined ? whole : (groups.groups[name] ?? "");
  });
}
