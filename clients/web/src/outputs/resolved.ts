// Outputs as a frame can draw them by itself: every content fetched, since frames have no network. For Output widgets.

import type { Content, Output } from "../core/schema.ts";
import { blobOf, bytesOf, sizeOf, textOf } from "./contents.ts";

const STREAM_END = 256 * 1024; // bytes of a stream's end that a frame is handed

/** An output whose contents are here: text, JSON, or bytes of an image. */
export interface ResolvedOutput {
  readonly output_type: string;
  readonly key?: string; // two outputs of one key look the same
  readonly name?: string;
  readonly text?: string;
  readonly cut?: boolean; // there is more text before it
  readonly data?: Readonly<Record<string, unknown>>;
  readonly metadata?: unknown;
  readonly ename?: string;
  readonly evalue?: string;
  readonly traceback?: readonly string[];
}

export function resolvedOutputs(outputs: readonly Output[]): Promise<ResolvedOutput[]> {
  return Promise.all(outputs.map(resolve));
}

async function resolve(output: Output): Promise<ResolvedOutput> {
  if (output.output_type === "stream") return { output_type: "stream", name: `${output.name}`, ...(await end(output.text ?? [])) };
  if (output.data === undefined) {
    const { output_type, ename = "Error", evalue = "", traceback = [] } = output;
    return { output_type, key: JSON.stringify(output), ename, evalue, traceback };
  }
  const data = await Promise.all(Object.entries(output.data).map(async ([type, content]) => [type, await value(type, content)]));
  return { output_type: output.output_type, key: JSON.stringify(output), data: Object.fromEntries(data), metadata: output.metadata ?? {} };
}

async function value(type: string, content: Content): Promise<unknown> {
  if (content.encoding === "json") return JSON.parse(await textOf(content));
  if (content.encoding === "text") return textOf(content);
  return blobOf(type, content);
}

async function end(contents: readonly Content[]): Promise<{ text: string; cut: boolean }> {
  const parts: string[] = [];
  let room = STREAM_END;
  for (const content of contents.toReversed()) {
    if (room <= 0) break;
    const size = sizeOf(content);
    parts.push(new TextDecoder().decode(await bytesOf(content, Math.max(0, size - room), size)));
    room -= size;
  }
  return { text: parts.toReversed().join(""), cut: room < 0 };
}
