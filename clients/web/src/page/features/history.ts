// History: a panel with the moments of the notebook's life, and the notebook as it was at one of them in the place of the
// cells; who wrote what of a cell, on demand.
//
// What happened is computed from this tab's replica (core/history); who wrote when, the hub tells when the panel opens and
// while it is open. While the past is shown, the cells are hidden and go on living: nothing that others write is missed.

import { isEdit, notTakenBack, undoneHere } from "../../core/history/taking_back.ts";
import { History, KnownPeers, LONGEST_NAME } from "../../core/history/history.ts";
import type { Moment } from "../../core/history/moments.ts";
import type { Heads } from "../../core/replica.ts";
import { Blame } from "../history/blame.ts";
import { type Comparison, PastView } from "../history/past_view.ts";
import { undoChanges } from "../history/taking_back.ts";
import { byAgents, Timeline } from "../history/timeline.ts";
import type { Page } from "../page.ts";
import { said } from "../people_text.ts";

const ASK_EVERY = 5000; // milliseconds between questions who wrote what, while something changes

export function history(page: Page): void {
  const peers = new KnownPeers();
  const past = new History(page.notebook, () => new Map([...peers.byKey, ...Array.from(undoneHere(page.notebook), (key) => [key, page.people.self.peer] as const)]));
  const meet = () => {
    for (const { peer } of [page.people.self, ...page.people.others]) peers.meet(peer);
  };
  page.people.changed.add(meet);
  meet();
  const panel = new HistoryPanel(page, past);
  page.panels.register({ id: "history", title: "History", icon: "history", keys: ["Ctrl+Alt+h"], mount: (host) => panel.mount(host) });
  const blame = new Blame(page, past, () => panel.ask());
  page.commands.add({
    id: "history.undo-agent",
    title: "Undo what an agent did last",
    group: "Edit",
    when: () => page.session.mayEdit,
    run: () => void undoLatest(page, past, panel),
  });
  page.commands.add({
    id: "history.blame",
    title: "Show or hide who wrote what of the cell",
    group: "View",
    cellMenu: 4,
    when: () => page.selection.active !== null,
    isOn: () => page.selection.active !== null && blame.isOn(page.selection.active),
    run: () => blame.toggle(page.selection.active as string),
  });
}

/** Take back the latest change by an agent of which something is left. */
async function undoLatest(page: Page, past: History, panel: HistoryPanel): Promise<void> {
  await panel.ask();
  const written = past.moments().flatMap(({ written }) => written.filter(({ author }) => author.kind === "agent"));
  const left = notTakenBack(page.notebook, written.map(({ hash }) => hash));
  const last = left.findLast((hash) => isEdit(page.notebook, hash));
  const by = written.find(({ hash }) => hash === last)?.author.name;
  if (last === undefined || by === undefined) return page.toasts.say("No agent did anything here that is left to undo.");
  undoChanges(page, [last], by);
}

class HistoryPanel {
  readonly #page: Page;
  readonly #past: History;
  #mounted: Mounted | null = null;

  constructor(page: Page, past: History) {
    this.#page = page;
    this.#past = past;
  }

  mount(host: HTMLElement): () => void {
    const mounted = new Mounted(this.#page, this.#past, host, () => this.ask());
    this.#mounted = mounted;
    void this.ask();
    return () => {
      this.#mounted = null;
      mounted.end();
    };
  }

  /** Have the hub tell who wrote what since it last did; offline, what was told stays. */
  async ask(): Promise<void> {
    const result = await this.#page.requests.question({ method: "writers", since: this.#past.toldUntil });
    if (result === null) return;
    this.#past.told(result);
    this.#mounted?.refresh();
  }
}

/** The panel while it is open. */
class Mounted {
  readonly #page: Page;
  readonly #past: History;
  readonly #timeline: Timeline;
  readonly #view: PastView;
  readonly #end: (() => void)[] = [];
  #moments: Moment[] = [];
  #chosen: Moment | null = null; // null: now
  #comparison: Comparison = "before";
  #other: Moment | null = null; // what the chosen one is compared with, if that was picked
  #timer: ReturnType<typeof setTimeout> | null = null;
  #frame = 0;

