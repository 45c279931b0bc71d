// The panel of the dataflow: problems with their fixes, which cell takes what from which, and how long cells took.
//
// The graph is drawn as the notebook stands: a row a cell, an arc from each cell to those that read from it. What leads to
// the selected cell, and what follows from it, stands out.

import { type CellFlow, type Fix, named, reached, sayCauses, sayTime } from "../../core/dataflow.ts";
import { goTo } from "../cell_deeds.ts";
import { h } from "../dom.ts";
import type { FlowState } from "../flow_state.ts";
import type { Page } from "../page.ts";
import { firstLine, nameOf } from "../run_plan.ts";
import type { Panel } from "../side_panel.ts";

const ROW = 28; // pixels, of a cell in the graph
const LANE = 9; // pixels between arcs of different length
const LANES = 9;

interface Deeds {
  fix(fix: Fix): void;
  preview(cellId: string): void;
}

export function flowPanel(page: Page, deeds: Deeds): Panel {
  const { flow } = page;
  return {
    id: "dataflow",
    title: "Dataflow",
    icon: "graph",
    keys: ["Ctrl+Shift+g"],
    mount: (host) => {
      let waiting = false;
      const draw = () => {
        waiting = false;
        host.replaceChildren(problems(page, flow, deeds), graph(page, flow, deeds), profile(page, flow));
      };
      const soon = () => {
        if (waiting) return;
        waiting = true;
        requestAnimationFrame(() => host.isConnected && draw());
      };
      const ends = [flow.changed.add(soon), page.selection.changed.add(soon), page.edited.add(soon)];
      draw();
      return () => ends.forEach((end) => end());
    },
  };
}

let areShown = false; // the problems, where the mode makes nothing of them

function problems(page: Page, flow: FlowState, deeds: Deeds): HTMLElement {
  const name = (id: string) => nameOf(page, id);
  const items = page.notebook.cellIds().flatMap((cellId) =>
    (flow.get(cellId)?.problems ?? []).map((problem) =>
      h(
        "li",
        {},
        h("button", { type: "button", class: "cell-link", click: () => goTo(page, cellId) }, name(cellId)),
        h("span", {}, ` ${named(problem.message, problem.cells, name)}`),
        h("div", { class: "fixes" }, ...problem.fixes.map((fix) => h("button", { type: "button", click: () => deeds.fix(fix) }, fix.title))),
      ),
    ),
  );
  const section = (...parts: (HTMLElement | null)[]) => h("section", { class: "flow-problems", "aria-label": "Problems" }, h("h3", {}, "Problems"), ...parts);
  if (items.length === 0) return section(h("p", {}, "There are none."));
  const list = h("ul", {}, ...items);
  if (flow.mode !== "manual") return section(h("p", {}, "These cells do not run until that is mended."), list);
  const heading = h("summary", {}, `${items.length === 1 ? "One" : items.length} in the other modes; in mode manual all cells run`);
  return section(h("details", { open: areShown, toggle: ({ target }: Event) => (areShown = (target as HTMLDetailsElement).open) }, heading, list));
}

function graph(page: Page, flow: FlowState, deeds: Deeds): HTMLElement {
  const ids = page.notebook.cellIds().filter((id) => {
    const known = flow.get(id);
    return known !== undefined && (known.defines.length > 0 || Object.keys(known.inputs).length > 0 || known.status !== "never_ran");
  });
  const active = page.selection.active ?? "";
  const up = reached(active, flow.cells, "up");
  const down = reached(active, flow.cells, "down");
  const rows = ids.map((id) => row(page, flow.get(id) as CellFlow, id, id === active ? "active" : up.has(id) ? "up" : down.has(id) ? "down" : "", deeds));
  const list = h("ol", { class: "flow-rows" }, ...rows);
  return h(
    "section",
    { class: "flow-graph", "aria-label": "Graph" },
    h("h3", {}, "Graph"),
    ids.length === 0 ? h("p", {}, "No cell defines or reads anything yet.") : h("div", { class: "flow-picture" }, arcs(ids, flow, active, up, down), list),
  );
}

