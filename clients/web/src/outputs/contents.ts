// The contents that outputs name: inline in the document, or blobs of the hub, whole or by range.

import { fromBase64 } from "../core/comms.ts";
import type { Content } from "../core/schema.ts";

const INERT_IMAGES: readonly string[] = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/avif"];
const INERT_MEDIA: readonly string[] = ["audio/mpeg", "audio/ogg", "audio/wav", "audio/webm", "video/mp4", "video/ogg", "video/webm"];
const encoder = new TextEncoder();

export const blobAddress = (blob: string, type?: string) =>
  `/v1/blobs/${encodeURIComponent(blob)}${type === undefined ? "" : `?type=${encodeURIComponent(type)}`}`;

export const sizeOf = (content: Content) => content.size ?? encoder.encode(content.inline ?? "").length;

/** A content's text. Rejects with what to tell the reader. */
export async function textOf(content: Content): Promise<string> {
  return content.blob === undefined ? (content.inline ?? "") : new TextDecoder().decode(await bytesOf(content));
}

/** The bytes of a blob, or some of them. */
export async function bytesOf(content: Content, from = 0, to = sizeOf(content)): Promise<Uint8Array<ArrayBuffer>> {
  if (content.blob === undefined) return encoder.encode(content.inline ?? "").slice(from, to);
  const whole = from === 0 && to >= sizeOf(content);
  const response = await fetch(blobAddress(content.blob), whole ? {} : { headers: { Range: `bytes=${from}-${to - 1}` } });
  if (!response.ok) throw new Error(`This part of the output could not be loaded (${response.status}).`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  return response.status === 200 && !whole ? bytes.slice(from, to) : bytes;
}

/** A content as a file. */
export async function blobOf(type: string, content: Content): Promise<Blob> {
  const isText = content.encoding === "text" || content.encoding === "json";
  if (content.blob === undefined && !isText) return new Blob([fromBase64(content.inline ?? "")], { type });
  return new Blob([await bytesOf(content)], { type });
}

/** An address for an <img>. SVG becomes a blob of this page: in an <img> it runs nothing. */
export async function imageAddress(type: string, content: Content): Promise<string> {
  if (type === "image/svg+xml") return URL.createObjectURL(new Blob([await textOf(content)], { type }));
  if (content.blob !== undefined && INERT_IMAGES.includes(type)) return blobAddress(content.blob, type);
  if (content.blob !== undefined) return URL.createObjectURL(new Blob([await bytesOf(content)], { type }));
  return `data:${type};base64,${(content.inline ?? "").replaceAll(/\s/g, "")}`;
}

/** An address for a player: of a blob, which the hub serves by ranges, if the type is one that it serves. */
export async function mediaAddress(type: string, content: Content): Promise<string> {
  if (content.blob !== undefined && INERT_MEDIA.includes(type)) return blobAddress(content.blob, type);
  return URL.createObjectURL(await blobOf(type, content));
}
