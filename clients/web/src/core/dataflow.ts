// What the daemon publishes of the dataflow (docs/dataflow.md), read defensively, and how it is said to people. Pure.

import { plain } from "./replica.ts";
import { record, type RuntimeRoot } from "./schema.ts";

export const MODES = ["manual", "lazy", "reactive", "cascade"] as const;
export type Mode = (typeof MODES)[number];

export interface Cause {
  readonly kind: string;
  readonly why: string;
  readonly cell_id?: string;
}

export type FixEdit =
  | { readonly edit: "replace"; readonly cell_id: string; readonly range: readonly [number, number]; readonly old: string; readonly new: string }
  | { readonly edit: "delete"; readonly cell_id: string }
  | { readonly edit: "merge"; readonly cell_ids: readonly string[] };

export interface Fix {
  readonly title: string;
  readonly edits: readonly FixEdit[];
}

export interface Problem {
  readonly code: string;
  readonly message: string;
  /** Code points of the cell's source. */
  readonly range: readonly [number, number] | null;
  readonly names: readonly string[];
  readonly cells: readonly string[];
  readonly fixes: readonly Fix[];
}

export interface CellFlow {
  readonly status: "never_ran" | "fresh" | "stale" | "failed";
  readonly causes: readonly Cause[];
  /** The kernel of now has not run it. */
  readonly missing: boolean;
  readonly problems: readonly Problem[];
  readonly defines: readonly string[];
  /** Which cell each name is from. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly ms: number | null;
}

export interface PlanStep {
  readonly cell_id: string;
  readonly reason: string;
  readonly causes: readonly Cause[];
  readonly estimated_ms: number | null;
  readonly refused: readonly Problem[];
  /** Whether it is restored instead, if the values that it reads agree. */
  readonly cached?: boolean;
}

/** What would run; `id` is good for one request. */
export interface Plan {
  readonly id: string;
  readonly targets: readonly string[];
  readonly steps: readonly PlanStep[];
  readonly brought: readonly string[];
  readonly estimated_ms: number;
}

export function readMode(root: Readonly<RuntimeRoot> | null): Mode {
  const mode = `${plain(record(root?.dataflow)["mode"]) ?? ""}`;
  return MODES.find((each) => each === mode) ?? "manual";
}

/** The JSON of each cell, to be parsed when it differs from what was parsed before. */
export function readTexts(root: Readonly<RuntimeRoot> | null): Map<string, string> {
  const cells = record(record(root?.dataflow)["cells"]);
  return new Map(Object.entries(cells).map(([id, text]) => [id, `${plain(text)}`]));
}

export function parseCell(text: string): CellFlow | null {
  try {
    const found = record(JSON.parse(text));
    return { causes: [], missing: false, problems: [], defines: [], inputs: {}, ms: null, status: "never_ran", ...found } as CellFlow;
  } catch {
    return null; // a daemon of another version
  }
}

/** The names of other cells in a sentence, instead of their ids or of `cell ` and their ids. */
export function named(sentence: string, ids: readonly string[], name: (cellId: string) => string): string {
  return ids.reduce((text, id) => text.replaceAll(`cell ${id}`, name(id)).replaceAll(id, name(id)), sentence);
}

const HERE: Record<string, string> = { edited: "it was edited since it ran", environment: "the environment is another one" };
const THERE: Record<string, string> = {
  edited: "was edited",
  ran: "ran again with another result",
  failed: "failed",
  not_run: "has not run",
  added: "had not run yet when this did",
  deleted: "was deleted",
};

/** Why a cell is stale, as the end of a sentence. */
export function sayCause(cause: Cause, name: (cellId: string) => string): string {
  if (cause.kind !== "upstream" || cause.cell_id === undefined) return HERE[cause.why] ?? "what it follows from has changed";
  return `${name(cause.cell_id)} ${THERE[cause.why] ?? "has changed"}`;
}

export function sayCauses(flow: CellFlow, name: (cellId: string) => string): string {
  return `Stale: ${flow.causes.map((cause) => sayCause(cause, name)).join("; ")}.`;
}

export function sayTime(ms: number | null): string {
  if (ms === null) return "";
  if (ms < 1000) return `${Math.max(1, Math.round(ms))} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** Everything that can be reached from a cell over inputs (`up`) or from inputs (`down`), without it. */
export function reached(from: string, cells: ReadonlyMap<string, CellFlow>, way: "up" | "down"): Set<string> {
  const next = new Map<string, string[]>();
  for (const [reader, { inputs }] of cells) {
    for (const owner of Object.values(inputs)) {
      const [a, b] = way === "up" ? [reader, owner] : [owner, reader];
      next.set(a, [...(next.get(a) ?? []), b]);
    }
  }
  const seen = new Set<string>();
  const left = [from];
  for (let one = left.pop(); one !== undefined; one = left.pop()) {
    for (const other of next.get(one) ?? []) {
      if (seen.has(other) || other === from) continue;
      seen.add(other);
      left.push(other);
    }
  }
  return seen;
}
