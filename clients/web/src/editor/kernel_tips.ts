// What the kernel knows of the code at hand: how a function is called, while its arguments are typed, and what a name is,
// under a resting pointer or for Shift-Tab.

import { indentLess } from "@codemirror/commands";
import { syntaxTree } from "@codemirror/language";
import { type Extension, Prec, StateEffect, StateField } from "@codemirror/state";
import { closeHoverTooltips, EditorView, hasHoverTooltips, hoverTooltip, keymap, showTooltip, type Tooltip, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import { toCodePoints } from "../core/offsets.ts";
import { callStart, parameterFor, parameters } from "./call_signature.ts";

export interface Signature {
  readonly found: boolean;
  readonly signature: string;
  readonly argument: number;
  readonly keyword: string | null;
  readonly documentation: string;
}

export interface Inspection {
  readonly found: boolean;
  readonly text: string;
}

/** The kernel's answers; cursors in code points. Null: it has none, or none soon. */
export interface TipSource {
  readonly signature: (code: string, cursor: number) => Promise<Signature | null>;
  readonly inspect: (code: string, cursor: number) => Promise<Inspection | null>;
}

const HOVER = 450; // milliseconds the pointer rests on a name
const SETTLE = 120; // milliseconds after a key before the kernel is asked again

/** What is shown by itself or for Shift-Tab. */
interface Tip extends Tooltip {
  readonly isSignature: boolean;
}

const setTip = StateEffect.define<Tip | null>();

const tip = StateField.define<Tip | null>({
  create: () => null,
  update(shown, { changes, effects }) {
    let next: Tip | null = shown === null ? null : { ...shown, pos: changes.mapPos(shown.pos) };
    for (const effect of effects) if (effect.is(setTip)) next = effect.value;
    return next;
  },
  provide: (field) => showTooltip.from(field),
});

export function kernelTips(source: TipSource): Extension {
  const plugin = ViewPlugin.define((view) => new SignatureWatch(view, source));
  const explain = (view: EditorView): boolean => {
    const { main } = view.state.selection;
    const line = view.state.doc.lineAt(main.head);
    if (!main.empty || line.text.slice(0, main.head - line.from).trim() === "") return indentLess(view);
    void view.plugin(plugin)?.explain();
    return true;
  };
  const close = (view: EditorView): boolean => {
    const isOpen = view.state.field(tip) !== null;
    if (isOpen || hasHoverTooltips(view.state)) view.dispatch({ effects: [setTip.of(null), closeHoverTooltips] });
    return isOpen; // what only the pointer opened takes no key
  };
  return [
    tip,
    plugin,
    hoverTooltip((view, pos) => hover(view, pos, source), { hoverTime: HOVER, hideOnChange: true }),
    EditorView.domEventHandlers({ blur: (_event, view) => void close(view) }),
    Prec.highest(keymap.of([{ key: "Shift-Tab", run: explain }, { key: "Escape", run: close }])), // ahead of the cell's
  ];
}

/** Asks for the signature when an argument list is opened, and again while the cursor is in it. */
class SignatureWatch {
  readonly #view: EditorView;
  readonly #source: TipSource;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asked = 0;

  constructor(view: EditorView, source: TipSource) {
    this.#view = view;
    this.#source = source;
  }

  update(update: ViewUpdate): void {
    if (!update.docChanged && !update.selectionSet) return;
    const isOpen = update.state.field(tip) !== null;
    const opens = update.transactions.some((one) => one.isUserEvent("input.type")) && this.#typed(update) === "(";
    if (!isOpen && !opens) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(), SETTLE);
  }

  destroy(): void {
    clearTimeout(this.#timer);
  }

  /** The signature of the call the cursor is in; all of what is called, if that is shown; or what stands at the cursor. */
  async explain(): Promise<void> {
    const shown = this.#view.state.field(tip);
    const call = shown?.isSignature === true ? shown.pos : null;
    if (call === null && (await this.#ask())) return;
    const { doc, selection } = this.#view.state;
    const code = doc.toString();
    const at = call ?? selection.main.head;
    const found = await this.#source.inspect(code, toCodePoints(code, at));
    if (found?.found !== true || this.#view.state.doc !== doc) return;
    this.#show({ pos: at, above: true, isSignature: false, create: () => ({ dom: inspectionDom(found.text) }) });
  }

  #typed({ changes }: ViewUpdate): string {
    let text = "";
    changes.iterChanges((_fromA, _toA, _fromB, _toB, inserted) => (text += inserted.toString()));
    return text[0] ?? ""; // the closing bracket may have come along
  }

  async #ask(): Promise<boolean> {
    const asked = ++this.#asked;
    const { doc, selection } = this.#view.state;
    const code = doc.toString();
    const { head, empty } = selection.main;
    const start = empty ? callStart(code, head) : null;
    const found = start === null ? null : await this.#source.signature(code, toCodePoints(code, head));
    if (asked !== this.#asked || this.#view.state.doc !== doc) return true; // a newer question is on its way
    if (start === null || found?.found !== true) this.#show(null);
    else this.#show({ pos: start, above: true, isSignature: true, create: () => signatureTip(found) });
    return start !== null && found?.found === true;
  }

  #show(next: Tip | null): void {
    if (next === null && this.#view.state.field(tip) === null) return;
    if (this.#view.hasFocus || next === null) this.#view.dispatch({ effects: setTip.of(next) });
  }
}

async function hover(view: EditorView, pos: number, source: TipSource): Promise<Tooltip | null> {
  const word = view.state.wordAt(pos);
  if (word === null || /String|Comment|Number/.test(syntaxTree(view.state).resolveInner(pos, 1).name)) return null;
  const code = view.state.doc.toString();
  const found = await source.inspect(code, toCodePoints(code, word.to));
  if (found?.found !== true) return null;
  return { pos: word.from, end: word.to, above: true, create: () => ({ dom: inspectionDom(found.text) }) };
}

function element(tag: string, look: string, ...children: (Node | string)[]): HTMLElement {
  const made = document.createElement(tag);
  made.className = look;
  made.append(...children);
  return made;
}

function signatureTip({ signature, argument, keyword, documentation }: Signature): { dom: HTMLElement; mount: () => void } {
  const now = parameterFor(parameters(signature), argument, keyword);
  const marked = element("b", "", now === null ? "" : signature.slice(now.from, now.to));
  const shown = now === null ? [signature] : [signature.slice(0, now.from), marked, signature.slice(now.to)];
  const first = documentation.trim().split(/\n\s*\n/, 1)[0] ?? "";
  const dom = element("div", "kernel-tip signature-tip", element("code", "", ...shown));
  if (first !== "") dom.append(element("p", "", first.replaceAll(/\s*\n\s*/g, " ")));
  dom.setAttribute("role", "status");
  const mount = () => (dom.scrollTop = Math.max(0, marked.offsetTop - dom.clientHeight / 2)); // a long one shows the argument at hand
  return { dom, mount };
}

function inspectionDom(text: string): HTMLElement {
  const dom = element("div", "kernel-tip", element("pre", "", text));
  dom.setAttribute("role", "status");
  return dom;
}
