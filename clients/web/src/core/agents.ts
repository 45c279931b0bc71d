// What agents may do unasked in a notebook, and what they made. Pure.
//
// The twin of notebook_doc/policy.py: the words are in the notebook's metadata, and a word that is not known here is taken
// for the careful one.

import type { Notebook } from "./notebook.ts";

export interface Policy {
  readonly cells_of_people: "edit" | "propose";
  readonly delete: "allow" | "confirm";
  readonly packages: "allow" | "confirm";
}

type Json = Record<string, unknown>;
const map = (value: unknown): Json => (value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Json) : {});

export function readPolicy(notebook: Notebook): Policy {
  const said = map(map(notebook.ownMetadata()["quire"])["agents"]);
  return {
    cells_of_people: (said["cells_of_people"] ?? "edit") === "edit" ? "edit" : "propose",
    delete: (said["delete"] ?? "allow") === "allow" ? "allow" : "confirm",
    packages: (said["packages"] ?? "allow") === "allow" ? "allow" : "confirm",
  };
}

export function setPolicy(notebook: Notebook, policy: Partial<Policy>): void {
  for (const [word, value] of Object.entries(policy)) notebook.setOwnMetadataAt(["quire", "agents", word], value);
}

/** The agent that made a cell; null for a person's. */
export function madeBy(notebook: Notebook, cellId: string): string | null {
  const mark = map(map(notebook.metadata(cellId)["quire"])["made_by"]);
  return mark["kind"] === "agent" ? `${mark["name"] ?? "an agent"}` : null;
}
