// The document core, started from the file that the page is served.

import { readFileSync } from "node:fs";
import { initialize } from "../src/core/replica.ts";

const wasm = new URL("../node_modules/@automerge/automerge/dist/automerge.wasm", import.meta.url);

export const coreIsReady = initialize(new Uint8Array(readFileSync(wasm)));

/** Numbers from 0 to 1, the same for the same seed. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
