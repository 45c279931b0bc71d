// What a run would bring along, shown before it runs: the cells in order, why, how long; and the choice to run it.

import { named, type Plan, type PlanStep, sayCause, sayTime } from "../core/dataflow.ts";
import { h } from "./dom.ts";
import type { Page } from "./page.ts";

type Result = Record<string, unknown>;

/** How a cell is called where another one is talked of. */
export function nameOf(page: Page, cellId: string): string {
  const at = page.notebook.cellIds().indexOf(cellId);
  return at === -1 ? "a cell that is gone" : `cell ${at + 1}`;
}

export function firstLine(page: Page, cellId: string): string {
  const lines = page.notebook.source(cellId).split("\n");
  return (lines.find((line) => line.trim() !== "" && !line.startsWith("#")) ?? lines[0] ?? "").trim();
}

/** What the daemon answered to a run: perhaps it waits for a yes, perhaps it refused some cells. */
export function takeRunResult(page: Page, result: Result): void {
  if (result["plan"] !== undefined) return showPlan(page, result["plan"] as Plan, "Other cells have to run first");
  const [first, ...others] = Object.keys((result["refused"] ?? {}) as Record<string, string[]>);
  if (first === undefined) return;
  const name = (id: string) => nameOf(page, id);
  const [problem] = page.flow.get(first)?.problems ?? [];
  const why = problem === undefined || others.length > 0 ? " because of a problem." : `: ${named(problem.message, problem.cells, name)}`;
  const text = `${[first, ...others].map(name).join(", ")} did not run${why}`;
  page.toasts.say(text.charAt(0).toUpperCase() + text.slice(1), { label: "Show", press: () => page.panels.open("dataflow") });
}

/** Run a plan that was shown, or cells with what they bring along. */
export function runPlanned(page: Page, plan: Plan): void {
  page.requests.ask({ method: "execute", plan_id: plan.id }, "run what the plan says");
}

const REASONS: Record<string, string> = { target: "what you run", stale: "stale", missing: "not in the kernel", dependent: "reads from it" };

function step(page: Page, one: PlanStep): HTMLElement {
  const why = one.causes.map((cause) => sayCause(cause, (id) => nameOf(page, id))).join("; ");
  const refused = one.refused.map(({ message, cells }) => named(message, cells, (id) => nameOf(page, id))).join(" ");
  const reason = refused !== "" ? `does not run: ${refused}` : `${REASONS[one.reason] ?? one.reason}${why === "" ? "" : `: ${why}`}`;
  return h(
    "li",
    { "data-reason": refused === "" ? one.reason : "refused" },
    h("code", {}, firstLine(page, one.cell_id)),
    h("span", { class: "why" }, `${nameOf(page, one.cell_id)} · ${reason}`),
    h("span", { class: "took" }, one.cached === true ? `${sayTime(one.estimated_ms)} or from the cache` : sayTime(one.estimated_ms)),
  );
}

export function planList(page: Page, plan: Plan): HTMLElement {
  return h("ol", { class: "plan" }, ...plan.steps.map((one) => step(page, one)));
}

export function sayPlan({ steps, estimated_ms }: Plan): string {
  const running = steps.filter(({ refused }) => refused.length === 0).length;
  const time = estimated_ms > 0 ? `, about ${sayTime(estimated_ms)}` : "";
  return running === 1 ? `One cell${time}.` : `${running} cells${time}.`;
}

/** Ask whether to run a plan. */
export function showPlan(page: Page, plan: Plan, title: string): void {
  const close = (run?: () => void) => () => {
    dialog.close();
    run?.();
  };
  const alone = () => page.requests.ask({ method: "execute", cell_ids: [...plan.targets], bring: "nothing" }, "run the cell");
  const dialog = h(
    "dialog",
    { class: "plan-dialog", "aria-label": title, close: () => dialog.remove() },
    h("h2", {}, title),
    h("p", {}, sayPlan(plan)),
    planList(page, plan),
    h(
      "footer",
      {},
      h("button", { type: "button", class: "primary", autofocus: true, click: close(() => runPlanned(page, plan)) }, plan.brought.length > 0 ? "Run them all" : "Run"),
      plan.brought.length > 0 ? h("button", { type: "button", click: close(alone) }, "Run without them") : null,
      h("button", { type: "button", click: close() }, "Cancel"),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
}
