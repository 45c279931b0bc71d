// Agents on the page: what they say and did, which cells are their drafts, and what they may do unasked.

import { madeBy, type Policy, readPolicy, setPolicy } from "../../core/agents.ts";
import { latestExecution } from "../../core/schema.ts";
import { goTo } from "../cell_deeds.ts";
import { h } from "../dom.ts";
import { undoChanges } from "../history/taking_back.ts";
import type { Page } from "../page.ts";

const HEARD = "quire.heard"; // what was told in this tab is not told again when it is loaded again
const MOST_HEARD = 100;

const RULES: readonly { word: keyof Policy; text: string; on: string; off: string }[] = [
  { word: "cells_of_people", text: "Change cells that no agent made", on: "propose", off: "edit" },
  { word: "delete", text: "Delete those cells", on: "confirm", off: "allow" },
  { word: "packages", text: "Change which packages are installed", on: "confirm", off: "allow" },
];

export function agents(page: Page): void {
  const { notebook, cells, executions, people, toasts } = page;
  const heard = new Set<string>(JSON.parse(sessionStorage.getItem(HEARD) ?? "[]") as string[]);

  people.changed.add(() => {
    for (const { peer, state } of people.others) {
      for (const said of [state?.["report"], state?.["toast"]]) {
        const { id, text, cell_id, change } = (said ?? {}) as Record<string, unknown>;
        if (typeof id !== "string" || typeof text !== "string" || text === "" || heard.has(id)) continue;
        heard.add(id);
        sessionStorage.setItem(HEARD, JSON.stringify([...heard].slice(-MOST_HEARD)));
        const show = () => {
          if (notebook.has(`${cell_id}`)) goTo(page, `${cell_id}`);
          else toasts.say("That cell is gone.");
        };
        const undo = () => undoChanges(page, [`${change}`], peer.name);
        toasts.say(
          `${peer.name}: ${text}`,
          typeof cell_id === "string" ? { label: "Show", press: show } : undefined,
          typeof change === "string" && page.session.mayEdit ? { label: "Undo", press: undo } : undefined,
        );
      }
    }
  });

  const mark = (cellId: string) => {
    const agent = madeBy(notebook, cellId);
    const view = cells.get(cellId);
    if (view === undefined) return;
    const isDraft = agent !== null && notebook.type(cellId) === "code" && executions.root !== null && latestExecution(executions.root, cellId) === null;
    const title = isDraft ? `A draft by ${agent}: it has not run yet` : `Made by ${agent}`;
    view.marks.set("agent", agent === null ? null : { icon: "agent", title, tone: isDraft ? "warn" : "calm" });
  };
  const markAll = () => {
    for (const [id] of cells) mark(id);
  };
  cells.added.add(({ id }) => mark(id));
  page.edited.add((events) => {
    for (const event of events) if (event.kind === "cell metadata" || event.kind === "type" || event.kind === "replaced") mark(event.cellId);
  });
  executions.changed.add((patches) => {
    if (patches === null) markAll();
    else for (const { path } of patches) if (path[0] === "latest" && typeof path[1] === "string") mark(path[1]);
  });
}

/** What agents may do unasked, for a person to see and change. */
export function policySettings(page: Page): HTMLElement {
  const policy = readPolicy(page.notebook);
  const rows = RULES.map(({ word, text, on, off }) => {
    const choose = h("select", { "aria-label": `Agents: ${text}`, change: () => page.mayEdit() && setPolicy(page.notebook, { [word]: choose.value }) });
    choose.append(h("option", { value: off }, "freely"), h("option", { value: on }, "only propose it"));
    choose.value = policy[word];
    return h("label", {}, h("span", {}, text), choose);
  });
  return h("section", { class: "policy" }, h("h3", {}, "What agents may do"), ...rows, h("p", { class: "nothing" }, "The server holds agents to this. Only people change it."));
}
