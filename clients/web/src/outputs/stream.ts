// A stream's text: as it is, or, where it is too long for the page, read by ranges (large_text.ts).
//
// While a cell prints, lines that are complete stay on the page as they are; the last ones alone are drawn again. Whoever
// reads the end is kept there, whoever reads elsewhere stays there.

import { type Style, styleAfter } from "../core/ansi.ts";
import type { Content, Output } from "../core/schema.ts";
import { h } from "../page/dom.ts";
import { bytesOf, sizeOf } from "./contents.ts";
import { LargeText, type Source } from "./large_text.ts";
import { offerTools } from "./output_tools.ts";
import type { Shown } from "./render.ts";
import { terminal } from "./terminal.ts";

const LONG = 256 * 1024; // bytes that are shown whole
const KEPT = 2 * LONG; // bytes of fetched blobs that are kept, the latest used
const OPEN = 2048; // characters at the end that may still change

export class StreamView implements Shown {
  readonly element: HTMLElement;
  readonly #name: string;
  readonly #pre: HTMLElement;
  readonly #settled = h("span");
  readonly #open = h("span");
  readonly #pieces = new Map<string, { size: number; bytes: Promise<Uint8Array<ArrayBuffer>> }>();
  #output: Output | null = null;
  #contents: readonly Content[] = [];
  #settledText = "";
  #style: Style = {}; // in which the settled text ends
  #large: LargeText | null = null;
  #version = 0; // of the contents
  #shown = 0; // the version that is shown
  #fetching = false;
  #ended = false;

  constructor(output: Output) {
    this.#name = output.name ?? "stdout";
    const kind = this.#name === "stderr" ? "stream stderr" : "stream";
    this.#pre = h("pre", { class: kind, tabindex: "0", "aria-label": this.#name }, this.#settled, this.#open);
    this.element = h("div", { class: "stream-output" }, this.#pre);
    const text = async () => navigator.clipboard.writeText(this.#pre.textContent ?? "");
    offerTools(this.element, [{ label: "Copy output", picture: "copy", isOffered: () => this.#large === null, act: text }]);
    this.update(output);
  }

  update(output: Output): boolean {
    if (output === this.#output) return true;
    if (output.output_type !== "stream" || (output.name ?? "stdout") !== this.#name) return false;
    this.#output = output;
    const contents = output.text ?? [];
    if (JSON.stringify(contents) === JSON.stringify(this.#contents) && this.#version > 0) return true;
    this.#contents = contents;
    this.#version++;
    const source = this.#source();
    if (source.size > LONG) this.#showLarge(source);
    else if (contents.every(({ blob }) => blob === undefined)) this.#show(contents.map(({ inline }) => inline ?? "").join(""), this.#version);
    else void this.#fetch();
    return true;
  }

  destroy(): void {
    this.#ended = true;
    this.#large?.destroy();
  }

  /** One at a time: what came while one was fetched is fetched next, so that the newest shows however slow that is. */
  async #fetch(): Promise<void> {
    if (this.#fetching) return;
    this.#fetching = true;
    for (let version = 0; version !== this.#version && !this.#ended && this.#large === null; ) {
      version = this.#version;
      const source = this.#source();
      try {
        this.#show(new TextDecoder().decode(await source.read(0, source.size)), version);
      } catch (error) {
        if (version === this.#version) this.#open.replaceChildren(h("em", {}, error instanceof Error ? error.message : `${error}`));
      }
    }
    this.#fetching = false;
  }

  #show(text: string, version: number): void {
    if (version <= this.#shown || this.#ended || this.#large !== null) return;
    this.#shown = version;
    this.#pre.hidden = this.#name === "stderr" && !/\S/.test(text); // the newline after a progress bar is no coloured box
    const { scrollTop, scrollHeight, clientHeight } = this.#pre;
    const follows = scrollTop > 0 && scrollTop + clientHeight > scrollHeight - 4;
    if (!text.startsWith(this.#settledText)) {
      this.#settledText = "";
      this.#style = {};
      this.#settled.replaceChildren();
    }
    const rest = text.slice(this.#settledText.length);
    const cut = rest.lastIndexOf("\n", rest.length - OPEN) + 1;
    const done = cut > 0 && rest.length > OPEN ? rest.slice(0, cut) : "";
    if (done !== "") {
      this.#settled.append(terminal(done, this.#style));
      this.#settledText += done;
      this.#style = styleAfter(done, this.#style);
    }
    this.#open.replaceChildren(terminal(rest.slice(done.length), this.#style));
    if (follows) this.#pre.scrollTop = this.#pre.scrollHeight;
  }

  #showLarge(source: Source): void {
    if (this.#large !== null) this.#large.update(source);
    else {
      this.#large = new LargeText(source, this.#name);
      this.#pre.replaceWith(this.#large.element);
    }
  }

  /** The text of all contents, one after the other. */
  #source(): Source {
    const contents = this.#contents;
    const size = contents.reduce((sum, content) => sum + sizeOf(content), 0);
    return { size, read: (from, to) => this.#read(contents, from, to) };
  }

  async #read(contents: readonly Content[], from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
    const parts: Promise<Uint8Array<ArrayBuffer>>[] = [];
    let start = 0;
    for (const content of contents) {
      const end = start + sizeOf(content);
      if (end > from && start < to) parts.push(this.#part(content, Math.max(0, from - start), Math.min(to, end) - start));
      start = end;
      if (start >= to) break;
    }
    const all = new Uint8Array(to - from);
    let at = 0;
    for (const part of await Promise.all(parts)) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  /** A blob of a short stream is read whole and kept: it is asked for again with every line. */
  async #part(content: Content, from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
    const { blob } = content;
    const size = sizeOf(content);
    if (blob === undefined || size > LONG) return bytesOf(content, from, to);
    const { bytes } = this.#pieces.get(blob) ?? { bytes: bytesOf(content) };
    this.#pieces.delete(blob);
    this.#pieces.set(blob, { size, bytes });
    bytes.catch(() => this.#pieces.delete(blob));
    let kept = [...this.#pieces.values()].reduce((sum, piece) => sum + piece.size, 0);
    for (const [oldest, piece] of this.#pieces) {
      if (kept <= KEPT) break;
      this.#pieces.delete(oldest);
      kept -= piece.size;
    }
    return (await bytes).subarray(from, to);
  }
}
