// Proposals on the page: a panel in which each is a diff to accept, edit or reject, and a mark on the cells they are about.

import type { CellDiff } from "../../core/history/diff.ts";
import { diffLines } from "../../core/history/lines.ts";
import { type Outcome, type Preview, type Proposal, Proposals } from "../../core/proposals.ts";
import { goTo } from "../cell_deeds.ts";
import { h } from "../dom.ts";
import { changedText } from "../history/changed_line.ts";
import type { Page } from "../page.ts";
import { authorChip, said } from "../people_text.ts";
import { policySettings } from "./agents.ts";

const PANEL = "proposals";
const DECIDED_SHOWN = 5;
const CONTEXT = 2; // unchanged lines around a change
const WHY_NOT: Record<Exclude<Outcome, "merged">, string> = {
  decided: "Somebody has decided it already.",
  gone: "The cells that it changes were deleted; they stay deleted.",
  edited: "It deletes a cell that somebody has written in since. Reject it, or delete the cell yourself.",
  damaged: "It cannot be merged here. Wait until the notebook has synced, or reject it.",
};

export function proposals(page: Page): void {
  const { notebook, cells, panels, people } = page;
  const kept = new Proposals(notebook, () => people.self.peer, () => Date.now() / 1000);
  const edits = new Map<string, Map<string, string>>(); // by proposal and cell: what somebody made of it, until it is decided
  let open: Proposal[] = [];
  let host: HTMLElement | null = null;

  const editsOf = ({ id }: Proposal) => {
    const its = edits.get(id) ?? new Map<string, string>();
    edits.set(id, its);
    return its;
  };
  const look = () => {
    open = kept.all().filter(({ status }) => status === "open");
    panels.setCount(PANEL, open.length);
    for (const [, view] of cells) mark(view.id);
    draw();
  };
  const mark = (cellId: string) => {
    const about = open.filter((one) => one.cells.includes(cellId));
    const names = about.map(({ author, title }) => `${author.name}: ${title}`).join("; ");
    const press = () => panels.open(PANEL);
    cells.get(cellId)?.marks.set("proposal", about.length === 0 ? null : { icon: "proposal", title: `Proposed by ${names}`, tone: "accent", press });
  };
  const draw = () => {
    if (host === null || host.contains(document.activeElement?.closest("textarea") ?? null)) return; // somebody is typing in it
    const decided = kept.all().filter(({ status }) => status !== "open").slice(-DECIDED_SHOWN).reverse();
    const none = h("p", { class: "nothing" }, "Nothing is proposed. What an agent may not change unasked, it suggests here.");
    host.replaceChildren(
      ...(open.length === 0 ? [none] : open.map((one) => card(page, kept, one, editsOf(one), draw))),
      ...decided.map((one) => h("p", { class: "decided" }, `${one.title}: ${one.status} by ${one.decidedBy?.name ?? "somebody"}${one.note === "" ? "" : ` (${one.note})`}`)),
      policySettings(page),
    );
  };
  panels.register({
    id: PANEL,
    title: "Proposals and agents",
    icon: "proposal",
    mount: (element) => {
      host = element;
      element.classList.add("proposals");
      draw();
      return () => {
        host = null;
        element.classList.remove("proposals");
      };
    },
  });
  let due = false;
  page.edited.add((events) => {
    // What a proposal would do depends on the cells, too: the panel shows it as of now.
    const matters = events.some(({ kind }) => kind === "proposals" || (kind === "metadata" && host !== null));
    if (!matters && !(host !== null && open.length > 0)) return;
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      look();
    });
  });
  cells.added.add(({ id }) => mark(id));
  look();
}

