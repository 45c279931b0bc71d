// What differs between two texts, line by line. Pure.
//
// Common lines at both ends are cut off first; between them Myers' algorithm ("An O(ND) difference algorithm", 1986) finds
// the fewest lines to delete and add, up to LIMIT differences: texts that have less in common differ as a whole.

export interface Line {
  readonly kind: "same" | "added" | "deleted";
  readonly text: string;
}

/** Replace lines `from` to `to` of the old text by these. */
export interface Hunk {
  readonly from: number;
  readonly to: number;
  readonly lines: readonly string[];
}

const LIMIT = 500;

const split = (text: string): string[] => (text === "" ? [] : text.split("\n"));

/** Both texts as one series of lines, each there once: kept, deleted or added. */
export function diffLines(old: string, now: string): Line[] {
  const before = split(old);
  const lines: Line[] = [];
  let at = 0;
  const keep = (to: number) => {
    for (; at < to; at++) lines.push({ kind: "same", text: before[at] as string });
  };
  for (const hunk of hunks(before, split(now))) {
    keep(hunk.from);
    for (; at < hunk.to; at++) lines.push({ kind: "deleted", text: before[at] as string });
    for (const text of hunk.lines) lines.push({ kind: "added", text });
  }
  keep(before.length);
  return lines;
}

/** What is to be replaced, in order, to make `now` of `old`. */
export function hunks(old: readonly string[], now: readonly string[]): Hunk[] {
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start++;
  let end = 0;
  while (end < old.length - start && end < now.length - start && old.at(-1 - end) === now.at(-1 - end)) end++;
  const kept = common(old.slice(start, old.length - end), now.slice(start, now.length - end));
  const found: Hunk[] = [];
  let [i, j] = [start, start];
  for (const [a, b] of [...kept.map(([a, b]) => [a + start, b + start] as const), [old.length - end, now.length - end] as const]) {
    if (a > i || b > j) found.push({ from: i, to: a, lines: now.slice(j, b) });
    [i, j] = [a + 1, b + 1];
  }
  return found;
}

/** The indices of a longest series of lines that both have in order. */
function common(old: readonly string[], now: readonly string[]): [number, number][] {
  const furthest = new Map([[1, 0]]);
  const trace: Map<number, number>[] = [];
  for (let d = 0; d <= Math.min(old.length + now.length, LIMIT); d++) {
    trace.push(new Map(furthest));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (furthest.get(k - 1) as number) < (furthest.get(k + 1) as number));
      let x = down ? (furthest.get(k + 1) as number) : (furthest.get(k - 1) as number) + 1;
      while (x < old.length && x - k < now.length && old[x] === now[x - k]) x++;
      furthest.set(k, x);
      if (x >= old.length && x - k >= now.length) return walkBack(trace, old.length, now.length);
    }
  }
  return [];
}

function walkBack(trace: readonly Map<number, number>[], x: number, y: number): [number, number][] {
  const kept: [number, number][] = [];
  for (let d = trace.length - 1; d >= 0; d--) {
    const furthest = trace[d] as Map<number, number>;
    const k = x - y;
    const down = k === -d || (k !== d && (furthest.get(k - 1) as number) < (furthest.get(k + 1) as number));
    const beforeX = d === 0 ? 0 : (furthest.get(down ? k + 1 : k - 1) as number);
    const beforeY = d === 0 ? 0 : beforeX - (down ? k + 1 : k - 1);
    while (x > beforeX && y > beforeY) kept.push([--x, --y]);
    [x, y] = [beforeX, beforeY];
  }
  return kept.reverse();
}
