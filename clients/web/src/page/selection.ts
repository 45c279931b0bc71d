// Which cells are selected, which of them is the active one, and whether its editor has the keys. Pure.
//
// Owned by this tab alone. What is selected is what was chosen: cells that others put between chosen ones are not. When
// the active cell is gone, the one that took its place is active.

import { Signal } from "../core/signal.ts";

export type Mode = "command" | "edit";

export interface Chosen {
  /** The cell that keys and commands are about; null in an empty notebook. */
  readonly active: string | null;
  readonly mode: Mode;
  /** The selected cells, the active one among them. */
  readonly ids: ReadonlySet<string>;
}

export interface SelectionChange {
  readonly before: Chosen;
  readonly now: Chosen;
  /** Whether the keyboard follows: not if the page chose by itself. */
  readonly takeFocus: boolean;
}

const NOTHING: Chosen = { active: null, mode: "command", ids: new Set() };

export class Selection {
  readonly changed = new Signal<SelectionChange>();
  readonly #order: () => readonly string[];
  #chosen: Chosen = NOTHING;
  #anchor: string | null = null;
  #orderBefore: readonly string[] = [];

  constructor(order: () => readonly string[]) {
    this.#order = order;
  }

  get active(): string | null {
    return this.#chosen.active;
  }

  get mode(): Mode {
    return this.#chosen.mode;
  }

  /** The selected cells in the notebook's order. */
  get ids(): string[] {
    return this.#order().filter((id) => this.#chosen.ids.has(id));
  }

  get isEditing(): boolean {
    return this.#chosen.mode === "edit";
  }

  has(cellId: string): boolean {
    return this.#chosen.ids.has(cellId);
  }

  /** Select this cell alone. */
  choose(cellId: string | null, mode: Mode = "command", takeFocus = true): void {
    this.#anchor = cellId;
    this.#set({ active: cellId, mode, ids: new Set(cellId === null ? [] : [cellId]) }, takeFocus);
  }

  /** Select from the cell where selecting began up to this one, which is the active one then. */
  extendTo(cellId: string): void {
    const order = this.#order();
    const from = order.indexOf(this.#anchor ?? cellId);
    const to = order.indexOf(cellId);
    if (to < 0) return;
    const ids = from < 0 ? [cellId] : order.slice(Math.min(from, to), Math.max(from, to) + 1);
    this.#set({ active: cellId, mode: "command", ids: new Set(ids) }, true);
  }

  /** Select exactly these; the last one is active. */
  chooseAll(cellIds: readonly string[]): void {
    this.#anchor = cellIds[0] ?? null;
    this.#set({ active: cellIds.at(-1) ?? null, mode: "command", ids: new Set(cellIds) }, true);
  }

  /** The cell that is `by` places after the active one; the active one at the end. */
  neighbour(by: number): string | null {
    const order = this.#order();
    const at = this.active === null ? -1 : order.indexOf(this.active);
    return order[at + by] ?? this.active;
  }

  /** Cells came, went or moved: keep to those that are here. */
  settle(): void {
    const order = this.#order();
    const here = new Set(order);
    const { active, mode, ids } = this.#chosen;
    const before = this.#orderBefore;
    this.#orderBefore = order;
    if (this.#anchor !== null && !here.has(this.#anchor)) this.#anchor = active;
    if (active !== null && here.has(active)) {
      const left = new Set([...ids].filter((id) => here.has(id)));
      if (left.size !== ids.size) this.#set({ active, mode, ids: left }, false);
      return;
    }
    const at = active === null ? 0 : before.indexOf(active);
    const next = before.slice(Math.max(0, at)).find((id) => here.has(id)) ?? before.slice(0, Math.max(0, at)).findLast((id) => here.has(id));
    this.choose(next ?? order[0] ?? null, "command", false);
  }

  #set(now: Chosen, takeFocus: boolean): void {
    const before = this.#chosen;
    this.#orderBefore = this.#order();
    this.#chosen = now;
    this.changed.emit({ before, now, takeFocus });
  }
}
