// How high each of many things is that stand one below the other, and so where each stands. Pure.
//
// What was not measured yet counts as high as the first that were: later ones do not move it, so that a scrollbar stays
// where it was dragged to.

const ENOUGH = 20; // measured ones by whose mean the others are judged

export class Heights {
  readonly #known: (number | undefined)[] = [];
  #guess: number;
  #first: number[] = [];
  #tops: Float64Array | null = null; // of each, and the end of the last

  /** `guess`: pixels of one until some were measured. */
  constructor(guess: number) {
    this.#guess = guess;
  }

  get count(): number {
    return this.#known.length;
  }

  /** There are so many now; those that are left stand at the same places. */
  resize(count: number): void {
    if (count === this.count) return;
    this.#known.length = count;
    this.#tops = null;
  }

  /** This one is so high; returns whether anything stands elsewhere by that. */
  measured(index: number, height: number): boolean {
    if (index >= this.count || this.#known[index] === height) return false;
    if (this.#known[index] === undefined && this.#first.length < ENOUGH) {
      this.#first.push(height);
      this.#guess = this.#first.reduce((sum, one) => sum + one, 0) / this.#first.length;
    }
    this.#known[index] = height;
    this.#tops = null;
    return true;
  }

  /** Where it begins; of `count`, where all end. */
  top(index: number): number {
    return this.#all()[Math.max(0, Math.min(index, this.count))] as number;
  }

  /** Which stands at this place: the first or the last for what is beyond them; 0 if there is none. */
  at(place: number): number {
    const tops = this.#all();
    let [low, high] = [0, Math.max(0, this.count - 1)];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((tops[middle] as number) <= place) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #all(): Float64Array {
    if (this.#tops !== null) return this.#tops;
    const tops = new Float64Array(this.count + 1);
    for (let index = 0; index < this.count; index++) tops[index + 1] = (tops[index] as number) + (this.#known[index] ?? this.#guess);
    return (this.#tops = tops);
  }
}
