// A stream's text: all of it if it is not long, else its beginning and its end, and what lies between on demand.

import type { Content } from "../core/schema.ts";
import { h } from "../page/dom.ts";
import { bytesOf, sizeOf } from "./contents.ts";
import { terminal } from "./terminal.ts";

const SHOWN_WHOLE = 256 * 1024; // bytes
const PIECE = 64 * 1024; // at either end, and at each further step

/** The element of a stream. `update` shows what the stream has become. */
export class StreamView {
  readonly element: HTMLElement;
  #contents: readonly Content[] = [];
  #shownHead = PIECE;
  #cache = new Map<string, Uint8Array>();
  #version = 0;

  constructor(name: string) {
    this.element = h("pre", { class: `stream ${name === "stderr" ? "stderr" : ""}`, tabindex: "0", "aria-label": name });
  }

  update(contents: readonly Content[]): void {
    this.#contents = contents;
    void this.#show();
  }

  async #show(): Promise<void> {
    const version = ++this.#version;
    const size = this.#contents.reduce((sum, content) => sum + sizeOf(content), 0);
    let nodes: Node[];
    try {
      if (size <= Math.max(SHOWN_WHOLE, this.#shownHead + PIECE)) {
        nodes = [terminal(decode(await this.#range(0, size)))];
      } else {
        const head = decode(await this.#range(0, this.#shownHead));
        const tail = decode(await this.#range(size - PIECE, size));
        nodes = [terminal(wholeLines(head)), this.#more(size - this.#shownHead - PIECE), terminal(tail.slice(tail.indexOf("\n") + 1))];
      }
    } catch (error) {
      nodes = [h("em", {}, error instanceof Error ? error.message : `${error}`)];
    }
    if (version === this.#version) this.element.replaceChildren(...nodes);
  }

  #more(hidden: number): HTMLElement {
    const load = () => {
      this.#shownHead += 4 * PIECE;
      void this.#show();
    };
    return h("button", { type: "button", class: "more", click: load }, `${bytes(hidden)} not shown · load more`);
  }

  async #range(from: number, to: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let start = 0;
    for (const content of this.#contents) {
      const end = start + sizeOf(content);
      if (end > from && start < to) parts.push(await this.#part(content, Math.max(0, from - start), Math.min(to, end) - start));
      start = end;
    }
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  async #part(content: Content, from: number, to: number): Promise<Uint8Array> {
    if (content.blob === undefined) return bytesOf(content, from, to);
    const key = `${content.blob} ${from} ${to}`;
    const known = this.#cache.get(key) ?? (await bytesOf(content, from, to));
    this.#cache.set(key, known);
    return known;
  }
}

const decode = (part: Uint8Array) => new TextDecoder().decode(part);
const wholeLines = (text: string) => text.slice(0, text.lastIndexOf("\n") + 1);

export function bytes(n: number): string {
  return n < 1e6 ? `${Math.ceil(n / 1e3)} kB` : `${(n / 1e6).toFixed(1)} MB`;
}
