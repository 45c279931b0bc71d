// The widgets of the notebook, between RuntimeDoc, the daemon and the frames in which they are drawn.
//
// Owns which frame was given which widget, and what was set in them that is not in the document yet. A frame is sent the
// state of the widgets it asks for and what changes of them; it says what people set, which is shown in the other frames
// at once and goes to the daemon. What a frame says is nobody's word: it can speak of the widgets it was given, no more.
// A widget that no kernel has is shown as the notebook's file has it, if it does; what is set in that stays in its frame.

import { CommOutbox, type Sending, settings } from "../core/comm_outbox.ts";
import * as comms from "../core/comms.ts";
import { EarlyMessages } from "../core/early_messages.ts";
import { type ErrorInfo, type RequestBody, toHex } from "../core/messages.ts";
import type { Heads, Patch, Replica } from "../core/replica.ts";
import { readSavedWidget, type SavedWidget } from "../core/saved_widgets.ts";
import { type RuntimeRoot, record } from "../core/schema.ts";
import { Signal } from "../core/signal.ts";
import { bytesOf, textOf } from "./contents.ts";
import { type Program, program } from "./programs.ts";
import { resolvedOutputs } from "./resolved.ts";
import { type Sandbox, sandbox } from "./sandbox.ts";

/** Asks the daemon; rejects with its ErrorInfo. */
export type Ask = (body: RequestBody) => Promise<Record<string, unknown>>;

const LINKS: readonly string[] = ["LinkModel", "DirectionalLinkModel"];
const PROGRAMS: readonly Program[] = ["plotly", "vega"]; // those that a frame may ask for

/** One frame, the widgets it was given, and how much it has said of each: a frame passes over what is older than that. */
interface Frame {
  readonly sandbox: Sandbox;
  readonly given: Map<string, number>;
}

export class Widgets {
  /** Something went wrong that the reader should know. */
  readonly failed = new Signal<ErrorInfo>();
  readonly #ask: Ask;
  readonly #savedEntry: (commId: string) => unknown;
  readonly #outbox = new CommOutbox();
  readonly #early = new EarlyMessages();
  readonly #frames = new Set<Frame>();
  readonly #turns = new Map<string, Promise<void>>(); // of each comm, what it tells frames, in order
  readonly #waits = new Set<() => boolean>();
  readonly #watchers = new Map<string, Set<() => void>>();
  #runtime: Replica<RuntimeRoot> | null = null;

  /** `savedEntry` is what the notebook's metadata says of a widget. */
  constructor(ask: Ask, savedEntry: (commId: string) => unknown) {
    this.#ask = ask;
    this.#savedEntry = savedEntry;
  }

  // --- what the page brings --------------------------------------------------------------------------------------------

  /** RuntimeDoc is this now, and these of its values changed; null: look at everything. */
  changed(runtime: Replica<RuntimeRoot>, patches: readonly Patch[] | null): void {
    const other = this.#runtime !== runtime;
    this.#runtime = runtime;
    const found = other || patches === null ? this.#everything() : comms.changedComms(patches);
    for (const [id, change] of found) {
      if (!this.has(id)) this.#closed(id);
      else if (change === "all") this.#opened(id);
      else {
        if (change.traits.size > 0) this.#show(id, [...change.traits]);
        if (change.outputs) this.#showOutputs(id);
      }
    }
    for (const isOver of this.#waits) if (isOver()) this.#waits.delete(isOver);
  }

  /** The kernel says something on a comm that is no state. */
  hear(commId: string, data: Record<string, unknown>, buffers: readonly Uint8Array[]): void {
    if (data["method"] !== "custom") return;
    this.#inTurn(commId, async () => {
      if (this.#isShown(commId)) this.#tell(commId, { custom: commId, content: data["content"], buffers });
      else this.#early.keep(commId, { content: data["content"], buffers });
    });
  }

  // --- what outputs ask for --------------------------------------------------------------------------------------------

  has(commId: string): boolean {
    return this.#runtime !== null && comms.hasComm(this.#runtime.value, commId);
  }

  /** Whether the file says what this widget showed. */
  isSaved(commId: string): boolean {
    return this.#saved(commId) !== null;
  }

  #saved(commId: string): SavedWidget | null {
    try {
      return readSavedWidget(this.#savedEntry(commId));
    } catch (error) {
      console.warn(`what the file says of the widget ${commId} cannot be read`, error);
      return null;
    }
  }

