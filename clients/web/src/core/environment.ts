// The notebook's environment as RuntimeDoc says it (docs/document-schema.md, "The environment"), and declaring packages.
// Pure; reading is defensive, and what is missing reads as nothing to say.

import type { Notebook } from "./notebook.ts";
import { plain, scalar } from "./replica.ts";
import { record, type RuntimeRoot } from "./schema.ts";

export interface Environment {
  readonly source: string;
  readonly reason: string;
  readonly path: string | null;
  readonly phase: string;
  readonly inSync: boolean;
  readonly declared: readonly string[];
  readonly installed: Readonly<Record<string, string>>;
  readonly drift: readonly { declared: string; locked: string; installed: string }[];
  readonly restart: string | null;
  readonly log: readonly string[];
  readonly error: string | null;
  readonly hint: string | null;
}

export interface Trust {
  readonly asks: boolean;
  readonly tampered: boolean;
  readonly digest: string;
  readonly heads: readonly string[];
  readonly source: string;
  readonly path: string | null;
  readonly packages: readonly string[];
  readonly python: string;
  readonly channels: readonly string[];
  readonly options: readonly string[];
  readonly project: boolean;
  readonly why: string;
}

export interface Missing {
  readonly cellId: string;
  readonly module: string;
  readonly package: string;
}

const text = (value: unknown): string => (value === undefined || value === null ? "" : `${value}`);
const textOrNull = (value: unknown): string | null => (value === undefined || value === null ? null : `${value}`);
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(text) : []);
const root = (runtime: Readonly<RuntimeRoot> | null, key: string): Record<string, unknown> =>
  record(plain((runtime as unknown as Record<string, unknown> | null)?.[key]));

export function readEnvironment(runtime: Readonly<RuntimeRoot> | null): Environment {
  const env = root(runtime, "env");
  return {
    source: text(env["source"]),
    reason: text(env["reason"]),
    path: textOrNull(env["path"]),
    phase: text(env["phase"]) || "none",
    inSync: env["in_sync"] !== false,
    declared: texts(env["declared"]),
    installed: Object.fromEntries(Object.entries(record(env["installed"])).map(([name, version]) => [name, text(version)])),
    drift: (Array.isArray(env["drift"]) ? env["drift"] : []).map(record).map((one) => ({
      declared: text(one["declared"]),
      locked: text(one["locked"]),
      installed: text(one["installed"]),
    })),
    restart: textOrNull(env["restart"]),
    log: texts(env["log"]),
    error: textOrNull(env["error"]),
    hint: textOrNull(env["hint"]),
  };
}

export function readTrust(runtime: Readonly<RuntimeRoot> | null): Trust {
  const trust = root(runtime, "trust");
  const state = text(trust["state"]);
  return {
    asks: state === "asks" || state === "tampered",
    tampered: state === "tampered",
    digest: text(trust["digest"]),
    heads: texts(trust["heads"]),
    source: text(trust["source"]),
    path: textOrNull(trust["path"]),
    packages: [...texts(trust["packages"]), ...texts(trust["pip"])],
    python: text(trust["python"]),
    channels: texts(trust["channels"]),
    options: texts(trust["options"]),
    project: trust["project"] === true,
    why: text(trust["why"]),
  };
}

export function readMissing(runtime: Readonly<RuntimeRoot> | null): Missing[] {
  return Object.entries(root(runtime, "missing")).map(([cellId, value]) => {
    const one = record(value);
    return { cellId, module: text(one["module"]), package: text(one["package"]) };
  });
}

/** The name that a requirement begins with, as registries compare it. */
export function packageName(requirement: string): string {
  const found = /^\s*(?:[\w.-]+::)?([A-Za-z0-9][\w.-]*)/.exec(requirement);
  return (found?.[1] ?? "").toLowerCase().replaceAll(/[-_.]+/g, "-");
}

/** Everything that would be installed and from where, a line each. */
export function questionLines(trust: Trust): string[] {
  return [
    ...trust.packages,
    ...(trust.project ? [`the project in ${trust.path ?? "its folder"}, whose build it runs`] : []),
    ...(trust.python === "" ? [] : [`for Python ${trust.python}`]),
    ...trust.channels.map((channel) => `from the channel ${channel}`),
    ...trust.options.map((option) => `with ${option}`),
  ];
}

/** What the asking peer writes when packages were installed; null if a file declares them, which the daemon writes. */
export type Declare =
  | null
  | { place: string[]; add: string[]; remove: string[] }
  | { cell_id: string; old: string; new: string };

/** Write that. False if somebody has edited the header in the cell meanwhile; then it stays as it is. */
export function declareAnswered(notebook: Notebook, told: Declare): boolean {
  if (told === null) return true;
  if ("place" in told) {
    declare(notebook, told.place, told.add, told.remove);
    return true;
  }
  const source = notebook.source(told.cell_id);
  const at = source.indexOf(told.old);
  if (at < 0) return false;
  let start = 0;
  while (start < told.old.length && start < told.new.length && told.old[start] === told.new[start]) start++;
  let [from, to] = [told.old.length, told.new.length];
  while (from > start && to > start && told.old[from - 1] === told.new[to - 1]) [from, to] = [from - 1, to - 1];
  notebook.editSource(told.cell_id, [{ from: at + start, to: at + from, insert: told.new.slice(start, to) }], notebook);
  return true;
}

/** Declare what was installed: change the list of dependencies at this place of the notebook's metadata, as one edit. */
export function declare(notebook: Notebook, place: readonly string[], add: readonly string[], remove: readonly string[]): void {
  notebook.replica.change((draft) => {
    let table = draft.metadata;
    for (const key of place) {
      if (table[key] === undefined || table[key] === null) table[key] = {};
      table = table[key] as Record<string, unknown>;
    }
    if (!Array.isArray(table["dependencies"])) table["dependencies"] = [];
    const list = table["dependencies"] as unknown[];
    for (let at = list.length - 1; at >= 0; at--) {
      const one = text(list[at]);
      if (remove.includes(one) || add.includes(one)) list.splice(at, 1);
    }
    list.push(...add.map(scalar));
  }, notebook);
}
