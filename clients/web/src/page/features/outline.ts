// The panel of the contents: the notebook's headings, which of them the reader is under, and where something runs, waits
// or failed.
//
// Owns what the headings of each text cell were when it was last looked at: an edit costs a look at the cell that it is in.

import { type Entry, headingsIn } from "../../core/outline.ts";
import { latestExecution, readQueue, record } from "../../core/schema.ts";
import { goTo } from "../cell_deeds.ts";
import { h } from "../dom.ts";
import type { Page } from "../page.ts";

interface Heading extends Entry {
  readonly cellId: string;
  /** Which of the headings of its cell it is. */
  readonly nth: number;
  /** What goes on in its section, subsections not among it. */
  doing: Doing;
}

type Doing = "" | "queued" | "failed" | "running";
const RANK: readonly Doing[] = ["", "queued", "failed", "running"];
const SAYS: Record<Doing, string> = { "": "", queued: ", waits", failed: ", something failed", running: ", runs" };

export function outline(page: Page): void {
  page.panels.register({
    id: "outline",
    title: "Contents",
    icon: "list",
    keys: ["Ctrl+Shift+k"],
    mount: (host) => {
      const { edited, executions, notebook, selection } = page;
      const known = new Map<string, readonly Entry[]>(); // of each text cell
      let waiting = false;
      let drawn = "";
      const look = (id: string) => (notebook.has(id) && notebook.type(id) === "markdown" ? headingsIn(notebook.source(id)) : []);
      const draw = () => {
        waiting = false;
        const headings = readHeadings(page, (id) => known.get(id) ?? known.set(id, look(id)).get(id)!);
        const now = JSON.stringify(headings);
        if (now === drawn) return;
        drawn = now;
        const focused = host.contains(document.activeElement) ? [...host.querySelectorAll("button")].indexOf(document.activeElement as HTMLButtonElement) : -1;
        host.replaceChildren(headings.list.length === 0 ? h("p", {}, "There are no headings. A text cell with a line that begins with # has one.") : listOf(page, headings));
        host.querySelectorAll("button")[focused]?.focus({ preventScroll: true });
      };
      const soon = () => {
        if (waiting) return;
        waiting = true;
        requestAnimationFrame(() => host.isConnected && draw());
      };
      const ends = [
        edited.add((events) => {
          let isOther = false;
          for (const event of events) {
            if (event.kind === "cells") isOther = true;
            else if ("cellId" in event && (known.get(event.cellId)?.length !== 0 || notebook.has(event.cellId) && notebook.type(event.cellId) === "markdown")) {
              known.delete(event.cellId);
              isOther = true;
            }
          }
          if (isOther) soon();
        }),
        executions.changed.add((patches) => {
          if (patches === null || patches.some(({ path }) => path[0] === "queue" || path[0] === "latest")) soon();
        }),
        selection.changed.add(soon),
      ];
      draw();
      return () => ends.forEach((end) => end());
    },
  });
}

/** All headings, what goes on under each, and which one the selected cell is under. */
function readHeadings(page: Page, headingsOf: (cellId: string) => readonly Entry[]): { list: Heading[]; current: number } {
  const { executions, notebook, selection } = page;
  const { root } = executions;
  const queue = new Set(root === null ? [] : readQueue(root));
  const list: Heading[] = [];
  let current = -1;
  for (const cellId of notebook.cellIds()) {
    headingsOf(cellId).forEach((entry, nth) => list.push({ ...entry, cellId, nth, doing: "" }));
    if (cellId === selection.active) current = list.length - 1;
    const id = root === null ? null : latestExecution(root, cellId);
    const heading = list.at(-1);
    if (heading === undefined || id === null) continue;
    const status = `${record(record(root?.executions)[id])["status"]}`;
    const doing: Doing = queue.has(id) ? (status === "running" ? "running" : "queued") : status === "error" || status === "died" ? "failed" : "";
    if (RANK.indexOf(doing) > RANK.indexOf(heading.doing)) heading.doing = doing;
  }
  return { list, current };
}

function listOf(page: Page, { list, current }: { list: readonly Heading[]; current: number }): HTMLElement {
  const top = Math.min(...list.map(({ level }) => level));
  const rows = list.map(({ cellId, nth, level, text, doing }, at) => {
    const go = () => {
      goTo(page, cellId, "start");
      if (nth > 0) page.cells.get(cellId)?.heading(nth)?.scrollIntoView({ block: "start", behavior: "smooth" });
    };
    const row = h("button", { type: "button", click: go, "aria-label": `${text}${SAYS[doing]}` }, h("span", {}, text));
    if (at === current) row.setAttribute("aria-current", "location");
    const item = h("li", { "data-level": `${level}`, "data-doing": doing, "data-depth": `${level - top}` }, row);
    item.style.setProperty("--depth", `${level - top}`); // as an attribute the page's policy would refuse it
    return item;
  });
  return h("ol", { class: "outline" }, ...rows);
}