  constructor(page: Page, past: History, host: HTMLElement, ask: () => Promise<void>) {
    this.#page = page;
    this.#past = past;
    this.#timeline = new Timeline({
      choose: (moment) => this.#choose(moment),
      compareWith: (moment) => this.#compareWith(moment),
      undo: (moment) => this.#undo(moment),
      name: (moment) => this.#name(moment),
      mayName: () => page.session.mayEdit,
    });
    this.#view = new PastView({
      now: () => this.#choose(null),
      compare: (comparison) => this.#compare(comparison),
      restore: (cellIds) => this.#restore(cellIds),
      mayRestore: () => page.session.mayEdit,
    });
    host.append(this.#timeline.element);
    const column = page.cells.element.parentElement as HTMLElement;
    column.before(this.#view.element);
    this.#end.push(() => {
      column.hidden = false;
      this.#view.element.remove();
    });
    const pressed = (event: KeyboardEvent) => this.#pressed(event);
    addEventListener("keydown", pressed, true);
    this.#end.push(() => removeEventListener("keydown", pressed, true));
    this.#end.push(
      page.edited.add(() => {
        this.#timer ??= setTimeout(() => {
          this.#timer = null;
          this.refresh();
          void ask();
        }, ASK_EVERY);
      }),
    );
    this.refresh();
  }

  end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    cancelAnimationFrame(this.#frame);
    for (const end of this.#end) end();
  }

  /** More is known, or has happened. */
  refresh(): void {
    this.#moments = this.#past.moments();
    const again = (moment: Moment | null) => (moment === null ? null : (this.#moments.find(({ id }) => id === moment.id) ?? moment));
    this.#chosen = again(this.#chosen);
    this.#other = again(this.#other);
    this.#timeline.show(this.#moments, this.#chosen, this.#other);
    this.#markUndone();
  }

  #markUndone(): void {
    const { notebook } = this.#page;
    const changes = this.#moments.map(byAgents);
    if (changes.every((its) => its.length === 0)) return;
    const left = new Set(notTakenBack(notebook, changes.flat()));
    const undone = new Set(changes.flat().filter((hash) => !left.has(hash)));
    for (const its of changes) {
      if (its.some((hash) => undone.has(hash))) for (const hash of its) if (left.has(hash) && !isEdit(notebook, hash)) undone.add(hash);
    }
    this.#timeline.setUndone(undone);
  }

  #undo(moment: Moment): void {
    const names = new Set(moment.authors.flatMap(({ kind, name }) => (kind === "agent" || kind === "program" ? name : [])));
    undoChanges(this.#page, byAgents(moment), [...names].join(" and "));
    this.refresh();
  }

  /** While the past is shown, keys without a place are not for the cells behind it; Escape goes back to now. */
  #pressed(event: KeyboardEvent): void {
    if (this.#chosen === null) return;
    const { target, key } = event;
    const isNowhere = target === document.body || (target instanceof Node && this.#page.cells.element.contains(target));
    const isPast = target instanceof Node && this.#view.element.contains(target);
    if (key === "Escape" && (isNowhere || isPast)) {
      event.preventDefault();
      this.#choose(null);
      this.#page.selection.choose(this.#page.selection.active);
    }
    if (isNowhere && !event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
  }

  #choose(moment: Moment | null): void {
    this.#chosen = moment;
    if (moment === null) this.#other = null;
    this.#timeline.mark(this.#chosen, this.#other);
    cancelAnimationFrame(this.#frame); // of several in one frame only the last is drawn
    this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #compare(comparison: Comparison): void {
    this.#comparison = comparison;
    this.#other = null;
    this.#timeline.mark(this.#chosen, null);
    this.#draw();
  }

  #compareWith(moment: Moment): void {
    if (this.#chosen === null || this.#chosen.id === moment.id) {
      // with now, or, where that is the same, with what was before it
      this.#comparison = moment.id === this.#moments.at(-1)?.id ? "before" : "now";
      this.#chosen = moment;
      this.#other = null;
    } else this.#other = moment.id === this.#other?.id ? null : moment;
    this.#timeline.mark(this.#chosen, this.#other);
    this.#draw();
  }

  #draw(): void {
    const column = this.#page.cells.element.parentElement as HTMLElement;
    const chosen = this.#chosen;
    const isPast = chosen !== null;
    column.hidden = isPast;
    this.#view.element.hidden = !isPast;
    if (chosen === null) return;
    const then = this.#past.at(chosen.heads);
    if (this.#other !== null) {
      this.#view.show(chosen, this.#past.at(this.#other.heads), then, "other", this.#other);
    } else if (this.#comparison === "now") {
      this.#view.show(chosen, then, this.#past.now(), "now", null);
    } else {
      const before = this.#moments[chosen.number - 2];
      this.#view.show(chosen, before === undefined ? null : this.#past.at(before.heads), then, "before", before ?? null);
    }
  }

  #restore(cellIds: readonly string[] | "whole"): void {
    const chosen = this.#chosen;
    if (chosen === null || !this.#page.mayEdit()) return;
    const when = `${chosen.names[0] === undefined ? "" : `“${chosen.names[0]}”, `}${said(chosen.ended)}`;
    const what = cellIds === "whole" ? "The notebook" : cellIds.length === 1 ? "The cell" : `${cellIds.length} cells`;
    const { structure, toasts } = this.#page;
    const done = structure.restore(this.#past.at(chosen.heads), cellIds, `the restoring of ${when}`);
    const undo = { label: "Undo", press: () => void structure.undo() };
    if (done) toasts.say(`${what} restored as of ${when}, as a new edit.`, undo);
    else toasts.say(`Nothing differs from what there is now.`);
    if (cellIds === "whole") this.#choose(null);
    this.refresh();
    if (this.#chosen !== null) this.#draw();
  }

  #name(moment: Moment | null): void {
    const name = prompt("A name for this version of the notebook:", moment?.names[0] ?? "")?.trim();
    if (!name || !this.#page.mayEdit()) return;
    const heads: Heads = moment?.heads ?? this.#page.notebook.replica.heads();
    this.#past.nameVersion(name.slice(0, LONGEST_NAME), heads, Date.now() / 1000);
    this.#page.toasts.say(`This version is “${name}” now.`);
    this.refresh();
  }
}

