// The messages that are not sync: MessagePack maps, as relay/messages.py and relay/requests.py define them. Pure.
//
// Only what a browser says or hears is here. A message of a kind this module does not know reads as null and is skipped.

import { decode as unpack, encode as pack } from "@msgpack/msgpack";
import { Frame, frame, splitFrame } from "./frames.ts";

export type Role = "owner" | "editor" | "runner" | "viewer" | "daemon";

export interface PeerInfo {
  peer_id: string;
  name: string;
  kind: "person" | "agent" | "program" | "daemon";
}

export interface PresentPeer {
  peer: PeerInfo;
  role: Role;
  state: Record<string, unknown>;
}

export interface ErrorInfo {
  code: string;
  message: string;
  hint: string;
}

export type RequestBody =
  | { method: "execute"; cell_ids: string[] | null }
  | { method: "execute"; above: string }
  | { method: "execute"; below: string }
  | { method: "execute"; cell_ids: string[]; bring: "nothing" | "stale" | "dependents" }
  | { method: "execute"; plan_id: string }
  | { method: "plan_run"; cell_ids: string[]; bring: "nothing" | "stale" | "dependents" | null }
  | { method: "interrupt"; execution_id: string }
  | { method: "stop"; execution_ids: string[] }
  | { method: "stop"; whose: "mine" | "all" }
  | { method: "clear_outputs"; cell_ids: string[] | null }
  | { method: "answer_input"; execution_id: string; prompt_id: string; value: string | null }
  | { method: "complete"; code: string; cursor: number }
  | { method: "inspect"; code: string; cursor: number; detail: 0 | 1 }
  | { method: "signature_help"; code: string; cursor: number }
  | { method: "format"; code: string; language: string; cell_id: string }
  | { method: "list_kernels" }
  | { method: "list_variables" }
  | { method: "restart_kernel" }
  | { method: "shutdown_kernel" }
  | { method: "approve_dependencies"; digest: string; heads: readonly Uint8Array[]; remember: boolean }
  | { method: "add_packages" | "remove_packages"; packages: readonly string[] }
  | { method: "sync_environment"; restart: boolean }
  | { method: "comm_send"; comm_id: string; data: Record<string, unknown>; buffers: readonly Uint8Array[] }
  | { method: "comm_close"; comm_id: string; data: Record<string, unknown> }
  | { method: "widget_code"; module: string }
  | { method: "save" }
  | { method: "writers"; since: number };

export type Outgoing =
  | {
      type: "hello";
      protocol: number;
      schema: number;
      notebook_id: string;
      peer: PeerInfo;
      token: string;
      role: Role;
      genesis: Uint8Array | null;
    }
  | { type: "runtime_epoch_taken"; epoch: number };

export interface Request {
  id: string;
  body: RequestBody;
  required_heads: Uint8Array[];
}

export type Incoming =
  | { type: "welcome"; notebook_id: string; role: Role; genesis: Uint8Array }
  | { type: "runtime_epoch"; epoch: number }
  | ({ type: "error"; fatal: boolean } & ErrorInfo)
  | { type: "response"; id: string; result: Record<string, unknown>; error: ErrorInfo | null }
  | { type: "notebook_saved"; path: string; heads: Uint8Array[]; error: ErrorInfo | null }
  | { type: "comm_message"; comm_id: string; data: Record<string, unknown>; buffers: Uint8Array[] }
  | { type: "peers"; peers: PresentPeer[] }
  | { type: "left"; peer_id: string };

export const encodeSession = (message: Outgoing) => frame(Frame.session, pack(message));
export const encodeRequest = (request: Request) => frame(Frame.request, pack(request));
export const encodePresence = (state: Record<string, unknown>) => frame(Frame.presence, pack({ type: "state", state }));

const KNOWN: Record<number, readonly string[]> = {
  [Frame.session]: ["welcome", "runtime_epoch", "error"],
  [Frame.broadcast]: ["notebook_saved", "comm_message"],
  [Frame.presence]: ["peers", "left"],
};

export function decode(whole: Uint8Array): Incoming | null {
  const { type, payload } = splitFrame(whole);
  if (type === Frame.response) {
    return { type: "response", result: {}, error: null, ...(unpack(payload) as object) } as Incoming;
  }
  const known = KNOWN[type];
  if (known === undefined) return null;
  const message = unpack(payload) as { type?: unknown };
  if (typeof message?.type !== "string" || !known.includes(message.type)) return null;
  if (message.type === "error") return { hint: "", fatal: true, ...message } as Incoming;
  if (message.type === "notebook_saved") return { error: null, ...message } as Incoming;
  if (message.type === "comm_message") return { buffers: [], ...message } as unknown as Incoming;
  return message as Incoming;
}

export const toHex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

export function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}
