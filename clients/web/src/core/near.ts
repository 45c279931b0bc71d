// Which of many things that stand in order are near, and which of those drawn are too many. Pure.

/** The first index in [0, count) of which `is` is true, if it is of all after it; `count` if of none. */
export function firstWhere(count: number, is: (index: number) => boolean): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (is(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Which to put away, so that no more than `most` far ones stay: those that come first, seen longest ago. */
export function tooMany<T>(drawn: Iterable<T>, isNear: (one: T) => boolean, most: number): T[] {
  const far = [...drawn].filter((one) => !isNear(one));
  return far.slice(0, Math.max(0, far.length - most));
}
