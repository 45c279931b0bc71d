// What somebody did, taken back at a press: the words for it, and the way back.

import { takeBack, type Undone } from "../../core/history/taking_back.ts";
import type { Page } from "../page.ts";

/** Undo these changes, which are `whose`, the latest first, and say what came of it. */
export function undoChanges(page: Page, changes: readonly string[], whose: string): void {
  const { notebook, toasts } = page;
  if (!page.mayEdit()) return;
  const done: Undone[] = [];
  for (const change of changes.toReversed()) {
    const undone = takeBack(notebook, change);
    if (undone !== null) done.push(undone);
  }
  const cells = new Set(done.flatMap((undone) => undone.cells));
  const kept = new Set(done.flatMap((undone) => undone.kept));
  const written = done.flatMap(({ change }) => change ?? []);
  const rest = ["", " A cell stays, as others have changed it since."][kept.size] ?? ` ${kept.size} cells stay, as others have changed them since.`;
  if (written.length === 0) return toasts.say(`Nothing that ${whose} did there is left to undo.${rest}`);
  const where = cells.size === 1 ? " in one cell" : cells.size > 1 ? ` in ${cells.size} cells` : "";
  toasts.say(`Undone: what ${whose} did${where}.${rest}`, { label: "Redo", press: () => redo(page, written, whose) });
}

function redo(page: Page, undos: readonly string[], whose: string): void {
  for (const undo of undos.toReversed()) takeBack(page.notebook, undo);
  page.toasts.say(`What ${whose} did is there again.`);
}
