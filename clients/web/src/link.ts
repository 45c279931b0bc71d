// The WebSocket to the hub, opened again whenever it is lost, with a back-off. Drives a Session; owns timers and socket.
//
// What arrives after a rest is taken in at once; what follows is gathered for GATHER. What is to be sent waits for nothing,
// and what has been gathered until then is taken in with it.

import { Refused, type Session } from "./core/session.ts";
import type { Incoming } from "./core/messages.ts";

const FIRST_WAIT = 250; // milliseconds
const LONGEST_WAIT = 10_000;
const LONG_TURN = 30; // milliseconds; after such a one the page is painted, and takes keys, before the next begins
const GATHER = 33; // milliseconds in which what arrives is taken in at once: each time costs a reading and a frame
const NO_PAINT = 250; // milliseconds after which it is not waited for: the tab is not seen

// Refusals after which another connection may do: the hub comes back, or this browser logs in anew in another tab.
const PASSING: readonly string[] = ["shutting_down", "unauthorized"];

export type LinkState = "connecting" | "online" | "offline" | "refused";

export class Link {
  onState: (state: LinkState) => void = () => {};
  onMessage: (message: Incoming) => void = () => {};
  onRefused: (refusal: Refused) => void = () => {};
  /** After anything was received or sent. */
  onProgress: () => void = () => {};
  readonly #session: Session;
  readonly #url: string;
  #socket: WebSocket | null = null;
  #wait = FIRST_WAIT;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #arrived: Uint8Array[] = [];
  #next: { at: number; timer: ReturnType<typeof setTimeout> } | null = null; // the next turn
  #received = -Infinity; // when a turn last took something in
  #wasLong = false;
  #refused = false;

  constructor(session: Session, url: string) {
    this.#session = session;
    this.#url = url;
    addEventListener("online", () => this.connectNow());
  }

  connect(): void {
    if (this.#refused) return;
    clearTimeout(this.#retry);
    this.onState("connecting");
    const socket = new WebSocket(this.#url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.onopen = () => {
      this.#session.connected();
      this.flush();
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      this.#arrived.push(new Uint8Array(data as ArrayBuffer));
      this.#schedule(this.#received + GATHER);
    };
    socket.onclose = () => this.#lost(socket);
  }

  /** Do not wait for the next attempt. */
  connectNow(): void {
    if (this.#socket === null) this.connect();
  }

  /** Begin the session anew, at once: the hub learns who a peer is when that greets it. */
  greetAgain(): void {
    const socket = this.#socket;
    this.#socket = null; // what it still says is nobody's
    this.#arrived = [];
    this.#session.disconnected();
    socket?.close();
    this.connect();
  }

  /** Something may have to be sent: at the end of this turn. */
  poke(): void {
    this.#schedule(0);
  }

  /** Have a turn at this time, in milliseconds of the page's clock, or at the end of this one if it is past. */
  #schedule(at: number): void {
    if (this.#next !== null && this.#next.at <= at) return;
    if (this.#next !== null) clearTimeout(this.#next.timer);
    const turn = () => {
      this.#next = null;
      const began = performance.now();
      if (this.#arrived.length > 0) this.#received = began;
      this.#turn();
      this.#wasLong = performance.now() - began > LONG_TURN;
    };
    const begin = () => {
      next.at = -Infinity; // nothing comes before it any more
      if (this.#wasLong) afterPaint(turn);
      else turn();
    };
    const next = { at, timer: setTimeout(begin, Math.max(0, at - performance.now())) };
    this.#next = next;
  }

  #turn(): void {
    const frames = this.#arrived;
    this.#arrived = [];
    if (frames.length > 0) {
      try {
        for (const message of this.#session.receive(frames, now())) {
          if (message.type === "welcome") {
            this.#wait = FIRST_WAIT;
            this.onState("online");
          }
          this.onMessage(message);
        }
      } catch (error) {
        this.#failed(error);
        return;
      }
    }
    this.flush();
  }

  flush(): void {
    if (this.#socket?.readyState === WebSocket.OPEN) {
      for (const whole of this.#session.pump(now())) this.#socket.send(whole);
    }
    clearTimeout(this.#timer);
    const due = this.#session.due;
    if (due !== null) this.#timer = setTimeout(() => this.flush(), Math.max(0, (due - now()) * 1000));
    this.onProgress();
  }

  #failed(error: unknown): void {
    this.#refused = error instanceof Refused && !PASSING.includes(error.code);
    if (!(error instanceof Refused)) console.error("the session failed; it is begun again", error);
    this.#socket?.close();
    if (error instanceof Refused && error.code !== "shutting_down") this.onRefused(error);
  }

  #lost(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    this.#socket = null;
    this.#arrived = [];
    clearTimeout(this.#timer);
    this.#session.disconnected();
    if (this.#refused) {
      this.onState("refused");
      return;
    }
    this.onState("offline");
    this.#retry = setTimeout(() => this.connect(), this.#wait * (0.75 + Math.random() / 2));
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
  }
}

function afterPaint(act: () => void): void {
  const once = () => {
    clearTimeout(timer);
    cancelAnimationFrame(frame);
    act();
  };
  const timer = setTimeout(once, NO_PAINT);
  const frame = requestAnimationFrame(() => setTimeout(once));
}

const now = () => performance.now() / 1000;
