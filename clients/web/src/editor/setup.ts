// What a cell's editor is made of: languages, keys, colours. It knows nothing of documents and peers.

import { closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { markdown } from "@codemirror/lang-markdown";
import { python } from "@codemirror/lang-python";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { highlightSelectionMatches } from "@codemirror/search";
import { Compartment, EditorState, type Extension, Prec } from "@codemirror/state";
import { drawSelection, dropCursor, EditorView, type KeyBinding, keymap, lineNumbers } from "@codemirror/view";
import { tags as t } from "@lezer/highlight";
import type { CellType } from "../core/schema.ts";
import { completeAtWord, completion, type Suggest } from "./completion.ts";
import { remoteCursors } from "./cursors.ts";
import { kernelTips, type TipSource } from "./kernel_tips.ts";
import { searchMatches } from "./matches.ts";
import { commentedPassages } from "./passages.ts";
import { restingCursor } from "./resting_cursor.ts";

const colours = HighlightStyle.define([
  { tag: [t.keyword, t.operatorKeyword, t.modifier], class: "tok-keyword" },
  { tag: [t.string, t.special(t.string), t.regexp], class: "tok-string" },
  { tag: [t.number, t.bool, t.null, t.atom], class: "tok-number" },
  { tag: [t.comment, t.lineComment], class: "tok-comment" },
  { tag: [t.function(t.variableName), t.function(t.definition(t.variableName))], class: "tok-function" },
  { tag: [t.className, t.typeName, t.definition(t.className)], class: "tok-class" },
  { tag: [t.self, t.meta], class: "tok-meta" },
  { tag: t.heading, class: "tok-heading" },
  { tag: t.emphasis, class: "tok-emphasis" },
  { tag: t.strong, class: "tok-strong" },
  { tag: [t.link, t.url], class: "tok-link" },
]);

export const language = new Compartment();

export function languageOf(type: CellType): Extension {
  if (type === "code") return python();
  if (type === "markdown") return [markdown(), EditorView.lineWrapping];
  return EditorView.lineWrapping;
}

export const numbers = new Compartment();
export const lineNumbering = (on: boolean): Extension => (on ? lineNumbers() : []);

/** The page's policy lets the editor's own style sheet in by a nonce. */
const nonce = document.querySelector<HTMLMetaElement>('meta[name="style-nonce"]')?.content ?? "";

/** What an editor asks the kernel; null where it has no answer. */
export interface KernelHelp extends TipSource {
  readonly suggest: Suggest;
  /** Why there was none, in words; empty where nobody was asked. */
  readonly silence: () => string;
}

export interface CellSetup {
  readonly type: CellType;
  readonly label: string;
  readonly keys: readonly KeyBinding[];
  /** A key was pressed: true if it was somebody else's. Asked before any key of the editor's own. */
  readonly pressed: (event: KeyboardEvent) => boolean;
  readonly kernel: KernelHelp;
}

export function cellExtensions({ type, label, keys, pressed, kernel }: CellSetup): Extension {
  return [
    EditorView.cspNonce.of(nonce),
    EditorState.lineSeparator.of("\n"), // a carriage return is a character like others: offsets stay the document's
    EditorView.clipboardInputFilter.of((text) => text.replaceAll(/\r\n?/g, "\n")), // but pasted lines end as ours do
    EditorState.tabSize.of(4),
    indentUnit.of("    "),
    EditorState.allowMultipleSelections.of(true),
    history(),
    drawSelection(),
    restingCursor,
    dropCursor(),
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    highlightSelectionMatches(),
    syntaxHighlighting(colours),
    remoteCursors,
    commentedPassages,
    searchMatches,
    language.of(languageOf(type)),
    numbers.of([]),
    EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0", autocapitalize: "off", spellcheck: "false" }),
    Prec.highest(EditorView.domEventHandlers({ keydown: (event) => !event.isComposing && pressed(event) })),
    kernelTips(kernel),
    completion(kernel.suggest, kernel.silence), // its keys go before ours: Enter and Escape are the list's while it is open
    Prec.highest(keymap.of([...keys])),
    keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, { key: "Tab", run: completeAtWord }, indentWithTab]),
  ];
}
