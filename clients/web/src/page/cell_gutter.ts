// What stands beside a cell: its button to run or stop, its number, how its run goes and who asked for it, and the marks of
// other parts of the page.

import type { Execution } from "../core/schema.ts";
import { CellMarks } from "./cell_marks.ts";
import type { AuthorKind } from "../core/history/authors.ts";
import { colours } from "./colours.ts";
import { button, h, say } from "./dom.ts";
import { icon } from "./icons.ts";

const TENTHS = 10; // seconds during which the clock of a run shows tenths of them

export interface GutterActions {
  /** This tab's peer id: whose runs need no name. */
  readonly self: string;
  readonly run: () => void;
  readonly stop: () => void;
  /** The pointer went down on the handle by which the cell is moved. */
  readonly grip: (event: PointerEvent) => void;
}

export class CellGutter {
  readonly element: HTMLElement;
  readonly marks = new CellMarks();
  readonly #count = h("span", { class: "count" });
  readonly #status = h("span", { class: "run-status", "aria-live": "off" });
  readonly #by = h("span", { class: "run-by" });
  readonly #self: string;

  readonly #actions: GutterActions;

  constructor(actions: GutterActions) {
    this.#actions = actions;
    this.#self = actions.self;
    this.element = h("div", { class: "gutter" }, this.#count, this.#status, this.#by, this.marks.element);
  }

  /** The cell came near: make what can be pressed. */
  mount(): void {
    const { run, stop, grip } = this.#actions;
    const runButton = button("Run this cell", "run", run, "Ctrl+Enter");
    runButton.classList.add("run");
    const stopButton = button("Stop this cell", "stop", stop);
    stopButton.classList.add("stop");
    const handle = h("span", { class: "grip", title: "Drag to move", "aria-hidden": "true", pointerdown: grip }, icon("grip")); // by key: Alt+↑
    this.element.prepend(handle, runButton, stopButton);
  }

  /** How the run goes, in words; empty if it has not run. */
  get status(): string {
    return this.#status.textContent ?? "";
  }

  /** `place` is that in the queue: 0 runs, or is about to; -1 is not in it. */
  show(execution: Execution | null, place: number): void {
    const count = execution?.execution_count;
    say(this.#count, count === null || count === undefined ? "" : `${count}`);
    say(this.#status, statusText(execution, place));
    this.#status.title = execution === null ? "" : history(execution, place);
    this.#showWho(execution);
  }

  /** While it runs, its time goes on. */
  tick(execution: Execution): void {
    say(this.#status, statusText(execution, 0));
  }

  /** Who asked for what runs or waits, if it was somebody else. */
  #showWho(execution: Execution | null): void {
    const goesOn = execution?.status === "running" || execution?.status === "queued";
    const { name, peer_id, kind } = execution?.requested_by ?? {};
    const who = goesOn && name !== undefined && peer_id !== this.#self ? name : "";
    if (this.#by.textContent === who) return;
    this.#by.textContent = who;
    this.#by.title = who === "" ? "" : `${who} runs this${kind === "agent" ? " (an agent)" : ""}`;
    this.#by.className = `run-by ${who === "" ? "" : colours.of({ kind: (kind ?? "person") as AuthorKind, name: who })}`;
  }
}

function statusText(execution: Execution | null, place: number): string {
  if (execution === null) return "";
  if (execution.status === "queued") return place > 1 ? `queue ${place}` : place === 1 ? "next" : "waiting";
  if (execution.status === "running") {
    return execution.started === null ? "running" : soFar(Math.max(0, Date.now() / 1000 - execution.started));
  }
  if (execution.status === "cancelled") return "cancelled";
  if (execution.status === "died") return "died";
  if (execution.started === null || execution.ended === null) return "";
  if (execution.cache === "hit") return "restored";
  return duration(execution.ended - execution.started);
}

/** When it ran, how long, and who asked for it. */
function history({ status, started, ended, cache, saved_ms, requested_by: { name } }: Execution, place: number): string {
  const by = name === undefined ? "" : ` by ${name}`;
  if (status === "queued") return `Waits for ${place <= 1 ? "the cell that runs" : `${place} cells`}. Asked for${by || " by nobody known"}.`;
  if (status === "died") return `The kernel died while it ran this${by && `, asked for${by}`}`;
  if (started === null) return name === undefined ? "" : `Run${by}`;
  const at = new Date(started * 1000).toLocaleTimeString();
  if (ended === null) return `Runs since ${at}${by}`;
  if (cache === "hit") return `Restored at ${at}${by}${saved_ms === null ? "" : `; it took ${duration(saved_ms / 1000)} when it ran`}. Run it again to run it.`;
  const kept = cache === "" ? "" : cache === "kept" ? "; its result is kept" : `; its result is not kept: ${cache}`;
  return `Run at ${at}${by}, took ${duration(ended - started)}${kept}`;
}

/** Of what goes on: the page is drawn anew for each other word, so after a while seconds do. */
const soFar = (seconds: number): string => (seconds < TENTHS || seconds >= 60 ? duration(seconds) : `${Math.floor(seconds)} s`);

export function duration(seconds: number): string {
  if (seconds < 0.1) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds - 60 * minutes)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
