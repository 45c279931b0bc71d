// The dataflow as this page has it: what the daemon said of each cell, parsed once.
//
// Owns the parsed state and tells which cells it is another one for. What it says is RuntimeDoc's; nothing is worked out
// here, so every tab shows the same.

import { type CellFlow, type Mode, parseCell, readMode, readTexts } from "../core/dataflow.ts";
import { Signal } from "../core/signal.ts";
import type { Executions } from "./executions.ts";

export class FlowState {
  readonly #executions: Executions;
  #texts = new Map<string, string>();
  readonly #cells = new Map<string, CellFlow>();
  mode: Mode = "manual";
  /** Something else is true of these cells, or the mode is another one. */
  readonly changed = new Signal<readonly string[]>();

  constructor(executions: Executions) {
    this.#executions = executions;
    executions.changed.add((patches) => {
      if (patches === null || patches.some(({ path }) => path[0] === "dataflow")) this.#read();
    });
  }

  get cells(): ReadonlyMap<string, CellFlow> {
    return this.#cells;
  }

  get(cellId: string): CellFlow | undefined {
    return this.#cells.get(cellId);
  }

  #read(): void {
    const { root } = this.#executions;
    const texts = readTexts(root);
    const mode = readMode(root);
    const differing = [...new Set([...texts.keys(), ...this.#texts.keys()])].filter((id) => texts.get(id) !== this.#texts.get(id));
    for (const id of differing) {
      const text = texts.get(id);
      const flow = text === undefined ? null : parseCell(text);
      if (flow === null) this.#cells.delete(id);
      else this.#cells.set(id, flow);
    }
    this.#texts = texts;
    const isOther = mode !== this.mode;
    this.mode = mode;
    if (isOther || differing.length > 0) this.changed.emit(isOther ? [...texts.keys()] : differing);
  }
}
