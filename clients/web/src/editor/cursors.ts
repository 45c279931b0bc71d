// Other people's cursors and selections in a cell's editor. They follow the text until their owner says anew where they are.

import { type Range, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, WidgetType } from "@codemirror/view";

export interface RemoteCursor {
  readonly peerId: string;
  readonly name: string;
  readonly colour: string; // a class, see page/colours.ts
  readonly anchor: number; // UTF-16 code units
  readonly head: number;
  /** What its owner said: while it is the same, the cursor stays where the text has carried it. */
  readonly said: object;
}

export const setCursors = StateEffect.define<readonly RemoteCursor[]>();

class Caret extends WidgetType {
  readonly cursor: RemoteCursor;

  constructor(cursor: RemoteCursor) {
    super();
    this.cursor = cursor;
  }

  /** Made anew when its owner moved it: then its name is shown for a moment. */
  override eq(other: Caret): boolean {
    return other.cursor.said === this.cursor.said;
  }

  override toDOM(): HTMLElement {
    const caret = document.createElement("span");
    caret.className = `remote-caret ${this.cursor.colour}`;
    caret.setAttribute("aria-hidden", "true");
    const label = document.createElement("span");
    label.className = "remote-name";
    label.textContent = this.cursor.name;
    caret.append(label);
    return caret;
  }

  override get lineBreaks(): number {
    return 0;
  }
}

export const remoteCursors = StateField.define<readonly RemoteCursor[]>({
  create: () => [],
  update(shown, { changes, docChanged, effects, newDoc }) {
    let next = shown;
    if (docChanged) next = next.map((cursor) => ({ ...cursor, anchor: changes.mapPos(cursor.anchor, 1), head: changes.mapPos(cursor.head, 1) }));
    for (const effect of effects) {
      if (!effect.is(setCursors)) continue;
      const carried = new Map(next.map((cursor) => [cursor.said, cursor]));
      next = effect.value.map((cursor) => carried.get(cursor.said) ?? within(cursor, newDoc.length));
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field, decorations),
});

const within = (cursor: RemoteCursor, length: number): RemoteCursor => {
  return { ...cursor, anchor: Math.min(cursor.anchor, length), head: Math.min(cursor.head, length) };
};

function decorations(cursors: readonly RemoteCursor[]): DecorationSet {
  const ranges: Range<Decoration>[] = [];
  for (const cursor of cursors) {
    const from = Math.min(cursor.anchor, cursor.head);
    const to = Math.max(cursor.anchor, cursor.head);
    if (to > from) ranges.push(Decoration.mark({ class: `remote-selection ${cursor.colour}` }).range(from, to));
    ranges.push(Decoration.widget({ widget: new Caret(cursor), side: 1 }).range(cursor.head));
  }
  return Decoration.set(ranges, true);
}
