// The state of widgets that a Jupyter front end saved in a notebook's metadata: what they showed when their kernel ran. Pure.
//
// The format is ipywidgets' (packages/schema, "Jupyter widget state", version 2). It is read as anybody may have written it.

import { fromBase64, putAt } from "./comms.ts";
import { record } from "./schema.ts";

/** Where it stands in the notebook's metadata. */
export const SAVED_WIDGETS = ["widgets", "application/vnd.jupyter.widget-state+json", "state"] as const;

/** An output that a saved Output widget shows, its contents at hand. */
export interface SavedOutput {
  readonly output_type: string;
  readonly key: string;
  readonly [field: string]: unknown;
}

export interface SavedWidget {
  readonly state: Record<string, unknown>;
  /** What an Output widget shows; null for others. */
  readonly outputs: readonly SavedOutput[] | null;
}

/** A widget as its entry in the metadata says; null if that says nothing of a widget. */
export function readSavedWidget(entry: unknown): SavedWidget | null {
  const { model_name: name, model_module: module, model_module_version: version, state, buffers } = record(entry);
  if (typeof name !== "string" || typeof module !== "string") return null;
  const whole: Record<string, unknown> = { ...record(state), _model_name: name, _model_module: module, _model_module_version: `${version ?? ""}` };
  for (const buffer of Array.isArray(buffers) ? buffers : []) {
    const { path, data, encoding } = record(buffer);
    if (Array.isArray(path) && path.length > 0 && typeof data === "string") putAt(whole, path, encoding === "hex" ? fromHex(data) : fromBase64(data));
  }
  if (name !== "OutputModel") return { state: whole, outputs: null };
  const { outputs, ...others } = whole;
  return { state: others, outputs: (Array.isArray(outputs) ? outputs : []).map((output) => readOutput(record(output))) };
}

const joined = (text: unknown): string => (Array.isArray(text) ? text.join("") : `${text ?? ""}`);
const fromHex = (digits: string) => Uint8Array.from(digits.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));

/** An output of nbformat, in the shape in which frames draw outputs. */
function readOutput(output: Record<string, unknown>): SavedOutput {
  const key = JSON.stringify(output);
  const output_type = `${output["output_type"]}`;
  if (output_type === "stream") return { output_type, key, name: `${output["name"]}`, text: joined(output["text"]) };
  if (output_type === "error") return { ...output, output_type, key };
  const data = Object.entries(record(output["data"])).map(([type, value]) => {
    if (/^image\/(?!svg)/.test(type)) return [type, new Blob([fromBase64(joined(value).replaceAll(/\s/g, ""))], { type })];
    return [type, /json$/.test(type) ? value : joined(value)];
  });
  return { output_type, key, data: Object.fromEntries(data), metadata: record(output["metadata"]) };
}
