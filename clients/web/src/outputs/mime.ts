// What an output offers, by MIME type, and how each is drawn. The first of RENDERERS that an output has is shown.

import type { Content } from "../core/schema.ts";
import { h } from "../page/dom.ts";
import { renderMarkdown, typeset } from "../page/markdown.ts";
import { imageAddress, textOf } from "./contents.ts";
import { jsonTree } from "./json_tree.ts";
import { program } from "./programs.ts";
import { sandbox } from "./sandbox.ts";
import { terminal } from "./stream.ts";

type Data = Readonly<Record<string, Content>>;
/** Draws a content into `place`. Rejects with what to tell the reader. */
type Draw = (place: HTMLElement, content: Content, type: string, data: Data) => Promise<void>;

const RENDERERS: readonly (readonly [RegExp, Draw])[] = [
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

/** How to draw these data; null if there is no way. */
export function choose(data: Data): ((place: HTMLElement) => Promise<void>) | null {
  const types = Object.keys(data);
  for (const [pattern, draw] of RENDERERS) {
    const type = types.find((candidate) => pattern.test(candidate));
    if (type !== undefined) return (place) => draw(place, data[type] as Content, type, data);
  }
  return null;
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