  /** Call this whenever the widget comes or goes; returns what ends that. */
  watch(commId: string, call: () => void): () => void {
    const watchers = this.#watchers.get(commId) ?? new Set();
    this.#watchers.set(commId, watchers.add(call));
    return () => {
      watchers.delete(call);
      if (watchers.size === 0 && this.#watchers.get(commId) === watchers) this.#watchers.delete(commId);
    };
  }

  /** A frame that shows this widget. Rejects with what to tell the reader. */
  async draw(commId: string): Promise<Sandbox> {
    const code = await program("widgets");
    const frame: Frame = {
      given: new Map(),
      sandbox: sandbox(
        "Widget",
        { code, input: { view: commId } },
        (message) => this.#said(frame, record(message)),
        () => this.#frames.delete(frame),
      ),
    };
    this.#frames.add(frame);
    return frame.sandbox;
  }

  // --- from frames -----------------------------------------------------------------------------------------------------

  #said(frame: Frame, message: Record<string, unknown>): void {
    const { want, comm, load, asked, module } = message;
    if (typeof want === "string") this.#give(frame, want);
    else if (typeof module === "string") void this.#bring(frame, module);
    else if (typeof load === "string") void this.#load(frame, load as Program, asked);
    else if (typeof comm === "string" && frame.given.has(comm)) this.#sent(frame, comm, message);
  }

  #sent(frame: Frame, commId: string, message: Record<string, unknown>): void {
    const buffers = Array.isArray(message["buffers"]) ? message["buffers"].filter((part) => part instanceof Uint8Array) : [];
    const said = { data: record(message["data"]), buffers };
    frame.given.set(commId, Number(message["number"]) || 0);
    const traits = settings(said);
    if (traits === null) {
      if (said.data["method"] !== "custom") return;
      if (!this.#outbox.say(commId, said)) console.warn(`the widget ${commId} says too much; a message was dropped`);
    } else if (traits.size === 0) return;
    else {
      this.#outbox.update(commId, traits);
      const state = Object.fromEntries(
        [...traits].map(([trait, { value, buffers: parts }]) => [
          trait,
          parts.reduce((whole, [path, part]) => comms.putAt(whole, path, part), structuredClone(value)),
        ]),
      );
      this.#tell(commId, { update: commId, state }, frame);
    }
    void this.#send(commId);
  }

