// Folding a section under its heading: by JupyterLab's keys, and by what stands beside and below the heading.

import { h } from "../dom.ts";
import { icon } from "../icons.ts";
import type { Command } from "../commands.ts";
import type { Page } from "../page.ts";

export function sections(page: Page): void {
  const { cells, commands, sections, selection } = page;
  const stubs = new Map<string, HTMLElement>();
  const presses = new Map<string, () => void>(); // of each heading that is marked

  const toggle = (id: string) => {
    selection.choose(id);
    fold([id], sections.heading(id)?.folded !== true);
  };
  const fold = (ids: readonly string[], folded: boolean) => {
    if (page.mayEdit()) sections.fold(ids, folded);
  };
  /** The heading that a cell is, or is under. */
  const headingOf = (id: string | null): string | null => {
    if (id === null || sections.heading(id) !== null) return id;
    return sections.headings.findLast((heading) => sections.section(heading).includes(id)) ?? null;
  };
  const set = (folded: boolean) => () => {
    const id = headingOf(selection.active);
    if (id === null || sections.heading(id)?.folded === folded) return;
    selection.choose(id);
    fold([id], folded);
  };
  const foldAll = () => {
    const tops = headingOf(selection.active);
    if (tops !== null) selection.choose(sections.headings.find((id) => id === tops || sections.section(id).includes(tops)) ?? tops);
    fold(sections.headings, true);
  };

  const show = (id: string) => {
    const view = cells.get(id);
    const heading = sections.heading(id);
    const count = heading === null ? 0 : sections.section(id).length;
    const isFolded = heading?.folded === true && count > 0;
    if (heading === null) presses.delete(id);
    else if (!presses.has(id)) presses.set(id, () => toggle(id));
    const press = presses.get(id);
    const title = isFolded ? "Show the section" : "Fold the section";
    view?.marks.set("section", count === 0 || press === undefined ? null : { icon: "chevron", title, tone: "calm", press });
    view?.element.classList.toggle("section-folded", isFolded);
    stubs.get(id)?.remove();
    stubs.delete(id);
    if (!isFolded || view === undefined || press === undefined) return;
    const text = count === 1 ? "1 cell is folded away" : `${count} cells are folded away`;
    const stub = h("button", { type: "button", class: "folded", title, click: press }, icon("chevron"), h("span", {}, text));
    stubs.set(id, stub);
    view.under.append(stub);
  };
  sections.changed.add(() => {
    for (const id of new Set([...presses.keys(), ...sections.headings])) show(id);
  });
  cells.added.add(({ id }) => sections.heading(id) !== null && show(id));

  const some = () => selection.active !== null && headingOf(selection.active) !== null;
  const command = (id: string, title: string, keys: string[], run: () => void, more: Partial<Command> = {}): Command => {
    return { id: `section.${id}`, title, group: "View", keys, when: some, run, ...more };
  };
  commands.add(
    command("fold", "Fold the section", ["ArrowLeft"], set(true)),
    command("unfold", "Show the folded section", ["ArrowRight"], set(false)),
    command("fold-all", "Fold all sections", ["Ctrl+Shift+ArrowLeft"], foldAll, { when: () => sections.headings.length > 0 }),
    command("unfold-all", "Show all folded sections", ["Ctrl+Shift+ArrowRight"], () => fold(sections.headings, false), { when: () => sections.headings.length > 0 }),
  );
}
