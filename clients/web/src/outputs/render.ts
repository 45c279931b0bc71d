// Outputs as elements. One OutputArea shows the outputs of a cell's latest execution and redraws only those that changed.

import type { Execution, Output } from "../core/schema.ts";
import { h } from "../page/dom.ts";
import { choose, type Surroundings } from "./mime.ts";
import { dispose } from "./sandbox.ts";
import { StreamView } from "./stream.ts";
import { terminal } from "./terminal.ts";

interface Shown {
  readonly key: string;
  readonly element: HTMLElement;
  readonly stream: StreamView | null;
}

export class OutputArea {
  readonly element = h("div", { class: "outputs", role: "region", "aria-label": "Output" });
  #shown: Shown[] = [];
  #execution: string | null = null;
  readonly #around: Surroundings;

  constructor(around: Surroundings) {
    this.#around = around;
  }

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
      const element = stream?.element ?? render(output, this.#around);
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

function render(output: Output, around: Surroundings): HTMLElement {
  if (output.output_type === "error") {
    const what = h("p", {}, h("strong", {}, output.ename ?? "Error"), output.evalue ? `: ${output.evalue}` : "");
    const lines = terminal((output.traceback ?? []).join("\n"));
    const traceback = h("pre", { tabindex: "0", "aria-label": "Traceback" }, lines);
    return h("div", { class: "error-output" }, what, ...(traceback.textContent === "" ? [] : [traceback]));
  }
  const data = output.data ?? {};
  const draw = choose(data, around);
  const place = h("div", { class: "rich" });
  if (draw === null) place.append(h("em", {}, `This page cannot show ${Object.keys(data).join(", ") || "this output"}.`));
  else {
    draw(place).catch((error: unknown) => {
      place.replaceChildren(h("em", {}, error instanceof Error ? error.message : `${error}`));
    });
  }
  return place;
}
