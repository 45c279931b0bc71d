// Outputs that bring code: a frame of an origin of its own, sandboxed twice (here and by the hub's answer), which can run
// the output's scripts and reach nothing. It is handed HTML, or one of the page's frame programs (src/frames) as a Blob:
// the frame has no network to fetch it with. What comes out of it is a height, whether the pointer is in it, that it gives
// the focus back, and messages that are nobody's word: who takes them (`hear`) checks them.

import { h } from "../page/dom.ts";
import { isDark, themeChanged } from "../page/theme.ts";

const TALLEST = 4000; // pixels
const PATIENCE = 4000; // milliseconds until what has not been drawn counts as drawn
/** An event of a frame: the pointer came into it, or left it (`detail`). The page sees nothing of a pointer in a frame. */
export const POINTED = "quire-pointed";
/** An event of a frame that has the focus: the reader has done with it what takes keys. */
export const LET_GO = "quire-lets-go";
const COLOURS = ["--ink", "--quiet", "--line", "--stripe", "--paper", "--raised", "--accent", "--bad", "--good", "--warn"];

export type Shown = { readonly html: string } | { readonly code: Blob; readonly input: unknown };

export interface Sandbox {
  readonly element: HTMLIFrameElement;
  /** What it shows has been drawn, or has had the time to. */
  readonly drawn: Promise<void>;
  /** Tell the program in it something. Bytes are copied. */
  tell(message: unknown): void;
}

/** A frame that shows this. `hear` gets what its program says; `gone` is called when the frame is disposed of. */
export function sandbox(title: string, shown: Shown, hear?: (message: unknown) => void, gone?: () => void): Sandbox {
  const element = h("iframe", { class: "html-output", sandbox: "allow-scripts", src: "/output-frame", title });
  const post = (message: object) => element.contentWindow?.postMessage(message, "*");
  const drawn = Promise.withResolvers<void>();
  const recolour = () => post(colours());
  const listen = ({ source, data }: MessageEvent) => {
    if (source === null || source !== element.contentWindow || data === null || typeof data !== "object") return;
    if (data.quireReady === true) {
      post({ ...colours(), ...shown });
      setTimeout(drawn.resolve, PATIENCE);
    }
    if (data.quireDrawn === true) drawn.resolve();
    const height = Number(data.quireHeight);
    if (height >= 0) element.style.height = `${Math.min(height, TALLEST)}px`;
    if (data.quirePointed !== undefined) element.dispatchEvent(new CustomEvent(POINTED, { bubbles: true, detail: data.quirePointed === true }));
    if (data.quireLetsGo === true && document.activeElement === element) element.dispatchEvent(new CustomEvent(LET_GO, { bubbles: true }));
    if (data.quireSays !== undefined) hear?.(data.quireSays);
  };
  addEventListener("message", listen);
  const stop = themeChanged.add(recolour);
  onDispose(element, () => {
    removeEventListener("message", listen);
    stop();
    drawn.resolve();
    gone?.();
  });
  return { element, drawn: drawn.promise, tell: (message) => post({ message }) };
}

function colours(): object {
  const style = getComputedStyle(document.documentElement);
  const named = COLOURS.map((name) => [name, resolved(style.getPropertyValue(name))]);
  return { dark: isDark(), colours: Object.fromEntries(named) };
}

/** A colour as the frame can use it whatever it thinks of light and dark. */
function resolved(colour: string): string {
  const parts = /^light-dark\((.*),(.*)\)$/.exec(colour.trim());
  return (parts === null ? colour : ((isDark() ? parts[2] : parts[1]) as string)).trim();
}

const undoing = new WeakMap<Element, () => void>();

/** Call this when the element is disposed of. */
export function onDispose(element: Element, undo: () => void): void {
  const before = undoing.get(element);
  undoing.set(element, () => {
    before?.();
    undo();
  });
}

/** This element leaves the page for good, with all that is in it. */
export function dispose(element: Element): void {
  for (const part of [element, ...element.querySelectorAll("*")]) {
    undoing.get(part)?.();
    if ((part instanceof HTMLImageElement || part instanceof HTMLMediaElement) && part.src.startsWith("blob:")) URL.revokeObjectURL(part.src);
  }
}
