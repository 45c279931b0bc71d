// Other people's cursors and selections in a cell's editor. They follow the text until their owner says where they are.

import { type Range, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, WidgetType } from "@codemirror/view";

export interface RemoteCursor {
  readonly name: string;
  readonly colour: string; // a class, see page/colours.ts
  readonly anchor: number; // UTF-16 code units
  readonly head: number;
}

export const setCursors = StateEffect.define<readonly RemoteCursor[]>();

class Caret extends WidgetType {
  readonly name: string;
  readonly colour: string;

  constructor(name: string, colour: string) {
    super();
    this.name = name;
    this.colour = colour;
  }

  override eq(other: Caret): boolean {
    return other.name === this.name && other.colour === this.colour;
  }

  override toDOM(): HTMLElement {
    const caret = document.createElement("span");
    caret.className = `remote-caret ${this.colour}`;
    caret.setAttribute("aria-hidden", "true");
    const label = document.createElement("span");
    label.className = "remote-name";
    label.textContent = this.name;
    caret.append(label);
    return caret;
  }

  override get lineBreaks(): number {
    return 0;
  }
}

export const remoteCursors = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(shown, transaction) {
    let next = shown.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (effect.is(setCursors)) next = decorations(effect.value, transaction.newDoc.length);
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

function decorations(cursors: readonly RemoteCursor[], length: number): DecorationSet {
  const ranges: Range<Decoration>[] = [];
  for (const { name, colour, anchor, head } of cursors) {
    const at = Math.min(head, length);
    const from = Math.min(anchor, head, length);
    const to = Math.min(Math.max(anchor, head), length);
    if (to > from) {
      ranges.push(Decoration.mark({ class: `remote-selection ${colour}` }).range(from, to));
    }
    ranges.push(Decoration.widget({ widget: new Caret(name, colour), side: 1 }).range(at));
  }
  return Decoration.set(ranges, true);
}
