// An error: what it says at once, and where it happened. Of a long traceback the beginning and the end show; the rest opens.

import type { Output } from "../core/schema.ts";
import { h } from "../page/dom.ts";
import { offerTools } from "./output_tools.ts";
import type { Shown } from "./render.ts";
import { terminal } from "./terminal.ts";

const WHOLE = 40; // lines
const FIRST = 8;
const LAST = 20;

export function traceback(output: Output): Shown {
  const what = h("p", {}, h("strong", {}, output.ename ?? "Error"), output.evalue ? `: ${output.evalue}` : "");
  const text = (output.traceback ?? []).join("\n");
  const element = h("div", { class: "error-output" }, what, ...(text === "" ? [] : [where(text)]));
  const copied = text.replaceAll(/\x1b\[[0-9;]*m/g, "") || (what.textContent ?? "");
  offerTools(element, [{ label: "Copy traceback", picture: "copy", act: () => navigator.clipboard.writeText(copied) }]);
  const key = JSON.stringify(output);
  return { element, update: (other) => JSON.stringify(other) === key, destroy: () => {} };
}

function where(text: string): HTMLElement {
  const lines = text.split("\n");
  const pre = h("pre", { tabindex: "0", "aria-label": "Traceback" });
  if (lines.length <= WHOLE) {
    pre.append(terminal(text));
    return pre;
  }
  const unfold = () => {
    pre.replaceChildren(terminal(text));
    pre.focus();
  };
  const hidden = lines.length - FIRST - LAST;
  const more = h("button", { type: "button", class: "more", click: unfold }, `${hidden} lines in between · show`);
  pre.append(terminal(lines.slice(0, FIRST).join("\n")), more, terminal(lines.slice(-LAST).join("\n")));
  return pre;
}
