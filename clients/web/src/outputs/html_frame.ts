// HTML outputs: a frame of an origin of its own, sandboxed twice (here and by the hub's answer), which can run the
// output's scripts and reach nothing. All that comes out of it is a number, its height.

import { h } from "../page/dom.ts";

const TALLEST = 4000; // pixels

const dark = matchMedia("(prefers-color-scheme: dark)");

export function htmlFrame(html: string): HTMLElement {
  const frame = h("iframe", { class: "html-output", sandbox: "allow-scripts", src: "/output-frame", title: "HTML output" });
  const show = (what: { html?: string }) => {
    const style = getComputedStyle(document.documentElement);
    const colours = Object.fromEntries(["--ink", "--line", "--stripe"].map((name) => [name, style.getPropertyValue(name)]));
    frame.contentWindow?.postMessage({ ...what, dark: dark.matches, colours }, "*");
  };
  const listen = ({ source, data }: MessageEvent) => {
    if (source === null || source !== frame.contentWindow) return;
    if (data?.quireReady === true) show({ html });
    const height = Number(data?.quireHeight);
    if (height >= 0) frame.style.height = `${Math.min(height, TALLEST)}px`;
  };
  const recolour = () => show({});
  addEventListener("message", listen);
  dark.addEventListener("change", recolour);
  frames.register(frame, () => {
    removeEventListener("message", listen);
    dark.removeEventListener("change", recolour);
  });
  return frame;
}

/** What is to be undone when a frame's element is gone. */
const frames = {
  undo: new WeakMap<Element, () => void>(),
  register(frame: Element, undo: () => void): void {
    this.undo.set(frame, undo);
  },
};

/** This element leaves the page for good, with all that is in it. */
export function dispose(element: Element): void {
  for (const part of [element, ...element.querySelectorAll("iframe, img")]) {
    frames.undo.get(part)?.();
    if (part instanceof HTMLImageElement && part.src.startsWith("blob:")) URL.revokeObjectURL(part.src);
  }
}