function row(page: Page, known: CellFlow, id: string, place: string, deeds: Deeds): HTMLElement {
  const inputs = Object.entries(known.inputs).map(([variable, owner]) => `${variable} from ${nameOf(page, owner)}`);
  const says = known.status === "stale" ? sayCauses(known, (one) => nameOf(page, one)) : known.status === "failed" ? "It failed." : known.missing && known.status === "fresh" ? "The kernel has not run it." : "";
  const title = [firstLine(page, id), known.defines.length > 0 ? `defines ${known.defines.join(", ")}` : "", inputs.length > 0 ? `reads ${inputs.join(", ")}` : "", says].filter(Boolean).join("\n");
  const label = known.defines.length > 0 ? known.defines.join(", ") : firstLine(page, id);
  return h(
    "li",
    { "data-status": known.status, "data-place": place, title },
    h("button", { type: "button", class: "cell-link", "aria-label": `${nameOf(page, id)}: ${title}`, click: () => goTo(page, id) }, h("span", { class: "number" }, nameOf(page, id).replace("cell ", "")), h("span", { class: "names" }, label)),
    h("button", { type: "button", class: "plain", title: "What would running it run?", "aria-label": `What would running ${nameOf(page, id)} run?`, click: () => deeds.preview(id) }, "…"),
  );
}

function arcs(ids: readonly string[], flow: FlowState, active: string, up: ReadonlySet<string>, down: ReadonlySet<string>): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const width = LANE * (LANES + 1);
  svg.setAttribute("width", `${width}`);
  svg.setAttribute("height", `${ids.length * ROW}`);
  svg.setAttribute("aria-hidden", "true");
  const at = new Map(ids.map((id, index) => [id, index]));
  for (const [reader, index] of at) {
    for (const owner of new Set(Object.values(flow.get(reader)?.inputs ?? {}))) {
      const from = at.get(owner);
      if (from === undefined) continue;
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      const bulge = width - LANE * Math.min(LANES, 1 + Math.ceil(Math.log2(Math.abs(index - from) + 1)) * 2);
      const [y1, y2] = [(from + 0.5) * ROW, (index + 0.5) * ROW];
      path.setAttribute("d", `M${width} ${y1} C${bulge} ${y1} ${bulge} ${y2} ${width - 3} ${y2}`);
      const leads = (reader === active || up.has(reader)) && up.has(owner);
      const follows = (owner === active || down.has(owner)) && down.has(reader);
      path.setAttribute("class", leads ? "up" : follows ? "down" : "");
      svg.append(path);
    }
  }
  return svg;
}

function profile(page: Page, flow: FlowState): HTMLElement {
  const took = page.notebook
    .cellIds()
    .flatMap((id) => {
      const ms = flow.get(id)?.ms ?? null;
      return ms === null ? [] : [{ id, ms }];
    })
    .sort((a, b) => b.ms - a.ms);
  const total = took.reduce((sum, { ms }) => sum + ms, 0);
  const most = took[0]?.ms ?? 1;
  const rows = took.slice(0, 20).map(({ id, ms }) =>
    h(
      "li",
      {},
      h("button", { type: "button", class: "cell-link", title: firstLine(page, id), click: () => goTo(page, id) }, nameOf(page, id)),
      h("meter", { min: "0", max: `${most}`, value: `${ms}`, "aria-hidden": "true" }),
      h("span", { class: "took" }, sayTime(ms)),
    ),
  );
  const text = took.length === 0 ? "Nothing has run yet." : `The last runs of ${took.length === 1 ? "one cell" : `${took.length} cells`}: ${sayTime(total)} together.`;
  return h("section", { class: "flow-profile", "aria-label": "Profile" }, h("h3", {}, "Profile"), h("p", {}, text), h("ol", {}, ...rows));
}
