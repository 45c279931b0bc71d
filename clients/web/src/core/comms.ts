// What a kernel keeps open towards its front ends, as RuntimeDoc's `comms` has it: above all the state of widgets. Pure.
//
// Reads defensively, as schema.ts does. A trait's value is what `state` says with its parts (large values, bytes) put where
// they belong; whoever restores one gives a function that fetches blobs.

import { type Patch, plain } from "./replica.ts";
import { type Content, type Output, type RuntimeRoot, record } from "./schema.ts";

export const WIDGET_TARGET = "jupyter.widget";

export interface Part extends Content {
  readonly path: readonly (string | number)[];
}

/** One trait as it is stored. */
export interface Stored {
  readonly value: unknown;
  readonly parts: readonly Part[];
}

/** What of a comm changed: these traits, and what it captured; "all" if it came, or is another one. */
export type CommChange = "all" | { readonly traits: ReadonlySet<string>; readonly outputs: boolean };

const comms = (root: Readonly<RuntimeRoot>) => record(root.comms);
const isPart = (part: unknown): part is Part => Array.isArray(record(part)["path"]);

export function commIds(root: Readonly<RuntimeRoot>): string[] {
  return Object.keys(comms(root));
}

/** Whether the kernel has this comm open. */
export function hasComm(root: Readonly<RuntimeRoot>, id: string): boolean {
  return Object.hasOwn(comms(root), id);
}

export function traitNames(root: Readonly<RuntimeRoot>, id: string): string[] {
  return Object.keys(record(record(comms(root)[id])["state"]));
}

/** A trait; null if there is none. */
export function readTrait(root: Readonly<RuntimeRoot>, id: string, trait: string): Stored | null {
  const comm = record(comms(root)[id]);
  const state = record(comm["state"]);
  if (!Object.hasOwn(state, trait)) return null;
  const parts = plain(record(comm["parts"])[trait] ?? []);
  return { value: plain(state[trait]), parts: Array.isArray(parts) ? parts.filter(isPart) : [] };
}

/** What an Output widget captured; null for any other comm. */
export function readCaptured(root: Readonly<RuntimeRoot>, id: string): Output[] | null {
  const outputs = record(comms(root)[id])["outputs"];
  if (!Array.isArray(outputs)) return `${readTrait(root, id, "_model_name")?.value}` === "OutputModel" ? [] : null;
  return outputs.map((output) => record(plain(output)) as unknown as Output);
}

/** The comms that these patches of RuntimeDoc are about. */
export function changedComms(patches: readonly Patch[]): Map<string, CommChange> {
  const found = new Map<string, CommChange>();
  for (const { path } of patches) {
    const [root, id, field, trait] = path;
    if (root !== "comms" || typeof id !== "string") continue;
    const before = found.get(id);
    if (before === "all") continue;
    if (field === undefined || (field !== "outputs" && field !== "execution_id" && typeof trait !== "string")) found.set(id, "all");
    else {
      const traits = new Set(before?.traits);
      if ((field === "state" || field === "parts") && typeof trait === "string") traits.add(trait);
      found.set(id, { traits, outputs: field === "outputs" || before?.outputs === true });
    }
  }
  return found;
}

/** The value of a trait, its bytes as Uint8Array. Rejects with what `bytesOf` does, or if a part has no place. */
export async function restored(stored: Stored, bytesOf: (part: Part) => Promise<Uint8Array>): Promise<unknown> {
  let { value } = stored;
  for (const part of stored.parts) value = putAt(value, part.path, await partValue(part, bytesOf));
  return value;
}

/** `value`, changed so that it has `part` at `path`. */
export function putAt(value: unknown, path: readonly (string | number)[], part: unknown): unknown {
  const last = path.at(-1);
  if (last === undefined) return part;
  let inside: any = value;
  for (const step of path.slice(0, -1)) inside = inside !== null && typeof inside === "object" && Object.hasOwn(inside, step) ? inside[step] : null;
  if (inside === null || typeof inside !== "object" || last === "__proto__") throw new Error(`A widget's state has no place ${path.join(".")}.`);
  inside[last] = part;
  return value;
}

async function partValue(part: Part, bytesOf: (part: Part) => Promise<Uint8Array>): Promise<unknown> {
  if (part.encoding === "bytes") return part.blob === undefined ? fromBase64(part.inline ?? "") : bytesOf(part);
  const text = part.blob === undefined ? (part.inline ?? "") : new TextDecoder().decode(await bytesOf(part));
  return part.encoding === "json" ? JSON.parse(text) : text;
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
