// What a search found, marked in an editor. Marks follow the text until the search is made anew.

import { StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView } from "@codemirror/view";

export interface MarkedMatch {
  readonly from: number; // UTF-16 code units
  readonly to: number;
  readonly isCurrent: boolean;
}

export const setMatches = StateEffect.define<readonly MarkedMatch[]>();

const found = Decoration.mark({ class: "found" });
const current = Decoration.mark({ class: "found current" });

export const searchMatches = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(shown, transaction) {
    let next = shown.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(setMatches)) continue;
      const here = effect.value.filter(({ to }) => to <= transaction.newDoc.length);
      next = Decoration.set(here.map(({ from, to, isCurrent }) => (isCurrent ? current : found).range(from, to)));
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});
