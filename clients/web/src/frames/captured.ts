// One captured output as an element, inside a frame that is sandboxed already: HTML is put in as it is.

import type { DOMWidgetView } from "@jupyter-widgets/base";
import { MessageLoop } from "@lumino/messaging";
import { Widget } from "@lumino/widgets";
import MarkdownIt from "markdown-it";
import { jsonTree } from "../outputs/json_tree.ts";
import type { ResolvedOutput } from "../outputs/resolved.ts";
import { terminal } from "../outputs/terminal.ts";
import { h } from "../page/dom.ts";
import { type Draw, failed, host } from "./host.ts";

export interface Drawn {
  readonly element: HTMLElement;
  /** Show this instead; false if it is something else and has to be drawn anew. */
  update(output: ResolvedOutput): boolean;
  remove(): void;
}

/** Makes the view of a widget that an output displays. */
export type View = (modelId: string) => Promise<DOMWidgetView>;

type Render = (place: HTMLElement, value: any, type: string, view: View) => void | Promise<() => void>;

const RENDERERS: readonly (readonly [RegExp, Render])[] = [
  [/^application\/vnd\.jupyter\.widget-view\+json$/, widget],
  [/^application\/vnd\.plotly\.v1\+json$/, (place, figure) => chart(place, "plotly", figure)],
  [
    /^application\/vnd\.vega(lite)?\.v\d+(\.\d+)*\+json$/,
    (place, spec, type) => chart(place, "vega", { spec, mode: type.includes("vegalite") ? "vega-lite" : "vega" }),
  ],
  [/^text\/html$/, (place, html) => place.append(document.createRange().createContextualFragment(html))],
  [/^text\/markdown$/, (place, text) => place.append(document.createRange().createContextualFragment(markdown.render(text)))],
  [/^image\/(svg\+xml|png|jpeg|gif|webp|bmp|avif)$/, image],
  [/^application\/([\w.-]+\+)?json$/, (place, value) => place.append(jsonTree(value))],
  [/^text\/(plain|latex)$/, (place, text) => place.append(h("pre", { tabindex: "0" }, terminal(text)))],
];
const markdown = new MarkdownIt({ html: true });

export function draw(output: ResolvedOutput, view: View): Drawn {
  return output.output_type === "stream" ? stream(output) : rich(output, view);
}

function stream(first: ResolvedOutput): Drawn {
  const element = h("pre", { class: first.name === "stderr" ? "stream stderr" : "stream", tabindex: "0" });
  const update = (output: ResolvedOutput) => {
    if (output.output_type !== "stream" || output.name !== first.name) return false;
    element.replaceChildren(output.cut === true ? "… (the beginning is not shown)\n" : "", terminal(output.text ?? ""));
    return true;
  };
  update(first);
  return { element, update, remove: () => element.remove() };
}

function rich(output: ResolvedOutput, view: View): Drawn {
  const element = h("div", { class: "rich" });
  let undo: Promise<() => void> | null = null;
  if (output.output_type === "error") {
    element.append(h("pre", { class: "stream stderr", tabindex: "0" }, terminal((output.traceback ?? [`${output.ename}: ${output.evalue}`]).join("\n"))));
  } else {
    const [type, render] = choose(Object.keys(output.data ?? {}));
    if (render === null) element.append(h("em", {}, "This page cannot show this output."));
    else undo = render(element, output.data?.[type], type, view) ?? null;
    undo?.catch((error: unknown) => failed(element, error));
  }
  return {
    element,
    update: (other) => other.key === output.key,
    remove: () => {
      element.remove();
      undo?.then((act) => act(), () => {});
    },
  };
}

function choose(types: readonly string[]): [string, Render] | ["", null] {
  for (const [pattern, render] of RENDERERS) {
    const type = types.find((candidate) => pattern.test(candidate));
    if (type !== undefined) return [type, render];
  }
  return ["", null];
}

async function widget(place: HTMLElement, value: { model_id?: unknown }, _type: string, view: View): Promise<() => void> {
  const made = await view(`${value.model_id}`);
  attach(made, place);
  return () => made.remove();
}

/** Put a view into a place that is in the document. */
export function attach(view: DOMWidgetView, place: HTMLElement): void {
  const { luminoWidget } = view;
  MessageLoop.sendMessage(luminoWidget, Widget.Msg.BeforeAttach);
  place.append(luminoWidget.node);
  MessageLoop.sendMessage(luminoWidget, Widget.Msg.AfterAttach);
}

async function image(place: HTMLElement, value: Blob | string, type: string): Promise<() => void> {
  const address = URL.createObjectURL(value instanceof Blob ? value : new Blob([value], { type }));
  const picture = h("img", { src: address, alt: "Image output" });
  await picture.decode().catch(() => {}); // put in when it can be shown: no flicker
  place.append(picture);
  return () => URL.revokeObjectURL(address);
}

const programs = new Map<string, Promise<Draw>>();
const waiting = new Map<string, PromiseWithResolvers<Draw>>();

async function chart(place: HTMLElement, name: string, input: unknown): Promise<() => void> {
  const wanted = programs.get(name) ?? wantProgram(name);
  programs.set(name, wanted);
  const drawing = await wanted;
  const before = new Set(host.recolour);
  drawing(place, input);
  const own = [...host.recolour].filter((call) => !before.has(call));
  return () => own.forEach((call) => host.recolour.delete(call));
}

function wantProgram(name: string): Promise<Draw> {
  const wanted = Promise.withResolvers<Draw>();
  waiting.set(name, wanted);
  host.say({ load: name, asked: name });
  return wanted.promise;
}

/** The page sends a program that an output needs; null: it has none. */
export function loaded(name: string, code: Blob | null): void {
  const wanted = waiting.get(name);
  if (code === null) wanted?.reject(new Error("The part of the page that shows this could not be loaded."));
  else host.load(code).then(wanted?.resolve, wanted?.reject);
}