  async #load(frame: Frame, name: Program, asked: unknown): Promise<void> {
    const code = PROGRAMS.includes(name) ? await program(name).catch(() => null) : null;
    frame.sandbox.tell({ loaded: asked, code });
  }

  /** A module of the notebook's environment, for a frame that has a widget of its: the frame has no network. */
  async #bring(frame: Frame, module: string): Promise<void> {
    try {
      const { blob, size } = await this.#ask({ method: "widget_code", module });
      const code = await textOf({ encoding: "text", blob: `${blob}`, size: Number(size) });
      frame.sandbox.tell({ module, code, why: "" });
    } catch (error) {
      frame.sandbox.tell({ module, code: null, why: (error as Error | ErrorInfo).message });
    }
  }

  // --- to the daemon ---------------------------------------------------------------------------------------------------

  async #send(commId: string): Promise<void> {
    const sending = this.#outbox.next(commId);
    if (sending === null) return;
    const { data, buffers } = sending;
    let heads: Heads = [];
    try {
      const result = await this.#ask({ method: "comm_send", comm_id: commId, data, buffers });
      heads = Array.isArray(result["heads"]) ? (result["heads"] as Uint8Array[]).map(toHex) : [];
    } catch (error) {
      const { code, message, hint } = error as ErrorInfo;
      if (this.has(commId)) this.failed.emit({ code, message, hint });
    }
    this.#outbox.sent(commId);
    void this.#send(commId);
    await this.#until(heads);
    this.#settle(commId, sending);
  }

  #settle(commId: string, sending: Sending): void {
    const free = this.#outbox.confirmed(commId, sending);
    if (free.length > 0 && this.has(commId)) this.#show(commId, free);
  }

  /** Until RuntimeDoc contains these, or is another one. */
  #until(heads: Heads): Promise<void> {
    const runtime = this.#runtime;
    const isOver = () => this.#runtime !== runtime || runtime === null || runtime.contains(heads);
    if (isOver()) return Promise.resolve();
    return new Promise((resolve) => this.#waits.add(() => isOver() && (resolve(), true)));
  }

  // --- to frames -------------------------------------------------------------------------------------------------------

  #give(frame: Frame, commId: string): void {
    if (!this.has(commId)) {
      const saved = this.#saved(commId);
      frame.sandbox.tell({ model: commId, state: saved?.state ?? null, outputs: saved?.outputs ?? null });
      return;
    }
    if (!frame.given.has(commId)) frame.given.set(commId, 0);
    this.#inTurn(commId, async () => {
      const { value: root } = this.#runtime as Replica<RuntimeRoot>;
      const state = await this.#state(commId, comms.traitNames(root, commId));
      frame.sandbox.tell({ model: commId, state, outputs: await this.#captured(commId) });
      for (const said of this.#early.take(commId)) frame.sandbox.tell({ custom: commId, ...said });
      for (const link of this.#links()) if (link.ends.includes(commId)) frame.sandbox.tell({ link: link.id });
    });
  }

  #opened(commId: string): void {
    for (const watcher of this.#watchers.get(commId) ?? []) watcher();
    const { value: root } = this.#runtime as Replica<RuntimeRoot>;
    this.#show(commId, comms.traitNames(root, commId));
    this.#showOutputs(commId);
    const link = this.#links().find(({ id }) => id === commId);
    if (link === undefined) return;
    for (const { given, sandbox } of this.#frames) if (link.ends.some((end) => given.has(end))) sandbox.tell({ link: commId });
  }

  #closed(commId: string): void {
    this.#outbox.forget(commId);
    this.#early.take(commId);
    this.#inTurn(commId, async () => {
      this.#tell(commId, { closed: commId });
      for (const { given } of this.#frames) given.delete(commId);
    });
    for (const watcher of this.#watchers.get(commId) ?? []) watcher();
  }

  /** Tell frames what these traits are, those that lie under what was set here excepted. */
  #show(commId: string, traits: readonly string[]): void {
    if (!this.#isShown(commId)) return;
    this.#inTurn(commId, async () => {
      const free = () => traits.filter((trait) => !this.#outbox.isUnconfirmed(commId, trait));
      const state = await this.#state(commId, free());
      const stillFree = new Set(free());
      for (const trait of Object.keys(state)) if (!stillFree.has(trait)) delete state[trait];
      if (Object.keys(state).length > 0) this.#tell(commId, { update: commId, state });
    });
  }

  #showOutputs(commId: string): void {
    if (!this.#isShown(commId)) return;
    this.#inTurn(commId, async () => {
      const outputs = await this.#captured(commId);
      if (outputs !== null) this.#tell(commId, { captured: commId, outputs });
    });
  }

  #isShown(commId: string): boolean {
    return [...this.#frames].some(({ given }) => given.has(commId));
  }

  #tell(commId: string, message: object, except?: Frame): void {
    for (const frame of this.#frames) {
      const number = frame.given.get(commId);
      if (number !== undefined && frame !== except) frame.sandbox.tell({ ...message, number });
    }
  }

  #inTurn(commId: string, act: () => Promise<void>): void {
    const turn = (this.#turns.get(commId) ?? Promise.resolve()).then(act).catch((error: unknown) => {
      console.warn(`a widget cannot be shown as it is: ${commId}`, error);
    });
    this.#turns.set(commId, turn);
    void turn.then(() => this.#turns.get(commId) === turn && this.#turns.delete(commId));
  }

  // --- what the document says ------------------------------------------------------------------------------------------

  async #state(commId: string, traits: readonly string[]): Promise<Record<string, unknown>> {
    const { value: root } = this.#runtime as Replica<RuntimeRoot>;
    const stored = traits.map((trait) => [trait, comms.readTrait(root, commId, trait)] as const);
    const restored = stored.map(async ([trait, found]) =>
      found === null ? [] : [[trait, await comms.restored(found, (part) => bytesOf(part))] as const],
    );
    return Object.fromEntries((await Promise.all(restored)).flat());
  }

  async #captured(commId: string): Promise<object[] | null> {
    const outputs = this.#runtime === null ? null : comms.readCaptured(this.#runtime.value, commId);
    return outputs === null ? null : resolvedOutputs(outputs);
  }

  /** The widgets that keep two others in step, without being shown themselves. */
  #links(): { id: string; ends: string[] }[] {
    const root = this.#runtime?.value;
    if (root === undefined) return [];
    const isLink = (id: string) => LINKS.includes(`${comms.readTrait(root, id, "_model_name")?.value}`);
    return comms.commIds(root).filter(isLink).map((id) => ({
      id,
      ends: ["source", "target"].flatMap((end) => {
        const value = comms.readTrait(root, id, end)?.value;
        return Array.isArray(value) ? [`${value[0]}`.replace(/^IPY_MODEL_/, "")] : [];
      }),
    }));
  }

  /** Another document, or an unknown part of it changed: every widget that anybody here has to do with. */
  #everything(): Map<string, comms.CommChange> {
    const ids = new Set(this.#watchers.keys());
    for (const { given } of this.#frames) for (const id of given.keys()) ids.add(id);
    return new Map([...ids].map((id) => [id, "all"]));
  }
}
