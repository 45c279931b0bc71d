// The passages of a cell that comments are about, marked in its editor. Marks follow the text until they are set anew.

import { StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView } from "@codemirror/view";

/** A passage, in UTF-16 code units. */
export interface Passage {
  readonly from: number;
  readonly to: number;
}

export const setPassages = StateEffect.define<readonly Passage[]>();

const commented = Decoration.mark({ class: "commented" });

export const commentedPassages = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(shown, transaction) {
    let next = shown.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(setPassages)) continue;
      const here = effect.value.filter(({ from, to }) => from < to && to <= transaction.newDoc.length);
      next = Decoration.set(here.map(({ from, to }) => commented.range(from, to)), true);
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});
