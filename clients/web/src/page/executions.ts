// What happened when cells ran, brought to the cells' views: once a frame, for those cells alone whose execution changed.
//
// Owns which cells wait to be drawn and the clock of the one that runs. What it draws is the RuntimeDoc's.

import type { Patch, Replica } from "../core/replica.ts";
import { latestExecution, readExecution, readQueue, type RuntimeRoot } from "../core/schema.ts";
import { Signal } from "../core/signal.ts";
import type { CellList } from "./cell_list.ts";

const CLOCK = 100; // milliseconds

export class Executions {
  readonly #cells: CellList;
  #runtime: Replica<RuntimeRoot> | null = null;
  #touched = new Set<string>();
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

  follow(runtime: Replica<RuntimeRoot>): void {
    if (this.#runtime !== null) this.#runtime.onPatches = () => {};
    this.#runtime = runtime;
    runtime.onPatches = (patches) => this.#changed(patches);
    for (const [id] of this.#cells) this.touch(id);
    this.changed.emit(null);
  }

  /** What is known of this cell's execution may look different now. */
  touch(cellId: string): void {
    this.#touched.add(cellId);
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      const cells = this.#touched;
      this.#touched = new Set();
      for (const id of cells) this.#draw(id);
    });
  }

  #changed(patches: Patch[]): void {
    const { root } = this;
    for (const { path } of patches) {
      if (path[0] === "latest") this.touch(`${path[1]}`);
      else if (path[0] === "executions") {
        const cellId = (root?.executions?.[`${path[1]}`] as { cell_id?: unknown } | undefined)?.cell_id;
        if (cellId !== undefined) this.touch(`${cellId}`);
      }
    }
    this.changed.emit(patches);
  }

  #draw(cellId: string): void {
    const { root } = this;
    const view = this.#cells.get(cellId);
    if (root === null || view === undefined) return;
    const id = latestExecution(root, cellId);
    const execution = id === null ? null : readExecution(root, id);
    view.takeExecution(execution, execution?.status === "queued");
  }

  #tick(): void {
    const { root, running } = this;
    if (root === null || running === null) return;
    const cellId = (root.executions[running] as { cell_id?: unknown } | undefined)?.cell_id;
    const execution = readExecution(root, running);
    if (execution?.status === "running") this.#cells.get(`${cellId}`)?.tick(execution);
  }
}
