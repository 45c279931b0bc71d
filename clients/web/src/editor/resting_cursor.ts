// The cursor blinks while it rests. A blinking that every key begins anew has the browser draw two frames more for each.

import { type EditorView, ViewPlugin, type ViewUpdate } from "@codemirror/view";

const RESTS = 500; // milliseconds after the last key

/** Marks the editor's scrolling part as `rests` (editors.css) when the cursor has stood still for a moment. */
export const restingCursor = ViewPlugin.fromClass(
  class {
    readonly #mark: DOMTokenList;
    #timer: ReturnType<typeof setTimeout> | null = null;

    constructor(view: EditorView) {
      this.#mark = view.scrollDOM.classList;
    }

    update({ view, selectionSet, docChanged, focusChanged }: ViewUpdate): void {
      if (!selectionSet && !docChanged && !focusChanged) return;
      this.#mark.remove("rests");
      if (this.#timer !== null) clearTimeout(this.#timer);
      this.#timer = view.hasFocus ? setTimeout(() => this.#mark.add("rests"), RESTS) : null;
    }

    destroy(): void {
      if (this.#timer !== null) clearTimeout(this.#timer);
    }
  },
);
