// Which language a code cell is written in, as notebook_doc/dataflow/cell_texts.py says it. Pure.

import type { Notebook } from "./notebook.ts";
import { record } from "./schema.ts";

const SAME: Record<string, string> = { ipython: "python", python3: "python", py: "python" };

/** Of a cell of code: what it says itself, else the notebook's, else its kernel's, else Python. */
export function languageOf(notebook: Notebook, cellId: string): string {
  const metadata = notebook.metadata(cellId);
  const own = record(metadata["quire"])["language"] || metadata["language"] || record(metadata["vscode"])["languageId"];
  const named = [own, notebook.metadataAt(["language_info", "name"]), notebook.metadataAt(["kernelspec", "language"])];
  const found = named.find((name) => typeof name === "string" && name !== "") as string | undefined;
  const lower = (found ?? "python").toLowerCase();
  return SAME[lower] ?? lower;
}
