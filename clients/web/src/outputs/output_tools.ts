// What can be done with one output: copying it, and saving it if it is a picture. They show under the pointer or the focus.

import { button, h } from "../page/dom.ts";
import { blobOf, textOf } from "./contents.ts";
import type { Bundle } from "./mime.ts";
import { POINTED } from "./sandbox.ts";

const PICTURE = /^image\//;
const FILE = /^(image|audio|video)\//;
const COPIED = 1500; // milliseconds

/** Something that can be done with an output. */
export interface Tool {
  readonly label: string;
  readonly picture: "copy" | "save";
  /** Whether it can be done at the moment. */
  isOffered?(): boolean;
  act(): Promise<void>;
}

/** Put these tools on an output, when somebody comes to it: most outputs of a notebook are never pointed at. */
export function offerTools(area: HTMLElement, tools: readonly Tool[]): void {
  let made: (readonly [Tool, HTMLElement])[] | null = null;
  const offer = () => {
    if (made === null) {
      made = tools.map((tool) => {
        const element: HTMLElement = button(tool.label, tool.picture, () => void report(element, tool.act()));
        return [tool, element] as const;
      });
      area.append(h("div", { class: "output-tools", role: "toolbar", "aria-label": "Output" }, ...made.map(([, element]) => element)));
    }
    for (const [tool, element] of made) element.hidden = tool.isOffered?.() === false;
  };
  area.addEventListener("pointerenter", offer);
  area.addEventListener("focusin", offer);
  area.addEventListener(POINTED, (event) => {
    const isHere = (event as CustomEvent).detail === true;
    area.classList.toggle("pointed", isHere);
    if (isHere) offer();
  });
}

/** The tools of an output that offers several forms of a value; `bundle` is what it shows at the moment. */
export function richTools(area: HTMLElement, bundle: () => Bundle): void {
  offerTools(area, [
    { label: "Copy output", picture: "copy", act: () => copyOf(bundle(), area) },
    { label: "Save image", picture: "save", isOffered: () => pictureType(bundle()) !== null, act: () => saveFile(bundle()) },
    { label: "Save recording", picture: "save", isOffered: () => pictureType(bundle()) === null && fileType(bundle()) !== null, act: () => saveFile(bundle()) },
  ]);
}

/** The tool says that it has been done. */
async function report(tool: HTMLElement, act: Promise<void>): Promise<void> {
  await act.then(
    () => tool.classList.add("done"),
    () => tool.classList.add("failed"),
  );
  setTimeout(() => tool.classList.remove("done", "failed"), COPIED);
}

const pictureType = ({ data }: Bundle) => Object.keys(data).find((type) => PICTURE.test(type)) ?? null;

const fileType = ({ data }: Bundle) => pictureType({ data, metadata: {} }) ?? Object.keys(data).find((type) => FILE.test(type)) ?? null;

async function copyOf(bundle: Bundle, area: HTMLElement): Promise<void> {
  const { data } = bundle;
  const type = pictureType(bundle);
  if (type === "image/png") {
    await navigator.clipboard.write([new ClipboardItem({ [type]: blobOf(type, data[type]!) })]);
    return;
  }
  const html = data["text/html"];
  const plain = data["text/plain"] ?? data["text/markdown"] ?? data["text/latex"] ?? data["application/json"];
  const text = plain === undefined ? area.innerText : await textOf(plain);
  const items: Record<string, string | Blob> = { "text/plain": text };
  if (html !== undefined) items["text/html"] = new Blob([await textOf(html)], { type: "text/html" }); // a table stays one
  await navigator.clipboard.write([new ClipboardItem(items)]);
}

async function saveFile(bundle: Bundle): Promise<void> {
  const type = fileType(bundle);
  if (type !== null) saveBlob(await blobOf(type, bundle.data[type]!), `output.${type.slice(6).replace("+xml", "").replace("jpeg", "jpg").replace("mpeg", "mp3")}`);
}

export function saveBlob(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
