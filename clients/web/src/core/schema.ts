// The documents as docs/document-schema.md describes them, as far as a browser looks at them. Types, and what is read of
// them defensively: whatever a peer of another version may have written, nothing here throws.

import { plain } from "./replica.ts";

export type CellType = "code" | "markdown" | "raw";

export interface NotebookRoot {
  notebook_id: unknown;
  cells: Record<string, CellMap>;
  metadata: Record<string, unknown>;
  proposals?: Record<string, unknown>;
  comments?: Record<string, unknown>;
  versions?: Record<string, unknown>;
}

export interface CellMap {
  id: unknown;
  cell_type: unknown;
  position: unknown;
  source: string;
  metadata: Record<string, unknown>;
  attachments?: Record<string, unknown>;
}

export interface RuntimeRoot {
  kernel: unknown;
  queue: unknown[];
  executions: Record<string, unknown>;
  latest: Record<string, unknown>;
  comms?: Record<string, unknown>;
  dataflow?: unknown;
  formatting?: unknown;
}

export interface Kernel {
  lifecycle: string;
  activity: string;
  name: string;
  error: string | null;
}

export interface Content {
  encoding: string;
  inline?: string;
  blob?: string;
  size?: number;
}

export interface Output {
  output_type: string;
  name?: string;
  text?: Content[];
  data?: Record<string, Content>;
  metadata?: Record<string, unknown>;
  display_id?: string;
  execution_count?: number | null;
  ename?: string;
  evalue?: string;
  traceback?: string[];
}

/** What running code asks for. */
export interface Prompt {
  readonly id: string;
  readonly text: string;
  readonly password: boolean;
}

export interface Execution {
  id: string;
  prompt: Prompt | null;
  status: string;
  execution_count: number | null;
  started: number | null;
  ended: number | null;
  /** "hit": restored instead of run; "kept", or why it was not kept; empty where nothing is cached. */
  cache: string;
  /** Of a hit: how many milliseconds it took when it ran. */
  saved_ms: number | null;
  requested_by: { name?: string; peer_id?: string; kind?: string };
  outputs: Outputs;
}

/** What a list of outputs says, each read when it is asked for. One that did not change is the same object as before, so
 * that whoever draws thousands looks at those alone that did: the replica, too, keeps the objects that did not change. */
export class Outputs {
  static readonly NONE = new Outputs([]);
  static readonly #read = new WeakMap<object, Output>();
  readonly #list: readonly unknown[];

  constructor(list: readonly unknown[]) {
    this.#list = list;
  }

  get length(): number {
    return this.#list.length;
  }

  at(index: number): Output {
    const stored = record(this.#list[index]);
    const known = Outputs.#read.get(stored);
    if (known !== undefined) return known;
    const output = record(plain(stored)) as unknown as Output;
    Outputs.#read.set(stored, output);
    return output;
  }
}

/** A map, whatever it is. */
export const record = (value: unknown): Record<string, unknown> =>
  value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
const text = (value: unknown, otherwise: string): string => (value === undefined || value === null ? otherwise : `${value}`);
const number = (value: unknown): number | null =>
  typeof value === "number" ? value : typeof value === "bigint" ? Number(value) : null;

export function readKernel(root: Readonly<RuntimeRoot>): Kernel {
  const kernel = record(root.kernel);
  return {
    lifecycle: text(kernel["lifecycle"], "none"),
    activity: text(kernel["activity"], "idle"),
    name: text(kernel["name"], ""),
    error: kernel["error"] === undefined || kernel["error"] === null ? null : `${kernel["error"]}`,
  };
}

export function latestExecution(root: Readonly<RuntimeRoot>, cellId: string): string | null {
  const id = record(root.latest)[cellId];
  return id === undefined ? null : `${id}`;
}

export function readQueue(root: Readonly<RuntimeRoot>): string[] {
  return Array.isArray(root.queue) ? root.queue.map(String) : [];
}

export function readExecution(root: Readonly<RuntimeRoot>, id: string): Execution | null {
  const found = record(root.executions)[id];
  if (found === undefined) return null;
  const value = record(found);
  return {
    id,
    prompt: readPrompt(value["prompt"]),
    status: text(value["status"], ""),
    execution_count: number(value["execution_count"]),
    started: number(value["started"]),
    ended: number(value["ended"]),
    cache: text(value["cache"], ""),
    saved_ms: number(value["saved_ms"]),
    requested_by: record(plain(value["requested_by"])),
    outputs: Array.isArray(value["outputs"]) ? new Outputs(value["outputs"]) : Outputs.NONE,
  };
}

function readPrompt(value: unknown): Prompt | null {
  if (value === undefined || value === null) return null;
  const prompt = record(value);
  return { id: text(prompt["id"], ""), text: text(prompt["text"], ""), password: prompt["password"] === true };
}
