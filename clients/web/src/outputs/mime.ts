// What an output offers, by MIME type, and how each is drawn. The first of RENDERERS that an output has is shown.

import { type Content, record } from "../core/schema.ts";
import { altairChart } from "../core/altair.ts";
import { formulas } from "../core/formulas.ts";
import { readResource } from "../core/table.ts";
import { inWords } from "../core/text_pieces.ts";
import { h } from "../page/dom.ts";
import { renderMarkdown, typeset } from "../page/markdown.ts";
import { blobOf, imageAddress, mediaAddress, sizeOf, textOf } from "./contents.ts";
import { dataTable } from "./data_table.ts";
import { jsonTree } from "./json_tree.ts";
import { saveBlob } from "./output_tools.ts";
import { program } from "./programs.ts";
import { dispose, onDispose, type Sandbox, sandbox } from "./sandbox.ts";
import { terminal } from "./terminal.ts";
import type { Widgets } from "./widgets.ts";

/** What an output shows: its contents by MIME type, and what is said of each. */
export interface Bundle {
  readonly data: Readonly<Record<string, Content>>;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** What outputs need of the page beyond their own contents. */
export interface Surroundings {
  readonly widgets: Widgets;
  /** Show this line (from 1) of the cell whose latest run has this number; false if there is none. */
  showRun(count: number, line: number): boolean;
}

/** A way to show a bundle. */
export interface Renderer {
  readonly type: string;
  /** Whether it is drawn only near the screen. */
  readonly isCostly: boolean;
  /** Draw into `place`; resolves when that has its size. Rejects with what to tell the reader. */
  draw(place: HTMLElement): Promise<void>;
}

type Draw = (place: HTMLElement, content: Content, type: string, bundle: Bundle, around: Surroundings) => Promise<void>;
type Cost = "cheap" | "costly";

const RENDERERS: readonly (readonly [RegExp, Cost, Draw])[] = [
  [/^application\/vnd\.jupyter\.widget-view\+json$/, "costly", widget],
  [/^application\/vnd\.plotly\.v1\+json$/, "costly", plotly],
  [/^application\/vnd\.vega(lite)?\.v\d+(\.\d+)*\+json$/, "costly", vega],
  [/^application\/vnd\.dataresource\+json$/, "costly", table],
  [/^text\/html$/, "costly", html],
  [/^text\/markdown$/, "cheap", markdown],
  [/^image\/(svg\+xml|png|jpeg|gif|webp|bmp|avif)$/, "costly", image],
  [/^(audio|video)\/[\w.+-]+$/, "costly", media],
  [/^application\/pdf$/, "cheap", pdf],
  [/^text\/latex$/, "cheap", latex],
  [/^application\/javascript$/, "costly", javascript],
  [/^application\/([\w.-]+\+)?json$/, "cheap", json],
  [/^text\/plain$/, "cheap", plain],
];
const SAVED = "As the file has it: no kernel runs this widget. Run the cell to make it live.";
const GONE = "This widget went with its kernel. Run the cell to make it again.";

/** How to draw this; null if there is no way. */
export function choose(bundle: Bundle, around: Surroundings): Renderer | null {
  const types = Object.keys(bundle.data);
  for (const [pattern, cost, draw] of RENDERERS) {
    const type = types.find((candidate) => pattern.test(candidate));
    if (type === undefined) continue;
    return { type, isCostly: cost === "costly", draw: (place) => draw(place, bundle.data[type] as Content, type, bundle, around) };
  }
  return null;
}

async function widget(place: HTMLElement, content: Content, _type: string, _bundle: Bundle, { widgets }: Surroundings): Promise<void> {
  const { model_id: id } = JSON.parse(await textOf(content)) as { model_id?: unknown };
  const modelId = `${id}`;
  let shown: HTMLElement | null = null;
  const show = async () => {
    if (shown !== null) dispose(shown);
    const isLive = widgets.has(modelId);
    const frame = isLive || widgets.isSaved(modelId) ? await widgets.draw(modelId) : null;
    shown = frame?.element ?? h("p", { class: "note" }, GONE);
    place.replaceChildren(shown, ...(isLive || frame === null ? [] : [h("p", { class: "note" }, SAVED)]));
    await frame?.drawn;
  };
  let turn = show();
  onDispose(place, widgets.watch(modelId, () => void (turn = turn.then(show))));
  return turn;
}

async function html(place: HTMLElement, content: Content): Promise<void> {
  const text = await textOf(content);
  const chart = altairChart(text);
  if (chart !== null) return framed(place, sandbox("Vega chart", { code: await program("vega"), input: chart }));
  await framed(place, sandbox("HTML output", { html: text }));
}

async function javascript(place: HTMLElement, content: Content): Promise<void> {
  const code = (await textOf(content)).replaceAll(/<(?=\/script|!--)/gi, "\\x3C");
  const element = '(() => { const element = document.getElementById("output");';
  await framed(place, sandbox("JavaScript output", { html: `<script>${element}\n${code}\n})();</script>` }));
}

async function plotly(place: HTMLElement, content: Content): Promise<void> {
  const [code, text] = await Promise.all([program("plotly"), textOf(content)]);
  await framed(place, sandbox("Plotly figure", { code, input: JSON.parse(text) }));
}

async function vega(place: HTMLElement, content: Content, type: string): Promise<void> {
  const [code, text] = await Promise.all([program("vega"), textOf(content)]);
  const mode = type.includes("vegalite") ? "vega-lite" : "vega";
  await framed(place, sandbox("Vega chart", { code, input: { spec: JSON.parse(text), mode } }));
}

async function markdown(place: HTMLElement, content: Content): Promise<void> {
  place.classList.add("prose");
  place.append(renderMarkdown(await textOf(content)));
}

async function latex(place: HTMLElement, content: Content): Promise<void> {
  const drawn = formulas(await textOf(content)).map((part) => {
    if ("text" in part) return place.append(part.text);
    const math = h("span", { class: part.display ? "math display" : "math" }, part.formula);
    place.append(math);
    return typeset(math, part.formula, part.display);
  });
  await Promise.all(drawn);
}

async function media(place: HTMLElement, content: Content, type: string): Promise<void> {
  const kind = type.startsWith("audio/") ? "audio" : "video";
  const player = h(kind, { controls: true, preload: "metadata", src: await mediaAddress(type, content) });
  await new Promise<void>((resolve) => {
    for (const event of ["loadedmetadata", "error"]) player.addEventListener(event, () => resolve(), { once: true });
    place.append(player);
  });
  if (player.error !== null) place.append(h("p", { class: "note" }, `This browser cannot play this ${type}. It can be saved.`));
}

/** A browser shows a PDF in a program of its own, which may not run beside what this page guards. */
async function pdf(place: HTMLElement, content: Content, type: string): Promise<void> {
  const save = h("button", { type: "button", class: "plain", click: async () => saveBlob(await blobOf(type, content), "output.pdf") }, "Save");
  place.append(h("p", { class: "file" }, `A PDF of ${inWords(sizeOf(content))}`, save));
}

async function json(place: HTMLElement, content: Content): Promise<void> {
  place.append(jsonTree(JSON.parse(await textOf(content))));
}

async function table(place: HTMLElement, content: Content): Promise<void> {
  place.append(dataTable(readResource(JSON.parse(await textOf(content)))));
}

async function image(place: HTMLElement, content: Content, type: string, { data, metadata }: Bundle): Promise<void> {
  const alt = data["text/plain"]?.inline ?? "Image output";
  const { width, height, needs_background: background } = record(metadata[type]);
  const picture = h("img", { src: await imageAddress(type, content), alt });
  if (Number(width) > 0) picture.width = Number(width);
  if (Number(height) > 0) picture.height = Number(height);
  if (background === "light" || background === "dark") picture.classList.add(`on-${background}`);
  await picture.decode().catch(() => {}); // an image that is broken shows its text
  place.append(picture);
}

/** A frame in its place, and what it shows drawn. */
async function framed(place: HTMLElement, { element, drawn }: Sandbox): Promise<void> {
  place.append(element);
  await drawn;
}

async function plain(place: HTMLElement, content: Content): Promise<void> {
  place.append(h("pre", { class: "result", tabindex: "0", "aria-label": "Result" }, terminal(await textOf(content))));
}
