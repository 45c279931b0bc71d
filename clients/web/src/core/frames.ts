// Frames: a type byte and a payload, one per WebSocket message. docs/wire-protocol.md is the reference. Pure.

export const Frame = {
  notebookSync: 0x00,
  request: 0x01,
  response: 0x02,
  broadcast: 0x03,
  presence: 0x04,
  runtimeSync: 0x05,
  session: 0x07,
} as const;

export function frame(type: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(payload.length + 1);
  whole[0] = type;
  whole.set(payload, 1);
  return whole;
}

export function splitFrame(whole: Uint8Array): { type: number; payload: Uint8Array } {
  const type = whole[0];
  if (type === undefined) throw new Error("an empty frame arrived; every frame begins with its type byte");
  return { type, payload: whole.subarray(1) };
}
