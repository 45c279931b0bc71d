// One widget's line to the page, in the form in which Jupyter's widget library speaks to a kernel.
//
// Owns how much was said of each widget, which the page repeats with what it tells: a trait that was set here later than
// that is not set back. What a widget sets because another one was set from outside (a link, say) was usually said by
// whoever did that, too; so it is said only if it is not so by itself a moment later. Else two tabs would answer each other.

import type { ICallbacks, IClassicComm, WidgetModel } from "@jupyter-widgets/base";
import { host } from "./host.ts";

const MOMENT = 150; // milliseconds

type Json = Record<string, unknown>;
type Bytes = ArrayBuffer | ArrayBufferView;

let outside = 0;

/** What is set inside `act` comes from outside. */
export function fromOutside<T>(act: () => T): T {
  outside++;
  try {
    return act();
  } finally {
    outside--;
  }
}

export const isFromOutside = () => outside > 0;

export class FrameComm implements IClassicComm {
  readonly comm_id: string;
  readonly target_name = "jupyter.widget";
  model: WidgetModel | null = null;
  readonly #saidOf = new Map<string, number>(); // trait -> the number of the message that set it
  readonly #known: Json = {}; // what the page said last of each trait
  readonly #derived = new Set<string>();
  #said = 0;
  #take: ((message: object) => void) | null = null;
  #end: (() => void) | null = null;
  #early: object[] = [];

  constructor(id: string) {
    this.comm_id = id;
  }

  // --- for the widget --------------------------------------------------------------------------------------------------

  on_msg(callback: (message: object) => void): void {
    this.#take = callback;
    for (const message of this.#early.splice(0)) callback(message);
  }

  on_close(callback: (message: object) => void): void {
    this.#end = () => callback({});
  }

  open(): string {
    throw new Error("Widgets are opened by the kernel.");
  }

  send(data: any, callbacks?: ICallbacks, _metadata?: unknown, buffers: Bytes[] = []): string {
    const isUpdate = data["method"] === "update";
    if (isUpdate && isFromOutside()) this.#derive(traitsOf(data));
    else this.#say(data, buffers);
    const idle = { content: { execution_state: "idle" } } as any;
    queueMicrotask(() => callbacks?.iopub?.["status"]?.(idle)); // the page is the one that holds messages back
    return `${this.comm_id} ${this.#said}`;
  }

  close(): string {
    return ""; // a view that goes does not end the widget for everybody
  }

  // --- for the page ----------------------------------------------------------------------------------------------------

  /** State from outside, which knew `number` messages of ours. */
  update(state: Json, number: number): void {
    const fresh = Object.entries(state).filter(([trait]) => (this.#saidOf.get(trait) ?? 0) <= number);
    if (fresh.length === 0) return;
    for (const [trait, value] of fresh) {
      this.#known[trait] = value;
      this.#saidOf.delete(trait);
    }
    this.#tell({ method: "update", state: views(Object.fromEntries(fresh)), buffer_paths: [] }, []);
  }

  /** A message that is no state. */
  custom(content: unknown, buffers: readonly Uint8Array[]): void {
    this.#tell({ method: "custom", content }, buffers.map(view));
  }

  closed(): void {
    this.#end?.();
  }

  #tell(data: Json, buffers: DataView[]): void {
    const message = { content: { comm_id: this.comm_id, data }, buffers };
    if (this.#take === null) this.#early.push(message);
    else this.#take(message);
  }

  #say(data: Json, buffers: readonly Bytes[]): void {
    this.#said++;
    if (data["method"] === "update") for (const trait of traitsOf(data)) this.#saidOf.set(trait, this.#said);
    host.say({ comm: this.comm_id, data, buffers: buffers.map(bytes), number: this.#said });
  }

  #derive(traits: readonly string[]): void {
    if (this.#derived.size === 0) {
      setTimeout(() => {
        const pending = [...this.#derived];
        this.#derived.clear();
        this.#sayDerived(pending);
      }, MOMENT);
    }
    for (const trait of traits) this.#derived.add(trait);
  }

  #sayDerived(traits: readonly string[]): void {
    const { model } = this;
    if (model === null) return;
    const state = model.serialize(Object.fromEntries(traits.map((trait) => [trait, model.get(trait)]))) as Json;
    const news = Object.entries(state).filter(([trait, value]) => JSON.stringify(value) !== JSON.stringify(this.#known[trait]));
    if (news.length > 0) this.#say({ method: "update", state: Object.fromEntries(news), buffer_paths: [] }, []);
  }
}

function traitsOf(data: Json): string[] {
  const paths = (data["buffer_paths"] ?? []) as [string][];
  return [...new Set([...Object.keys((data["state"] ?? {}) as Json), ...paths.map(([trait]) => trait)])];
}

/** As Jupyter hands buffers over: some widgets read all of `buffer`. */
function view(part: Uint8Array): DataView {
  const own = part.byteLength === part.buffer.byteLength ? part : part.slice();
  return new DataView(own.buffer);
}

const bytes = (part: Bytes) =>
  part instanceof ArrayBuffer ? new Uint8Array(part) : new Uint8Array(part.buffer, part.byteOffset, part.byteLength);

/** Bytes as the widget library has them. */
export function views(value: any): any {
  if (value instanceof Uint8Array) return view(value);
  if (Array.isArray(value)) return value.map(views);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, views(item)]));
  }
  return value;
}
