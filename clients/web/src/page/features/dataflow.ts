// Dataflow on the page: marks for stale cells and problems, the mode, what a run would bring along, and the panel.

import { type Fix, type Mode, MODES, named, type Plan, sayCauses } from "../../core/dataflow.ts";
import { toCodeUnits } from "../../core/offsets.ts";
import { h } from "../dom.ts";
import type { Page } from "../page.ts";
import { nameOf, showPlan, takeRunResult } from "../run_plan.ts";
import { flowPanel } from "./dataflow_panel.ts";

const WHAT: Record<Mode, string> = {
  manual: "a run runs what you run, as in Jupyter",
  lazy: "a run brings stale cells above it along",
  reactive: "what depends on a cell runs with it, and what you edited runs when you leave it",
  cascade: "a run asks before it brings stale cells along",
};

export function dataflow(page: Page): void {
  const { cells, commands, flow, notebook, panels, requests, selection } = page;
  const name = (cellId: string) => nameOf(page, cellId);
  const openPanel = () => panels.open("dataflow", false);

  const mark = (cellId: string) => {
    const marks = cells.get(cellId)?.marks;
    const known = flow.mode === "manual" ? undefined : flow.get(cellId);
    const [problem] = known?.problems ?? [];
    marks?.set("problem", problem === undefined ? null : { icon: "warning", tone: "bad", title: named(problem.message, problem.cells, name), press: openPanel });
    const isStale = known?.status === "stale" && problem === undefined;
    marks?.set("stale", isStale ? { icon: "stale", tone: "warn", title: sayCauses(known, name), press: previews.get(cellId) ?? preview(cellId) } : null);
    cells.get(cellId)?.label();
  };
  const previews = new Map<string, () => void>(); // one function a cell, so that an unchanged mark is the same
  const preview = (cellId: string) => {
    const show = () => void ask(cellId);
    previews.set(cellId, show);
    return show;
  };
  const ask = async (cellId: string) => {
    const plan = (await requests.question({ method: "plan_run", cell_ids: [cellId], bring: flow.mode === "manual" ? "stale" : null })) as Plan | null;
    if (plan === null) page.toasts.say("Nobody answers what would run: the service that runs cells is away.");
    else showPlan(page, plan, `Run ${name(cellId)}`);
  };
  const markAll = () => {
    for (const [id] of cells) mark(id);
    const count = flow.mode === "manual" ? 0 : [...flow.cells].filter(([id, { problems }]) => notebook.has(id) && problems.length > 0).length;
    panels.setCount("dataflow", count);
  };
  flow.changed.add(markAll);
  requests.done.add((result) => takeRunResult(page, result));
  requests.inWords = (text) => named(text, notebook.cellIds(), name);
  page.edited.add((events) => {
    if (events.some(({ kind }) => kind === "cells")) markAll(); // cells have other numbers now
    if (events.some(({ kind }) => kind === "metadata")) showMode();
  });
  cells.added.add(({ id }) => mark(id));
  cells.removed.add((id) => previews.delete(id));

  const own = () => (notebook.ownMetadata()["quire"] ?? {}) as Record<string, unknown>;
  const modeNow = (): Mode => MODES.find((mode) => mode === own()["execution_mode"]) ?? "manual";
  const choose = (mode: Mode) => page.mayEdit() && notebook.setOwnMetadataAt(["quire", "execution_mode"], mode);
  const select = h(
    "select",
    { class: "mode", "aria-label": "What a run brings along", change: () => choose(select.value as Mode) },
    ...MODES.map((mode) => h("option", { value: mode, title: WHAT[mode] }, mode)),
  );
  const showMode = () => {
    select.value = modeNow();
    select.title = `Mode ${modeNow()}: ${WHAT[modeNow()]}`;
  };
  showMode();
  page.bar.tools.prepend(select);
  for (const mode of MODES) {
    commands.add({ id: `mode.${mode}`, title: `Mode ${mode}: ${WHAT[mode]}`, group: "Run", isOn: () => modeNow() === mode, run: () => choose(mode) });
  }
  commands.add({
    id: "run.cache",
    title: "Keep the results of cells, and restore them where code, inputs and environment are the same",
    group: "Run",
    isOn: () => own()["cache"] === true,
    run: () => page.mayEdit() && notebook.setOwnMetadataAt(["quire", "cache"], own()["cache"] === true ? undefined : true),
  });
  commands.add({
    id: "run.preview",
    title: "Show what running the cell would run",
    group: "Run",
    keys: ["Shift+Alt+Enter"],
    where: "cell",
    cellMenu: 0,
    when: () => selection.active !== null && notebook.type(selection.active) === "code",
    run: () => void ask(selection.active as string),
  });
  panels.register(flowPanel(page, { fix: (fix) => applyFix(page, fix), preview: (cellId) => void ask(cellId) }));
}

/** Make the edits of a fix, if the cells are still what it was made for; it can be undone as any deed. */
function applyFix(page: Page, fix: Fix): void {
  if (!page.mayEdit()) return;
  const { notebook, structure, toasts } = page;
  const replacements = fix.edits.flatMap((one) => {
    if (one.edit !== "replace") return [];
    const source = notebook.source(one.cell_id);
    const [from, to] = one.range.map((at) => toCodeUnits(source, at)) as [number, number];
    return [{ cellId: one.cell_id, from, to, insert: one.new, old: one.old, now: source.slice(from, to) }];
  });
  if (replacements.some(({ old, now }) => old !== now)) return toasts.say("The cell was edited meanwhile; look at the problem again.");
  if (replacements.length > 0) structure.replace(replacements, "the fix");
  for (const one of fix.edits) {
    if (one.edit === "delete") structure.remove([one.cell_id], "the fix");
    else if (one.edit === "merge") structure.merge(one.cell_ids);
  }
  toasts.say(`${fix.title}: done.`, { label: "Undo", press: () => void page.commands.run("cell.undo") });
}
