// Outputs as elements. One OutputArea shows the outputs of a cell's latest execution and redraws only those that changed.

import type { Content, Execution, Output } from "../core/schema.ts";
import { h } from "../page/dom.ts";
import { renderMarkdown, typeset } from "../page/markdown.ts";
import { imageAddress, textOf } from "./contents.ts";
import { dispose, htmlFrame } from "./html_frame.ts";
import { jsonTree } from "./json_tree.ts";
import { StreamView, terminal } from "./stream.ts";

// Of what an output offers, the first of these is shown.
const PREFERRED = [
  "text/html",
  "text/markdown",
  "image/svg+xml",
  "image/png",
  "image/jpeg",
  "image/gif",
  "image/webp",
  "text/latex",
  "application/json",
  "text/plain",
] as const;

interface Shown {
  readonly key: string;
  readonly element: HTMLElement;
  readonly stream: StreamView | null;
}

export class OutputArea {
  readonly element = h("div", { class: "outputs", role: "region", "aria-label": "Output" });
  #shown: Shown[] = [];
  #execution: string | null = null;

  update(execution: Execution | null): void {
    const outputs = execution?.outputs ?? [];
    if (this.#execution !== (execution?.id ?? null)) {
      this.#execution = execution?.id ?? null;
      this.#cut(0);
    }
    this.#cut(outputs.length);
    for (const [index, output] of outputs.entries()) {
      const isStream = output.output_type === "stream";
      const key = isStream ? `stream ${output.name}` : JSON.stringify(output);
      const before = this.#shown[index];
      if (before?.key === key) {
        before.stream?.update(output.text ?? []);
        continue;
      }
      const stream = isStream ? new StreamView(`${output.name ?? "stdout"}`) : null;
      stream?.update(output.text ?? []);
      const element = stream?.element ?? render(output);
      if (before === undefined) this.element.append(element);
      else {
        dispose(before.element);
        before.element.replaceWith(element);
      }
      this.#shown[index] = { key, element, stream };
    }
    this.element.hidden = outputs.length === 0;
  }

  #cut(length: number): void {
    for (const { element } of this.#shown.splice(length)) {
      dispose(element);
      element.remove();
    }
  }
}

function render(output: Output): HTMLElement {
  if (output.output_type === "error") {
    const what = h("p", {}, h("strong", {}, output.ename ?? "Error"), output.evalue ? `: ${output.evalue}` : "");
    const lines = terminal((output.traceback ?? []).join("\n"));
    const traceback = h("pre", { tabindex: "0", "aria-label": "Traceback" }, lines);
    return h("div", { class: "error-output" }, what, ...(traceback.textContent === "" ? [] : [traceback]));
  }
  const data = output.data ?? {};
  const type = PREFERRED.find((candidate) => data[candidate] !== undefined);
  const place = h("div", { class: "rich" });
  if (type === undefined) place.append(h("em", {}, `This page cannot show ${Object.keys(data).join(", ") || "this output"}.`));
  else {
    fill(place, type, data[type] as Content, data["text/plain"]).catch((error: unknown) => {
      place.replaceChildren(h("em", {}, error instanceof Error ? error.message : `${error}`));
    });
  }
  return place;
}

async function fill(place: HTMLElement, type: (typeof PREFERRED)[number], content: Content, plain?: Content): Promise<void> {
  switch (type) {
    case "text/html":
      place.append(htmlFrame(await textOf(content)));
      break;
    case "text/markdown":
      place.classList.add("prose");
      place.append(renderMarkdown(await textOf(content)));
      break;
    case "text/latex": {
      const source = (await textOf(content)).trim();
      const formula = source.replace(/^\$\$?|\$\$?$/g, "").replace(/^\\displaystyle\s*/, "");
      place.append(source);
      await typeset(place, formula, true);
      break;
    }
    case "application/json":
      place.append(jsonTree(JSON.parse(await textOf(content))));
      break;
    case "text/plain":
      place.append(h("pre", { class: "plain", tabindex: "0", "aria-label": "Result" }, terminal(await textOf(content))));
      break;
    default: {
      const alt = plain?.inline ?? "Image output";
      place.append(h("img", { src: await imageAddress(type, content), alt }));
    }
  }
}
