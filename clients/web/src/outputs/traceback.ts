// An error: what it says at once, and where it happened; a cell that it names leads to the line there. Of a long traceback the
// beginning and the end show; the rest opens.

import type { Output } from "../core/schema.ts";
import { h } from "../page/dom.ts";
import { offerTools } from "./output_tools.ts";
import type { Surroundings } from "./mime.ts";
import type { Shown } from "./render.ts";
import { terminal } from "./terminal.ts";

const WHOLE = 40; // lines
const FIRST = 8;
const LAST = 20;
const CELL = /In ?\[(\d+)\]/; // as IPython names a cell

export function traceback(output: Output, around: Surroundings): Shown {
  const what = h("p", {}, h("strong", {}, output.ename ?? "Error"), output.evalue ? `: ${output.evalue}` : "");
  const text = (output.traceback ?? []).join("\n");
  const element = h("div", { class: "error-output" }, what, ...(text === "" ? [] : [where(text, around)]));
  const copied = text.replaceAll(/\x1b\[[0-9;]*m/g, "") || (what.textContent ?? "");
  offerTools(element, [{ label: "Copy traceback", picture: "copy", act: () => navigator.clipboard.writeText(copied) }]);
  const key = JSON.stringify(output);
  return { element, update: (other) => JSON.stringify(other) === key, destroy: () => {} };
}

function where(text: string, around: Surroundings): HTMLElement {
  const lines = text.split("\n");
  const pre = h("pre", { tabindex: "0", "aria-label": "Traceback" });
  const part = (some: readonly string[]) => linked(terminal(some.join("\n")), around);
  if (lines.length <= WHOLE) {
    pre.append(part(lines));
    return pre;
  }
  const unfold = () => {
    pre.replaceChildren(part(lines));
    pre.focus();
  };
  const hidden = lines.length - FIRST - LAST;
  const more = h("button", { type: "button", class: "more", click: unfold }, `${hidden} lines in between · show`);
  pre.append(part(lines.slice(0, FIRST)), more, part(lines.slice(-LAST)));
  return pre;
}

/** What names a cell by the number of its run leads to the line that stands after it. */
function linked(nodes: DocumentFragment, around: Surroundings): DocumentFragment {
  const walker = document.createTreeWalker(nodes, NodeFilter.SHOW_TEXT);
  const texts: Text[] = [];
  while (walker.nextNode() !== null) texts.push(walker.currentNode as Text);
  const whole = texts.map(({ data }) => data).join("");
  let start = 0;
  for (const node of texts) {
    const { length } = node;
    const name = CELL.exec(node.data);
    if (name !== null) {
      const line = /^, line (\d+)/.exec(whole.slice(start + name.index + name[0].length))?.[1] ?? "1";
      const named = node.splitText(name.index);
      named.splitText(name[0].length);
      const show = (event: Event) => {
        event.stopPropagation();
        const button = event.currentTarget as HTMLButtonElement;
        if (!around.showRun(Number(name[1]), Number(line))) Object.assign(button, { disabled: true, title: "That cell was run again since, or is gone." });
      };
      const title = `Go to line ${line} of this cell`;
      const button = h("button", { type: "button", class: "line-link", title, click: show });
      named.replaceWith(button);
      button.append(named);
    }
    start += length;
  }
  return nodes;
}
