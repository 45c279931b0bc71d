// SHA-256 (FIPS 180-4) of short texts, at once. Pure.
//
// The browser's own answers later, and over plain HTTP on another machine not at all; the names of authors, which actors
// begin with, are needed in both places, in the middle of work.

/** The first 32 bits of the fractional parts of the square and cube roots of primes. */
const [INITIAL, ROUNDS] = constants();

function constants(): [Uint32Array, Uint32Array] {
  const primes: number[] = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  const bits = (root: (n: number) => number) => Uint32Array.from(primes, (prime) => (root(prime) % 1) * 2 ** 32);
  return [bits(Math.sqrt).subarray(0, 8), bits(Math.cbrt)];
}

const turned = (word: number, by: number) => (word >>> by) | (word << (32 - by));

/** The digest of a text's UTF-8, in hexadecimal. */
export function sha256(text: string): string {
  const bytes = new TextEncoder().encode(text);
  const padded = new DataView(new ArrayBuffer((((bytes.length + 8) >> 6) + 1) << 6));
  new Uint8Array(padded.buffer).set(bytes);
  padded.setUint8(bytes.length, 0x80);
  padded.setBigUint64(padded.byteLength - 8, BigInt(bytes.length) * 8n);
  const state = INITIAL.slice();
  const words = new Int32Array(64);
  for (let block = 0; block < padded.byteLength; block += 64) {
    for (let i = 0; i < 16; i++) words[i] = padded.getInt32(block + 4 * i);
    for (let i = 16; i < 64; i++) {
      const [before, near] = [words[i - 15] as number, words[i - 2] as number];
      const one = turned(before, 7) ^ turned(before, 18) ^ (before >>> 3);
      const other = turned(near, 17) ^ turned(near, 19) ^ (near >>> 10);
      words[i] = (words[i - 16] as number) + one + (words[i - 7] as number) + other;
    }
    let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
    for (let i = 0; i < 64; i++) {
      const mixed = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
      const first = (h + mixed + ((e & f) ^ (~e & g)) + (ROUNDS[i] as number) + (words[i] as number)) | 0;
      const second = ((turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
    }
    for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) state[i] = (state[i] as number) + word;
  }
  return Array.from(state, (word) => word.toString(16).padStart(8, "0")).join("");
}
