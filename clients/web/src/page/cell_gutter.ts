// What stands beside a cell: its button to run, its number, how its run goes, and the marks of other parts of the page.

import type { Execution } from "../core/schema.ts";
import { CellMarks } from "./cell_marks.ts";
import { button, h } from "./dom.ts";

export class CellGutter {
  readonly element: HTMLElement;
  readonly marks = new CellMarks();
  readonly #count = h("span", { class: "count" });
  readonly #status = h("span", { class: "run-status", "aria-live": "off" });

  constructor(run: () => void) {
    const runButton = button("Run this cell", "run", run, "Ctrl+Enter");
    runButton.classList.add("run");
    this.element = h("div", { class: "gutter" }, runButton, this.#count, this.#status, this.marks.element);
  }

  /** How the run goes, in words; empty if it has not run. */
  get status(): string {
    return this.#status.textContent ?? "";
  }

  show(execution: Execution | null, queued: boolean): void {
    const count = execution?.execution_count;
    this.#count.textContent = count === null || count === undefined ? "" : `${count}`;
    this.#status.textContent = statusText(execution, queued);
    const who = execution?.requested_by.name;
    this.#status.title = who === undefined ? "" : `Run by ${who}`;
  }

  /** While it runs, its time goes on. */
  tick(execution: Execution): void {
    this.#status.textContent = statusText(execution, false);
  }
}

function statusText(execution: Execution | null, queued: boolean): string {
  if (execution === null) return "";
  if (execution.status === "queued" || queued) return "waiting";
  if (execution.status === "running") {
    return execution.started === null ? "running" : duration(Math.max(0, Date.now() / 1000 - execution.started));
  }
  if (execution.status === "cancelled") return "cancelled";
  if (execution.status === "died") return "kernel died";
  if (execution.started === null || execution.ended === null) return "";
  return duration(execution.ended - execution.started);
}

export function duration(seconds: number): string {
  if (seconds < 0.1) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  return `${minutes} min ${Math.round(seconds - 60 * minutes)} s`;
}
