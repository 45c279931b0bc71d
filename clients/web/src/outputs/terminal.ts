// Terminal text as nodes: colours and weights as classes, everything else as text.

import { spans } from "../core/ansi.ts";
import { h } from "../page/dom.ts";

/** Terminal text as nodes. */
export function terminal(text: string): DocumentFragment {
  const fragment = new DocumentFragment();
  for (const { text: part, style } of spans(text)) {
    const names = Object.entries(style).filter(([, value]) => value === true);
    if (names.length === 0 && style.fg === undefined && style.bg === undefined) {
      fragment.append(part);
      continue;
    }
    const span = h("span", { class: names.map(([name]) => `ansi-${name}`).join(" ") }, part);
    for (const key of ["fg", "bg"] as const) {
      const colour = style[key];
      if (colour?.startsWith("#")) span.style.setProperty(key === "fg" ? "color" : "background-color", colour);
      else if (colour !== undefined) span.classList.add(`ansi-${key}-${colour}`);
    }
    fragment.append(span);
  }
  return fragment;
}
