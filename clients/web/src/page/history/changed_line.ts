// What of a changed line differs from the line that it was, or became.

import type { Line } from "../../core/history/lines.ts";
import { h } from "../dom.ts";

/** The text of a line of a difference, with what its pair lacks marked, if the two have enough in common to say it so. */
export function changedText(lines: readonly Line[], index: number): (string | HTMLElement)[] {
  const { text } = lines[index] as Line;
  const pair = pairOf(lines, index);
  if (pair === null) return [text];
  let start = 0;
  while (start < text.length && text[start] === pair[start]) start++;
  let end = 0;
  while (end < text.length - start && end < pair.length - start && text.at(-1 - end) === pair.at(-1 - end)) end++;
  if (3 * (start + end) < Math.max(text.length, pair.length)) return [text];
  const middle = text.slice(start, text.length - end);
  return [text.slice(0, start), ...(middle === "" ? [] : [h("mark", {}, middle)]), text.slice(text.length - end)];
}

/** The line that a changed one was, or became. */
function pairOf(lines: readonly Line[], index: number): string | null {
  const { kind } = lines[index] as Line;
  if (kind === "same") return null;
  const before = (from: number, what: Line["kind"]) => {
    let count = 0;
    for (let i = from; lines[i]?.kind === what; i--) count++;
    return count;
  };
  if (kind === "added") {
    const own = before(index - 1, "added");
    const first = index - own;
    const deleted = before(first - 1, "deleted");
    return own < deleted ? (lines[first - deleted + own]?.text ?? null) : null;
  }
  const own = before(index - 1, "deleted");
  let end = index;
  while (lines[end]?.kind === "deleted") end++;
  const paired = lines[end + own];
  return paired?.kind === "added" ? paired.text : null;
}
