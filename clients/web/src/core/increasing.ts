// Which of things that were in one order and are in another may stay where they are: as many as possible. Pure.

/** For each number, whether it is in a longest strictly increasing series of those that are not negative, which are never
 * in it. By patience sorting, as in Knuth, The Art of Computer Programming, volume 3, section 5.1.4. */
export function increasing(numbers: readonly number[]): boolean[] {
  const ends: number[] = []; // the index of the smallest number that a series of each length ends with
  const before = new Array<number>(numbers.length).fill(-1);
  for (const [index, number] of numbers.entries()) {
    if (number < 0) continue;
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((numbers[ends[middle] as number] as number) < number) low = middle + 1;
      else high = middle;
    }
    if (low > 0) before[index] = ends[low - 1] as number;
    ends[low] = index;
  }
  const is = new Array<boolean>(numbers.length).fill(false);
  for (let index = ends.at(-1) ?? -1; index >= 0; index = before[index] as number) is[index] = true;
  return is;
}
