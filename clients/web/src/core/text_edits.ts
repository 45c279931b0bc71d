// From one text to another by few edits, and such edits laid over a text that others have written in meanwhile. Pure.
//
// Words are compared, and lines where so many words differ that it is a text of its own, so that a cursor, a selection and
// what somebody types beside a change stay where they are. What was meant for an earlier text is carried over by the names of its
// characters: those that are to go and are still there go, what is new stands after what it stood after, and what others have
// written stays. That is what the document's own merge would make of it.

import { hunks } from "./history/lines.ts";
import type { TextEdit } from "./notebook.ts";

/** A text and, for each of its code units, the operation that put it there. */
export interface NamedText {
  readonly text: string;
  readonly elements: readonly string[];
}

const LINES = /(?<=\n)/;
const WORDS = /[0-9A-Za-z_\u00aa-\u1fff]+|[ \t]+|./gsu; // pairs of surrogates are one

/** What makes `now` of `old`: edits in order, all in terms of the old text. */
export function difference(old: string, now: string): TextEdit[] {
  if (old === now) return [];
  return pieces(old.match(WORDS) ?? [], now.match(WORDS) ?? [], 0).flatMap(({ from, before, after }) =>
    pieces(before.split(LINES), after.split(LINES), from).map(({ from, before, after }) => ({ from, to: from + before.length, insert: after })),
  );
}

function pieces(old: readonly string[], now: readonly string[], start: number): { from: number; before: string; after: string }[] {
  let [at, item] = [start, 0];
  const upTo = (index: number) => {
    for (; item < index; item++) at += (old[item] as string).length;
    return at;
  };
  return hunks(old, now).map(({ from, to, lines }) => ({ from: upTo(from), before: old.slice(from, to).join(""), after: lines.join("") }));
}

/** A name for each code unit: a pair of surrogates is one element of the document. */
const names = ({ elements }: NamedText) => elements.map((element, index) => (element === elements[index - 1] ? `${element} again` : element));

/** The same edits of the text as it is now; they are in order, and in terms of that. */
export function carriedOver(edits: readonly TextEdit[], then: NamedText, now: NamedText): TextEdit[] {
  const places = new Map(names(now).map((name, index) => [name, index]));
  const known = names(then);
  const placeOf = (index: number) => places.get(known[index] as string);
  const carried: TextEdit[] = [];
  const add = (edit: TextEdit) => {
    const last = carried.at(-1);
    if (last === undefined || last.to < edit.from || (last.to === edit.from && last.insert === "")) carried.push(edit);
    else carried[carried.length - 1] = { from: last.from, to: Math.max(last.to, edit.to), insert: last.insert + edit.insert };
  };
  for (const { from, to, insert } of edits) {
    const left: number[] = [];
    for (let index = from; index < to; index++) {
      const place = placeOf(index);
      if (place !== undefined) left.push(place);
    }
    let before = from - 1;
    while (before >= 0 && placeOf(before) === undefined) before--;
    const at = left[0] ?? (before < 0 ? 0 : (placeOf(before) as number) + 1);
    if (insert !== "") add({ from: at, to: at, insert });
    for (const place of left) {
      const last = carried.at(-1);
      if (last !== undefined && last.to === place) carried[carried.length - 1] = { ...last, to: place + 1 };
      else add({ from: place, to: place + 1, insert: "" });
    }
  }
  return carried;
}
