// What this tab asks of the hub and the daemon, and what becomes of the answers.
//
// Owns the requests under way: those whose failure is told to the reader in words, and those somebody here waits for.

import type { ErrorInfo, RequestBody } from "../core/messages.ts";
import type { Session } from "../core/session.ts";
import { Signal } from "../core/signal.ts";
import type { Link, LinkState } from "../link.ts";
import type { Toasts } from "./toast.ts";

const PATIENCE = 11_000; // milliseconds: a little more than the daemon waits for a kernel

type Result = Record<string, unknown>;

export class Requests {
  readonly #session: Session;
  readonly #link: Link;
  readonly #toasts: Toasts;
  readonly #asked = new Map<string, string>(); // request id -> what was asked, in words
  readonly #questions = new Map<string, (result: Result | null) => void>();
  readonly #calls = new Map<string, { resolve: (result: Result) => void; reject: (error: ErrorInfo) => void }>();
  linkState: LinkState = "connecting";
  /** Something that was asked for is done, or as much of it as the result says. */
  readonly done = new Signal<Result>();
  /** What is said of a failure, made fit for people: the names of cells instead of their ids. */
  inWords: (text: string) => string = (text) => text;
  /** What has to be done before this goes out; null if nothing has. Never rejects. */
  before: (body: RequestBody) => Promise<void> | null = () => null;
  #held = 0; // what waits for that
  #last: Promise<unknown> = Promise.resolve();

  constructor(session: Session, link: Link, toasts: Toasts) {
    this.#session = session;
    this.#link = link;
    this.#toasts = toasts;
  }

  /** Ask for something to be done; the reader is told if it was not. What is asked for goes out in this order. */
  ask(body: RequestBody, inWords: string): void {
    const before = this.before(body);
    if (before === null && this.#held === 0) return this.#send(body, inWords);
    this.#held++;
    this.#last = Promise.all([this.#last, before]).then(() => {
      this.#held--;
      this.#send(body, inWords);
    });
  }

  #send(body: RequestBody, inWords: string): void {
    this.#asked.set(this.#session.request(body), inWords);
    this.#link.poke();
    if (this.linkState !== "online") this.#toasts.say(`Offline: the server will ${inWords} when it is back.`);
  }

  /** Ask something that is worthless later: null if there is no answer soon. */
  question(body: RequestBody): Promise<Result | null> {
    if (this.linkState !== "online") return Promise.resolve(null);
    return new Promise((resolve) => {
      const id = this.#session.request(body);
      const answer = (result: Result | null) => {
        clearTimeout(timer);
        this.#questions.delete(id);
        this.#session.forget(id);
        resolve(result);
      };
      const timer = setTimeout(answer, PATIENCE, null);
      this.#questions.set(id, answer);
      this.#link.poke();
    });
  }

  /** Ask for something whose answer is waited for, however long it takes. Rejects with the ErrorInfo of a refusal. */
  call(body: RequestBody): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#calls.set(this.#session.request(body), { resolve, reject });
      this.#link.poke();
    });
  }

  take({ id, result, error }: { id: string; result: Result; error: ErrorInfo | null }): void {
    const question = this.#questions.get(id);
    if (question !== undefined) {
      question(error === null ? result : null);
      return;
    }
    const call = this.#calls.get(id);
    if (call !== undefined) {
      this.#calls.delete(id);
      if (error === null) call.resolve(result);
      else call.reject(error);
      return;
    }
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (error === null) this.done.emit(result);
    else this.#toasts.say(this.inWords(`Could not ${asked ?? "do that"}: ${error.message} ${error.hint}`));
  }
}
