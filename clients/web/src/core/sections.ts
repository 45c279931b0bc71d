// Sections: the cells under a heading, which fold away with it. Pure.
//
// A heading is a text cell that begins with one; its section goes on to the next heading of its level or a higher one.
// That it is folded is in the cell's metadata, under the key that JupyterLab uses.

import type { CellType } from "./schema.ts";

export const FOLDED_KEY = "jp-MarkdownHeadingCollapsed";

export interface Heading {
  /** 1 to 6. */
  readonly level: number;
  readonly folded: boolean;
}

/** The heading that a cell is; null if it is none. */
export function headingOf(type: CellType, source: string, metadata: Readonly<Record<string, unknown>>): Heading | null {
  const marks = type === "markdown" ? /^\s*(#{1,6})[ \t]+\S/.exec(source)?.[1] : undefined;
  return marks === undefined ? null : { level: marks.length, folded: metadata[FOLDED_KEY] === true };
}

/** The cells in each heading's section, itself not among them, by the heading's cell. Cells are given in order. */
export function sectionsOf(cells: readonly { readonly id: string; readonly heading: Heading | null }[]): Map<string, string[]> {
  const sections = new Map<string, string[]>();
  let open: { level: number; ids: string[] }[] = [];
  for (const { id, heading } of cells) {
    if (heading !== null) open = open.filter(({ level }) => level < heading.level);
    for (const { ids } of open) ids.push(id);
    if (heading === null) continue;
    const ids: string[] = [];
    sections.set(id, ids);
    open.push({ level: heading.level, ids });
  }
  return sections;
}
