// What happened when cells ran, brought to the cells' views: once a frame, for those cells alone whose execution changed,
// those near the screen first.
//
// Owns which cells wait to be drawn and the clock of the one that runs. What it draws is the RuntimeDoc's.

import type { Patch, Replica } from "../core/replica.ts";
import { latestExecution, readExecution, readQueue, type RuntimeRoot } from "../core/schema.ts";
import { Signal } from "../core/signal.ts";
import type { CellList } from "./cell_list.ts";

const CLOCK = 100; // milliseconds
const SHARE = 5; // milliseconds of a frame for cells that nobody sees: typing and scrolling go on meanwhile

export class Executions {
  readonly #cells: CellList;
  #runtime: Replica<RuntimeRoot> | null = null;
  #touched = new Set<string>();
  /** What was queued since the queue was last empty. */
  #batch = new Set<string>();
  #drawing = false;
  /** The RuntimeDoc is another one, or these of its values changed (null: all). */
  readonly changed = new Signal<readonly Patch[] | null>();

  constructor(cells: CellList) {
    this.#cells = cells;
    cells.added.add((view) => this.touch(view.id));
    setInterval(() => this.#tick(), CLOCK);
  }

  get runtime(): Replica<RuntimeRoot> | null {
    return this.#runtime;
  }

  /** The RuntimeDoc of this moment; null until the hub has sent one. */
  get root(): RuntimeRoot | null {
    return this.#runtime?.value ?? null;
  }

  /** The execution that runs, or is the next to. */
  get running(): string | null {
    return this.root === null ? null : (readQueue(this.root)[0] ?? null);
  }

  /** How far the run is that goes on now; null if nothing runs. */
  get progress(): { done: number; all: number } | null {
    const left = this.#queue.length;
    return left === 0 ? null : { done: this.#batch.size - left, all: this.#batch.size };
  }

  /** The cell that runs now. */
  get runningCell(): string | null {
    const { root, running } = this;
    return root === null || running === null ? null : cellOf(root, running);
  }

  /** The cell whose latest run has this number, as the kernel counts; of several the one that ran last. */
  cellOfRun(count: number): string | null {
    const { root } = this;
    if (root === null) return null;
    const found = [...this.#cells].flatMap(([cellId]) => {
      const id = latestExecution(root, cellId);
      const execution = id === null ? null : readExecution(root, id);
      return execution?.execution_count === count ? [{ cellId, started: execution.started ?? 0 }] : [];
    });
    return found.sort((a, b) => b.started - a.started)[0]?.cellId ?? null;
  }

  /** The execution of this cell that runs or waits. */
  waitingOf(cellId: string): string | null {
    const { root } = this;
    const id = root === null ? null : latestExecution(root, cellId);
    return id !== null && this.#queue.includes(id) ? id : null;
  }

  get #queue(): string[] {
    return this.root === null ? [] : readQueue(this.root);
  }

  follow(runtime: Replica<RuntimeRoot>): void {
    if (this.#runtime !== null) this.#runtime.onPatches = () => {};
    this.#runtime = runtime;
    runtime.onPatches = (patches) => this.#changed(patches);
    for (const [id] of this.#cells) this.touch(id);
    this.#batch = new Set(this.#queue);
    this.changed.emit(null);
  }

  /** What is known of this cell's execution may look different now. */
  touch(cellId: string): void {
    this.#touched.add(cellId);
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.#drawSome();
    });
  }

  /** Those near the screen, then of the others as many as this frame has time for. */
  #drawSome(): void {
    const began = performance.now();
    const isFar = (id: string) => this.#cells.get(id)?.isNear !== true;
    const waiting = [...this.#touched];
    const inOrder = [...waiting.filter((id) => !isFar(id)), ...waiting.filter(isFar)];
    for (const id of inOrder) {
      if (performance.now() - began > SHARE && isFar(id)) break;
      this.#touched.delete(id);
      this.#draw(id);
    }
    for (const id of this.#touched) return this.touch(id);
  }

  #changed(patches: Patch[]): void {
    const { root } = this;
    if (patches.some(({ path }) => path[0] === "queue")) this.#requeued();
    for (const { path } of patches) {
      if (path[0] === "latest") this.touch(`${path[1]}`);
      else if (path[0] === "executions") {
        const cellId = root === null ? null : cellOf(root, `${path[1]}`);
        if (cellId !== null) this.touch(cellId);
      }
    }
    this.changed.emit(patches);
  }

  /** Places in the queue are other ones now. */
  #requeued(): void {
    const queue = this.#queue;
    if (queue.length === 0) this.#batch.clear();
    for (const id of queue) {
      this.#batch.add(id);
      const cellId = this.root === null ? null : cellOf(this.root, id);
      if (cellId !== null) this.touch(cellId);
    }
  }

  #draw(cellId: string): void {
    const { root } = this;
    const view = this.#cells.get(cellId);
    if (root === null || view === undefined) return;
    const id = latestExecution(root, cellId);
    const execution = id === null ? null : readExecution(root, id);
    view.takeExecution(execution, execution === null ? -1 : readQueue(root).indexOf(execution.id));
  }

  #tick(): void {
    const { root, running } = this;
    if (root === null || running === null) return;
    const execution = readExecution(root, running);
    if (execution?.status === "running") this.#cells.get(cellOf(root, running))?.tick(execution);
  }
}

function cellOf(root: RuntimeRoot, executionId: string): string | null {
  const cellId = (root.executions?.[executionId] as { cell_id?: unknown } | undefined)?.cell_id;
  return cellId === undefined ? null : `${cellId}`;
}