function card(page: Page, kept: Proposals, proposal: Proposal, edited: Map<string, string>, redraw: () => void): HTMLElement {
  const preview = kept.preview(proposal);
  const meanwhile = kept.meanwhile(proposal);
  const accept = () => {
    if (preview === null || !page.mayEdit()) return;
    const outcome = kept.accept(preview, edited);
    if (outcome !== "merged") page.toasts.say(WHY_NOT[outcome]);
    else page.toasts.say(meanwhile.length === 0 ? "Accepted." : `Accepted, and merged with what was written since in ${count(meanwhile.length, "cell")}.`);
    redraw();
  };
  const note = h("input", { type: "text", placeholder: "Why not?", "aria-label": "A note for its author" });
  const reject = () => {
    if (!page.mayEdit()) return;
    kept.reject(proposal.id, note.value.trim());
    redraw();
  };
  const nothing = preview === null ? WHY_NOT.damaged : preview.cells.length === 0 ? "It changes nothing any more: its cells were deleted, or are so already." : null;
  const shown = nothing !== null ? [h("p", { class: "nothing" }, nothing)] : (preview?.cells ?? []).map((cell) => cellDiff(page, preview as Preview, cell, edited));
  const acceptButton = h("button", { type: "button", class: "plain main accept", click: accept }, "Accept");
  acceptButton.disabled = preview === null;
  return h(
    "article",
    { class: "proposal", "data-proposal": proposal.id, "aria-label": `Proposed by ${proposal.author.name}: ${proposal.title}` },
    h("header", {}, h("strong", {}, proposal.title), h("small", {}, authorChip(proposal.author), ` ${said(proposal.at)}`)),
    ...shown,
    meanwhile.length === 0 ? null : h("p", { class: "meanwhile" }, `${count(meanwhile.length, "cell")} edited since; accepting merges both.`),
    h("div", { class: "decide" }, acceptButton, h("button", { type: "button", class: "plain reject", click: reject }, "Reject"), note),
  );
}

function cellDiff(page: Page, preview: Preview, cell: CellDiff, edited: Map<string, string>): HTMLElement {
  const show = () => goTo(page, cell.cellId);
  const what = { added: "New cell", deleted: "Deletes", changed: cell.moved && !cell.fields.includes("source") ? "Moves" : "Changes", same: "" }[cell.kind];
  const name = cell.kind === "added" ? h("span", {}, what) : h("button", { type: "button", class: "link", click: show }, `${what} cell ${page.notebook.cellIds().indexOf(cell.cellId) + 1}`);
  const lines = h("pre", { class: "diff", tabindex: "0" }, ...shownLines(cell));
  const body = h("div", {}, lines);
  const edit = () => {
    const leave = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return; // it leaves the field; the next one closes the panel
      event.preventDefault();
      body.closest(".proposal")?.querySelector<HTMLElement>(".accept")?.focus();
    };
    const field = h("textarea", { "aria-label": "The cell as it is to be", spellcheck: "false", input: () => edited.set(cell.cellId, field.value), keydown: leave });
    field.value = edited.get(cell.cellId) ?? preview.notebook.source(cell.cellId);
    field.rows = Math.min(20, field.value.split("\n").length + 1);
    body.replaceChildren(field);
    return field;
  };
  const begin = () => {
    const field = edit();
    field.focus();
    field.setSelectionRange(0, 0);
  };
  if (edited.has(cell.cellId)) edit();
  const mayEdit = cell.kind !== "deleted" && cell.fields.includes("source");
  return h("section", { class: "cell-diff" }, h("div", { class: "cell-diff-head" }, name, mayEdit ? h("button", { type: "button", class: "link", click: begin }, "Edit") : null), body);
}

function shownLines(cell: CellDiff): HTMLElement[] {
  const lines = diffLines(cell.old?.source ?? "", cell.now?.source ?? "");
  const near = lines.map((_, i) => lines.slice(Math.max(0, i - CONTEXT), i + CONTEXT + 1).some(({ kind }) => kind !== "same"));
  const found: HTMLElement[] = [];
  for (const [i, { kind }] of lines.entries()) {
    if (near[i]) found.push(h("span", { class: `line ${kind}` }, `${{ same: " ", added: "+", deleted: "−" }[kind]} `, ...changedText(lines, i), "\n"));
    else if (i === 0 || near[i - 1]) found.push(h("span", { class: "line gap" }, "⋯\n"));
  }
  return found;
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`;
