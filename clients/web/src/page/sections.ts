// Which cells are folded away under a heading, and which are seen.
//
// Folding is in the document, for everybody. Where this tab goes into a folded section, it sees that section until the
// fold is changed. Owns what was opened so, and what each heading said when it was last looked at.

import type { Notebook, NotebookEvent } from "../core/notebook.ts";
import { FOLDED_KEY, type Heading, headingOf, sectionsOf } from "../core/sections.ts";
import { Signal } from "../core/signal.ts";

export class Sections {
  /** Other cells are seen now. */
  readonly changed = new Signal();
  readonly #notebook: Notebook;
  readonly #opened = new Set<string>();
  readonly #headings = new Map<string, Heading>();
  #sections = new Map<string, string[]>();
  #hidden = new Map<string, string[]>(); // cell -> the folded headings that it is under
  #visible: readonly string[] = [];

  constructor(notebook: Notebook) {
    this.#notebook = notebook;
    this.#lookAgain(notebook.cellIds());
  }

  /** The cells that are seen, in order. */
  get visible(): readonly string[] {
    return this.#visible;
  }

  isHidden(cellId: string): boolean {
    return this.#hidden.has(cellId);
  }

  heading(cellId: string): Heading | null {
    const heading = this.#headings.get(cellId);
    return heading === undefined ? null : { ...heading, folded: this.#isFolded(cellId) };
  }

  /** All headings, in order. */
  get headings(): string[] {
    return [...this.#sections.keys()];
  }

  /** The heading before this one of its level or a higher one. */
  sectionBefore(cellId: string): string | undefined {
    const level = this.#headings.get(cellId)?.level ?? 0;
    const before = this.headings.slice(0, this.headings.indexOf(cellId));
    return before.findLast((id) => (this.#headings.get(id)?.level ?? 0) <= level);
  }

  /** The cells in a heading's section. */
  section(cellId: string): readonly string[] {
    return this.#sections.get(cellId) ?? [];
  }

  /** These cells, and those that are folded away under them, in order: what is done to a folded heading is done to all. */
  withFolded(cellIds: readonly string[]): string[] {
    const all = new Set(cellIds.flatMap((id) => [id, ...(this.#isFolded(id) ? this.section(id) : [])]));
    return all.size === cellIds.length ? [...cellIds] : this.#notebook.cellIds().filter((id) => all.has(id));
  }

  fold(cellIds: readonly string[], folded: boolean): void {
    const headings = cellIds.filter((id) => this.#headings.has(id));
    for (const id of headings) this.#opened.delete(id);
    const others = headings.filter((id) => this.#headings.get(id)?.folded !== folded);
    this.#notebook.setMetadata(others.map((cellId) => ({ cellId, path: [FOLDED_KEY], value: folded ? true : undefined })));
    this.#tell();
  }

  /** Show this cell here, whatever it is under. */
  reveal(cellId: string): void {
    const under = this.#hidden.get(cellId) ?? [];
    for (const id of under) this.#opened.add(id);
    if (under.length > 0) this.#tell();
  }

  /** The notebook changed. */
  take(events: readonly NotebookEvent[]): void {
    let isOther = false;
    const touched = new Set<string>();
    for (const event of events) {
      if (event.kind === "cells") isOther = true;
      else if ("cellId" in event) touched.add(event.cellId);
    }
    for (const id of touched) isOther = this.#look(id) || isOther;
    if (isOther) this.#tell();
  }

  #tell(): void {
    this.#lookAgain(this.#notebook.cellIds());
    this.changed.emit();
  }

  #lookAgain(ids: readonly string[]): void {
    const here = new Set(ids);
    for (const id of this.#headings.keys()) if (!here.has(id)) this.#headings.delete(id);
    for (const id of ids) if (!this.#headings.has(id)) this.#look(id);
    this.#sections = sectionsOf(ids.map((id) => ({ id, heading: this.#headings.get(id) ?? null })));
    this.#hidden = new Map();
    for (const [heading, section] of this.#sections) {
      if (!this.#isFolded(heading)) continue;
      for (const id of section) this.#hidden.set(id, [...(this.#hidden.get(id) ?? []), heading]);
    }
    this.#visible = ids.filter((id) => !this.#hidden.has(id));
  }

  /** Look at one cell; whether it is another heading than before. */
  #look(cellId: string): boolean {
    const before = this.#headings.get(cellId);
    const type = this.#notebook.has(cellId) ? this.#notebook.type(cellId) : "raw";
    const now = type === "markdown" ? headingOf(type, this.#notebook.source(cellId), this.#notebook.metadata(cellId)) : null;
    if (now === null) this.#headings.delete(cellId);
    else this.#headings.set(cellId, now);
    return before?.level !== now?.level || before?.folded !== now?.folded;
  }

  #isFolded(cellId: string): boolean {
    return this.#headings.get(cellId)?.folded === true && !this.#opened.has(cellId);
  }
}
