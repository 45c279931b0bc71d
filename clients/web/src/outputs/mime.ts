// What an output offers, by MIME type, and how each is drawn. The first of RENDERERS that an output has is shown.

import type { Content } from "../core/schema.ts";
import { h } from "../page/dom.ts";
import { renderMarkdown, typeset } from "../page/markdown.ts";
import { imageAddress, textOf } from "./contents.ts";
import { jsonTree } from "./json_tree.ts";
import { program } from "./programs.ts";
import { dispose, onDispose, sandbox } from "./sandbox.ts";
import { terminal } from "./terminal.ts";
import type { Widgets } from "./widgets.ts";

type Data = Readonly<Record<string, Content>>;
/** What outputs need of the page beyond their own contents. */
export interface Surroundings {
  readonly widgets: Widgets;
}

/** Draws a content into `place`. Rejects with what to tell the reader. */
type Draw = (place: HTMLElement, content: Content, type: string, data: Data, around: Surroundings) => Promise<void>;

const RENDERERS: readonly (readonly [RegExp, Draw])[] = [
  [/^application\/vnd\.jupyter\.widget-view\+json$/, widget],
  [/^application\/vnd\.plotly\.v1\+json$/, plotly],
  [/^application\/vnd\.vega(lite)?\.v\d+(\.\d+)*\+json$/, vega],
  [/^text\/html$/, html],
  [/^text\/markdown$/, markdown],
  [/^image\/(svg\+xml|png|jpeg|gif|webp|bmp|avif)$/, image],
  [/^text\/latex$/, latex],
  [/^application\/javascript$/, javascript],
  [/^application\/([\w.-]+\+)?json$/, json],
  [/^text\/plain$/, plain],
];
const GONE = "This widget went with its kernel. Run the cell to make it again.";

/** How to draw these data; null if there is no way. */
export function choose(data: Data, around: Surroundings): ((place: HTMLElement) => Promise<void>) | null {
  const types = Object.keys(data);
  for (const [pattern, draw] of RENDERERS) {
    const type = types.find((candidate) => pattern.test(candidate));
    if (type !== undefined) return (place) => draw(place, data[type] as Content, type, data, around);
  }
  return null;
}

async function widget(place: HTMLElement, content: Content, _type: string, _data: Data, { widgets }: Surroundings): Promise<void> {
  const { model_id: id } = JSON.parse(await textOf(content)) as { model_id?: unknown };
  const modelId = `${id}`;
  let shown: HTMLElement | null = null;
  const show = async () => {
    const element = widgets.has(modelId) ? await widgets.draw(modelId) : h("p", { class: "note" }, GONE);
    if (shown !== null) dispose(shown);
    shown = element;
    place.replaceChildren(element);
  };
  let turn = show();
  onDispose(place, widgets.watch(modelId, () => void (turn = turn.then(show))));
  return turn;
}

async function html(place: HTMLElement, content: Content): Promise<void> {
  place.append(sandbox("HTML output", { html: await textOf(content) }).element);
}

async function javascript(place: HTMLElement, content: Content): Promise<void> {
  const code = (await textOf(content)).replaceAll(/<(?=\/script|!--)/gi, "\\x3C");
  const element = '(() => { const element = document.getElementById("output");';
  place.append(sandbox("JavaScript output", { html: `<script>${element}\n${code}\n})();</script>` }).element);
}

async function plotly(place: HTMLElement, content: Content): Promise<void> {
  const [code, text] = await Promise.all([program("plotly"), textOf(content)]);
  place.append(sandbox("Plotly figure", { code, input: JSON.parse(text) }).element);
}

async function vega(place: HTMLElement, content: Content, type: string): Promise<void> {
  const [code, text] = await Promise.all([program("vega"), textOf(content)]);
  const mode = type.includes("vegalite") ? "vega-lite" : "vega";
  place.append(sandbox("Vega chart", { code, input: { spec: JSON.parse(text), mode } }).element);
}

async function markdown(place: HTMLElement, content: Content): Promise<void> {
  place.classList.add("prose");
  place.append(renderMarkdown(await textOf(content)));
}

async function latex(place: HTMLElement, content: Content): Promise<void> {
  const source = (await textOf(content)).trim();
  const formula = source.replace(/^\$\$?|\$\$?$/g, "").replace(/^\\displaystyle\s*/, "");
  place.append(source);
  await typeset(place, formula, true);
}

async function json(place: HTMLElement, content: Content): Promise<void> {
  place.append(jsonTree(JSON.parse(await textOf(content))));
}

async function image(place: HTMLElement, content: Content, type: string, data: Data): Promise<void> {
  const alt = data["text/plain"]?.inline ?? "Image output";
  place.append(h("img", { src: await imageAddress(type, content), alt }));
}

async function plain(place: HTMLElement, content: Content): Promise<void> {
  place.append(h("pre", { class: "plain", tabindex: "0", "aria-label": "Result" }, terminal(await textOf(content))));
}
