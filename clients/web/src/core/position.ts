// Fractional index: a place for a cell between any two others, so that a move writes one string and nothing else.
//
// The port of notebook_doc/position.py; both are tested with the vectors of test/positions.json. A position is upper-case
// hexadecimal bytes ending in the terminator 80, compared as strings. It knows nothing of cells.

const TERMINATOR = 0x80;
const LARGEST = 0xff;
const POSITION = /^(?:[0-9A-F]{2})*80$/;
const ROOM = 4n;

export const FIRST = "80";

export function isPosition(value: unknown): value is string {
  return typeof value === "string" && !value.endsWith("\n") && POSITION.test(value);
}

/** A position after `before` and before `after`; null is the open end on that side. */
export function between(before: string | null, after: string | null): string {
  check(before, after);
  if (before === null && after === null) return FIRST;
  if (before === null) return closed(digitsBefore(digits(after as string)));
  if (after === null) return closed(digitsAfter(digits(before)));
  return closed(digitsBetween(digits(before), digits(after)));
}

/** `n` ascending positions between `before` and `after`, evenly spaced. */
export function evenly(n: number, before: string | null = null, after: string | null = null): string[] {
  check(before, after);
  if (n <= 0) return [];
  if (n === 1) return [between(before, after)];
  const wanted = ROOM * BigInt(n + 1);
  let length = 1;
  let low = 0n;
  let high = 0n;
  for (; ; length++) {
    low = before === null ? 0n : asNumber(before, length);
    high = after === null ? 1n << BigInt(8 * length) : asNumber(after, length);
    if (high - low >= wanted) break;
  }
  return Array.from({ length: n }, (_, k) => {
    const number = low + ((high - low) * BigInt(k + 1)) / BigInt(n + 1);
    return `${number.toString(16).padStart(2 * length, "0").toUpperCase()}80`;
  });
}

function check(before: string | null, after: string | null): void {
  for (const position of [before, after]) {
    if (position !== null && !isPosition(position)) throw new RangeError(`${JSON.stringify(position)} is no position`);
  }
  if (before !== null && after !== null && before >= after) {
    throw new RangeError(`there is no place between ${before} and ${after}`);
  }
}

function digits(position: string): number[] {
  return Array.from({ length: position.length / 2 }, (_, i) => Number.parseInt(position.slice(2 * i, 2 * i + 2), 16));
}

function closed(found: number[]): string {
  return [...found, TERMINATOR].map((digit) => digit.toString(16).padStart(2, "0")).join("").toUpperCase();
}

function asNumber(position: string, length: number): bigint {
  return BigInt(`0x${position.slice(0, 2 * length).padEnd(2 * length, "0")}`);
}

function digitsBefore(right: number[]): number[] {
  for (const [i, digit] of right.entries()) {
    if (digit > TERMINATOR) return right.slice(0, i);
    if (digit > 0) return [...right.slice(0, i), digit - 1];
  }
  throw new RangeError("a position ends in its terminator");
}

function digitsAfter(left: number[]): number[] {
  for (const [i, digit] of left.entries()) {
    if (digit < TERMINATOR) return left.slice(0, i);
    if (digit < LARGEST) return [...left.slice(0, i), digit + 1];
  }
  throw new RangeError("a position ends in its terminator");
}

function digitsBetween(left: number[], right: number[]): number[] {
  const last = Math.min(left.length, right.length) - 1; // where the shorter one has its terminator
  for (let i = 0; i < last; i++) {
    const from = left[i] as number;
    const gap = (right[i] as number) - from;
    if (gap > 1) return [...left.slice(0, i), from + Math.floor(gap / 2)];
    if (gap === 1) return [...left.slice(0, i + 1), ...digitsAfter(left.slice(i + 1))];
  }
  if (left.length < right.length) return [...right.slice(0, last + 1), ...digitsBefore(right.slice(last + 1))];
  return [...left.slice(0, last + 1), ...digitsAfter(left.slice(last + 1))];
}
