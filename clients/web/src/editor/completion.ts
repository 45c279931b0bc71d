// What the kernel suggests at the cursor: after a dot by itself, elsewhere when asked for with Tab or Ctrl-Space. The only
// suggestion to what was asked for is taken at once; Tab and Enter take one of a list. Whoever asked is told at the cursor
// when the answer takes long, or that there is none, and why.

import {
  acceptCompletion,
  autocompletion,
  closeCompletion,
  type Completion,
  type CompletionContext,
  completionKeymap,
  type CompletionResult,
  currentCompletions,
  insertCompletionText,
  startCompletion,
} from "@codemirror/autocomplete";
import { type Extension, Prec, StateEffect, StateField } from "@codemirror/state";
import { EditorView, keymap, showTooltip, type Tooltip } from "@codemirror/view";
import { toCodePoints, toCodeUnits } from "../core/offsets.ts";

/** The kernel's answer; cursors and offsets are in code points. Null: it has none. */
export type Suggest = (code: string, cursor: number) => Promise<Suggestions | null>;

export interface Suggestions {
  readonly start: number;
  readonly end: number;
  readonly matches: readonly { text: string; type: string; signature: string }[];
}

const LONG = 700; // milliseconds until somebody who asked is told that the kernel is being asked

const setNote = StateEffect.define<Tooltip | null>();

const note = StateField.define<Tooltip | null>({
  create: () => null,
  update(shown, { docChanged, selection, effects }) {
    let next = docChanged || selection !== undefined ? null : shown;
    for (const effect of effects) if (effect.is(setNote)) next = effect.value;
    return next;
  },
  provide: (field) => showTooltip.from(field),
});

const TYPES: Record<string, string> = { function: "function", class: "class", module: "namespace", instance: "variable", keyword: "keyword" };

/** Escape closes a list that is seen. CodeMirror's own keymap lets it also end a mere question after each word typed, and
 * then whoever types and leaves the cell at once stays in it. */
const KEYS = [...completionKeymap.map((binding) => (binding.key === "Escape" ? { key: "Escape", run: closeList } : binding)), { key: "Tab", run: acceptCompletion }];
const AFTER_DOT = /[\p{L}\p{N}_)\]"']\.[\p{L}\p{N}_]*$/u;

/** `silence` says why there was no answer. */
export function completion(suggest: Suggest, silence: () => string): Extension {
  return [
    note,
    EditorView.domEventHandlers({ blur: (_event, view) => hush(view) }),
    autocompletion({ override: [(context) => ask(context, suggest, silence)], icons: false, maxRenderedOptions: 200, defaultKeymap: false }),
    Prec.highest(keymap.of(KEYS)),
  ];
}

/** Close what is asked or shown; true if a list was there to be closed. */
function closeList(view: EditorView): boolean {
  const isSeen = currentCompletions(view.state).length > 0;
  closeCompletion(view);
  hush(view);
  return isSeen;
}

/** Tab completes after a word or a dot; elsewhere it is for others. */
export function completeAtWord(view: EditorView): boolean {
  const { main } = view.state.selection;
  const before = view.state.sliceDoc(Math.max(0, main.head - 1), main.head);
  return main.empty && /[\p{L}\p{N}_.]/u.test(before) && startCompletion(view);
}

async function ask(context: CompletionContext, suggest: Suggest, silence: () => string): Promise<CompletionResult | null> {
  if (!context.explicit && context.matchBefore(AFTER_DOT) === null) return null;
  const code = context.state.doc.toString();
  const timer = setTimeout(() => tell(context, "Asking the kernel…"), LONG);
  const found = await suggest(code, toCodePoints(code, context.pos));
  clearTimeout(timer);
  if (context.aborted) return null;
  if (found === null || found.matches.length === 0) {
    tell(context, found === null ? silence() : "Nothing to suggest.");
    return null;
  }
  if (context.view !== undefined) hush(context.view);
  const [from, to] = [toCodeUnits(code, found.start), toCodeUnits(code, found.end)];
  const [only, ...others] = found.matches;
  if (context.explicit && only !== undefined && others.length === 0) {
    const { view } = context;
    if (only.text !== code.slice(from, to)) view?.dispatch(insertCompletionText(view.state, only.text, from, to));
    return null;
  }
  const options: Completion[] = found.matches.map(({ text, type, signature }) => ({
    label: text,
    ...(TYPES[type] === undefined ? {} : { type: TYPES[type] }),
    detail: signature || (type === "<unknown>" ? "" : type),
    boost: /^_*/.exec(text.slice(text.lastIndexOf(".") + 1))![0].length * -16, // names that are nobody's come last
  }));
  return { from, to, options, validFor: /^[\p{L}\p{N}_]*$/u };
}

/** Say it at the cursor to whoever asked, until the text or the cursor is another. */
function tell({ explicit, aborted, pos, view }: CompletionContext, text: string): void {
  if (!explicit || aborted || text === "" || view?.hasFocus !== true) return;
  const dom = document.createElement("div");
  dom.className = "kernel-tip kernel-note";
  dom.setAttribute("role", "status");
  dom.textContent = text;
  view.dispatch({ effects: setNote.of({ pos, above: false, create: () => ({ dom }) }) });
}

function hush(view: EditorView): void {
  if (view.state.field(note) !== null) view.dispatch({ effects: setNote.of(null) });
}
