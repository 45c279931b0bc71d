// JSON as a tree that opens. What is deep or long is made when it is opened.

import { h } from "../page/dom.ts";

const AT_ONCE = 200;

export function jsonTree(value: unknown, label = "", open = true): HTMLElement {
  const key = label === "" ? null : h("span", { class: "json-key" }, `${label}: `);
  if (value === null || typeof value !== "object") {
    return h("div", { class: "json-leaf" }, key, h("span", { class: `json-${typeof value}` }, JSON.stringify(value)));
  }
  const entries = Object.entries(value);
  const kind = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
  const details = h("details", { class: "json" }, h("summary", {}, key, h("span", { class: "json-kind" }, kind)));
  let shown = 0;
  const more = () => {
    details.querySelector(":scope > .more")?.remove();
    for (const [name, item] of entries.slice(shown, shown + AT_ONCE)) details.append(jsonTree(item, name, false));
    shown += AT_ONCE;
    if (shown < entries.length) {
      details.append(h("button", { type: "button", class: "more", click: more }, `${entries.length - shown} more`));
    }
  };
  details.addEventListener("toggle", () => {
    if (details.open && shown === 0) more();
  });
  details.open = open;
  return details;
}
