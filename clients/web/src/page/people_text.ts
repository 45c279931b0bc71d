// How authors and times are written. Pure but for the clock.

import type { Author } from "../core/history/authors.ts";
import { colours } from "./colours.ts";
import { h } from "./dom.ts";

const KIND_WORDS: Partial<Record<Author["kind"], string>> = { agent: "agent", program: "program", daemon: "daemon" };

/** A name in its colour; who is no person says so. */
export function authorChip(author: Author): HTMLElement {
  const kind = KIND_WORDS[author.kind];
  return h("span", { class: `author ${author.kind} ${colours.of(author)}` }, author.name, kind === undefined ? null : h("small", {}, kind));
}

/** A time as a person says it: "14:03", "yesterday 14:03", "31 Jan 14:03". */
export function said(time: number | null, now = new Date()): string {
  if (time === null) return "just now";
  const at = new Date(time * 1000);
  const hour = clockOf(time);
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (at.toDateString() === now.toDateString()) return hour;
  if (at.toDateString() === yesterday.toDateString()) return `yesterday ${hour}`;
  const day: Intl.DateTimeFormatOptions = { day: "numeric", month: "short", ...(at.getFullYear() === now.getFullYear() ? {} : { year: "numeric" }) };
  return `${at.toLocaleDateString([], day)} ${hour}`;
}

const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" }); // made once: that costs a millisecond

/** The time of day alone. */
export const clockOf = (time: number): string => clock.format(time * 1000);

/** The day that a time is on, as a heading. */
export function dayOf(time: number | null, now = new Date()): string {
  if (time === null) return "Today";
  const at = new Date(time * 1000);
  if (at.toDateString() === now.toDateString()) return "Today";
  if (at.toDateString() === new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1).toDateString()) return "Yesterday";
  return at.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long", year: "numeric" });
}
