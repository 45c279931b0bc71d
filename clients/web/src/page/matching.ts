// Finding what a few typed letters mean: in order, word beginnings first. Pure.

/** Those whose text has the letters of `query` in order, the best first; all of them, as they are, for an empty query. */
export function rank<T>(query: string, items: readonly T[], textOf: (item: T) => string): T[] {
  const letters = query.toLowerCase().replaceAll(/\s+/g, "");
  if (letters === "") return [...items];
  return items
    .map((item, index) => ({ item, index, score: score(letters, textOf(item).toLowerCase()) }))
    .filter(({ score }) => score !== null)
    .sort((a, b) => (b.score as number) - (a.score as number) || a.index - b.index)
    .map(({ item }) => item);
}

/**
 * How well letters fit a text, null if they do not: each counts one, more where it begins a word or follows the letter
 * before it; of all ways to lay them over the text the best counts (dynamic programming, as fuzzy finders do it).
 */
export function score(letters: string, text: string): number | null {
  const NONE = -Infinity;
  let before = new Array<number>(text.length + 1).fill(0); // best score of the letters so far, the last at or before i
  let run = new Array<number>(text.length + 1).fill(NONE); // the same, the last exactly at i
  for (const letter of letters) {
    const best = new Array<number>(text.length + 1).fill(NONE);
    const here = new Array<number>(text.length + 1).fill(NONE);
    for (let i = 1; i <= text.length; i++) {
      best[i] = best[i - 1] as number;
      if (text[i - 1] !== letter) continue;
      const begins = i === 1 || !/[\p{L}\p{N}]/u.test(text[i - 2] as string);
      here[i] = Math.max((before[i - 1] as number) + (begins ? 4 : 1), (run[i - 1] as number) + 5);
      best[i] = Math.max(best[i] as number, here[i] as number);
    }
    before = best;
    run = here;
  }
  const found = before[text.length] as number;
  return found === NONE ? null : found - text.length / 1000;
}
