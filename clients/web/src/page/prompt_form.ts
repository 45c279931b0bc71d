// What running code asks for, with a field for the answer. The first answer, whoever gives it, counts.

import type { Prompt } from "../core/schema.ts";
import { h } from "./dom.ts";

export class PromptForm {
  readonly element = h("div", { class: "prompt" });
  #shown: string | null = null;

  /** Show this prompt, or none; says whether it is a new one. `answer` is called with what was entered, null for the end
   *  of the input (Ctrl-D). */
  update(prompt: Prompt | null, answer: (value: string | null) => void): boolean {
    if (this.#shown === (prompt?.id ?? null)) return false;
    this.#shown = prompt?.id ?? null;
    this.element.replaceChildren();
    if (prompt === null) return false;
    const label = prompt.text.trim() || "The cell asks for input";
    const field = h("input", {
      type: prompt.password ? "password" : "text",
      "aria-label": label,
      autocomplete: "off",
      spellcheck: "false",
      keydown: (event: KeyboardEvent) => {
        if (event.key === "Escape") return; // leads back to the cell, as from its editor
        event.stopPropagation();
        if (event.key === "Enter") answer(field.value);
        else if (event.key === "d" && event.ctrlKey) answer(null);
        else return;
        event.preventDefault();
        field.disabled = true;
      },
    });
    this.element.append(h("label", {}, h("span", {}, prompt.text || "Input:"), field));
    return true;
  }

  focus(): void {
    this.element.querySelector("input")?.focus();
  }
}
