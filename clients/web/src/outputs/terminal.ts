// Terminal text as nodes: colours and weights as classes, web addresses as links, everything else as text.

import { spans, type Style } from "../core/ansi.ts";
import { h } from "../page/dom.ts";

/** Terminal text as nodes; it begins in this style. */
export function terminal(text: string, begin: Style = {}): DocumentFragment {
  const fragment = new DocumentFragment();
  for (const { text: part, style } of spans(text, begin)) {
    const names = Object.entries(style).filter(([, value]) => value === true);
    if (names.length === 0 && style.fg === undefined && style.bg === undefined && style.link === undefined) {
      fragment.append(part);
      continue;
    }
    const look = { class: names.map(([name]) => `ansi-${name}`).join(" ") };
    const { link } = style;
    const span = link === undefined ? h("span", look, part) : h("a", { ...look, href: link, title: link, target: "_blank", rel: "noopener noreferrer" }, part);
    for (const key of ["fg", "bg"] as const) {
      const colour = style[key];
      if (colour?.startsWith("#")) {
        span.style.setProperty(`--${key}`, colour);
        span.classList.add(`ansi-${key}`);
      }
      else if (colour !== undefined) span.classList.add(`ansi-${key}-${colour}`);
    }
    fragment.append(span);
  }
  return fragment;
}
