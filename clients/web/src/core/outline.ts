// The headings in the text of a cell, as Markdown has them. Pure.

export interface Entry {
  /** 1 to 6. */
  readonly level: number;
  /** As it reads, without the marks of Markdown. */
  readonly text: string;
}

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const HEADING = /^ {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$/;
const UNDERLINE = /^ {0,3}(=+|-{2,})[ \t]*$/;
const PARAGRAPH = /^ {0,3}(?![#>*+-]|\d+[.)])\S/; // what an underline can make a heading of

/** In order. Those in fenced code are none. */
export function headingsIn(source: string): Entry[] {
  const found: Entry[] = [];
  let fence = ""; // the one that is open
  let before = "";
  for (const line of source.split("\n")) {
    const [, marks = ""] = FENCE.exec(line) ?? [];
    if (fence === "" && marks !== "") fence = marks;
    else if (fence !== "") {
      if (marks.startsWith(fence) && line.trim() === marks) fence = "";
    } else {
      const [, level, text = ""] = HEADING.exec(line) ?? [];
      const [, under] = UNDERLINE.exec(line) ?? [];
      if (level !== undefined && text !== "") found.push({ level: level.length, text: asRead(text) });
      else if (under !== undefined && PARAGRAPH.test(before)) found.push({ level: under.startsWith("=") ? 1 : 2, text: asRead(before) });
    }
    before = fence === "" ? line : "";
  }
  return found;
}

function asRead(text: string): string {
  return text
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll(/(\*\*|__|~~|`+)(.+?)\1/g, "$2")
    .replaceAll(/(?<![\p{L}\p{N}])([*_])(.+?)\1(?![\p{L}\p{N}])/gu, "$2")
    .replaceAll(/<[^>]+>/g, "")
    .replaceAll(/\\([\\`*_{}[\]()#+.!-])/g, "$1")
    .trim();
}
