// A text too long for the page, whole all the same: it scrolls from its first line to its last, and what is near the part
// that shows is read by ranges and let go again. It can be searched, copied and saved.
//
// Owns which pieces are read and how high each was. What is not read yet has the height that it will have by the others'.

import { findNext, inWords, ownLines, PIECE, pieceCount, rangeOf } from "../core/text_pieces.ts";
import { button, h } from "../page/dom.ts";
import { saveBlob } from "./output_tools.ts";
import { terminal } from "./terminal.ts";

/** A text by ranges of bytes. */
export interface Source {
  readonly size: number;
  read(from: number, to: number): Promise<Uint8Array<ArrayBuffer>>;
}

const NEAR = "1500px";
const LINE = 19.5; // pixels
const WINDOW = 4 * 1024 * 1024; // bytes searched at a time
const MOST_COPIED = 64e6; // bytes
const GUESS = (PIECE / 60) * LINE; // pixels of a piece, with 60 bytes a line

const found = new Highlight(); // what was searched last, in any of them
CSS.highlights.set("found", found);

interface Piece {
  readonly element: HTMLElement;
  isNear: boolean;
  /** How many bytes of the text there were when it was read; -1: it is not on the page. */
  readAt: number;
}

export class LargeText {
  readonly element: HTMLElement;
  readonly #scroller: HTMLElement;
  readonly #size = h("span", { class: "size" });
  readonly #found = h("span", { class: "found", role: "status" });
  readonly #query: HTMLInputElement;
  readonly #pieces: Piece[] = [];
  readonly #observer: IntersectionObserver;
  #source: Source;
  #guess = GUESS;
  #from = 0; // searching goes on here, in bytes

  constructor(source: Source, label: string) {
    this.#source = source;
    this.#scroller = h("pre", { class: "stream pieces", tabindex: "0", "aria-label": label });
    this.#query = h("input", { type: "search", placeholder: "Search", "aria-label": "Search this output" });
    this.#query.addEventListener("input", () => (this.#from = 0));
    this.#query.addEventListener("keydown", (event) => {
      if (event.key === "Enter") void this.#search();
    });
    const copy = button("Copy all", "copy", () => void this.#copy());
    const save = button("Save as a file", "save", () => void this.#save());
    this.element = h("div", { class: "large-text" }, h("div", { class: "large-tools" }, this.#size, this.#query, this.#found, copy, save), this.#scroller);
    this.#observer = new IntersectionObserver((entries) => this.#approach(entries), { root: this.#scroller, rootMargin: `${NEAR} 0px` });
    this.update(source);
  }

  /** The text has become this; what was there has stayed. */
  update(source: Source): void {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    const follows = this.#pieces.length > 0 && scrollTop + clientHeight > scrollHeight - 2 * LINE;
    const grown = source.size !== this.#source.size;
    this.#source = source;
    this.#size.textContent = inWords(source.size);
    while (this.#pieces.length < pieceCount(source.size)) {
      const element = h("div", { class: "text-piece" });
      element.style.height = `${this.#guess}px`;
      this.#pieces.push({ element, isNear: false, readAt: -1 });
      this.#scroller.append(element);
      this.#observer.observe(element);
    }
    if (grown) for (const [index, piece] of this.#pieces.entries()) if (piece.isNear) void this.#show(index);
    if (follows) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  destroy(): void {
    this.#observer.disconnect();
    found.clear();
  }

  #approach(entries: IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const index = this.#pieces.findIndex(({ element }) => element === target);
      const piece = this.#pieces[index];
      if (piece === undefined) continue;
      piece.isNear = isIntersecting;
      if (isIntersecting) void this.#show(index);
      else this.#letGo(piece);
    }
  }

  #letGo(piece: Piece): void {
    if (piece.readAt < 0) return;
    piece.element.style.height = `${piece.element.offsetHeight}px`;
    piece.element.replaceChildren();
    piece.readAt = -1;
  }

  async #show(index: number): Promise<void> {
    const piece = this.#pieces[index] as Piece;
    const { size } = this.#source;
    const { from, to } = rangeOf(index, size);
    if (piece.readAt >= 0 && (piece.readAt === size || to < piece.readAt)) return;
    piece.readAt = size;
    try {
      const bytes = await this.#source.read(from, to);
      const own = ownLines(bytes, index);
      if (!piece.isNear || piece.readAt !== size) return;
      const text = new TextDecoder().decode(bytes.subarray(own.from, own.to));
      piece.element.replaceChildren(terminal(text));
      piece.element.style.height = "";
      if (index === 0) this.#guess = piece.element.offsetHeight || GUESS;
    } catch (error) {
      piece.readAt = -1;
      piece.element.textContent = error instanceof Error ? error.message : `${error}`;
    }
  }

  // --- searching, copying, saving --------------------------------------------------------------------------------------

  async #search(): Promise<void> {
    const query = this.#query.value;
    if (query === "") return;
    const began = this.#from;
    const { size } = this.#source;
    const overlap = 4 * query.length;
    for (let from = began; from < size; from += WINDOW) {
      this.#found.textContent = `searching… ${Math.round((100 * from) / size)} %`;
      const text = new TextDecoder().decode(await this.#source.read(from, Math.min(size, from + WINDOW + overlap)));
      const at = findNext(text, query, 0);
      if (at < 0 || query !== this.#query.value) continue;
      const byte = from + new TextEncoder().encode(text.slice(0, at)).length;
      this.#from = byte + 1;
      this.#found.textContent = "";
      await this.#goTo(byte, query);
      return;
    }
    this.#found.textContent = began === 0 ? "not found" : "no more; Enter begins anew";
    this.#from = 0;
  }

  /** Bring what stands at this byte to where it can be seen, and mark it. */
  async #goTo(byte: number, query: string): Promise<void> {
    const index = Math.min(this.#pieces.length - 1, Math.floor(byte / PIECE));
    for (const candidate of [index, index - 1]) {
      const piece = this.#pieces[candidate];
      if (piece === undefined) continue;
      piece.isNear = true;
      await this.#show(candidate);
      const { from } = rangeOf(candidate, this.#source.size);
      const before = new TextDecoder().decode(await this.#source.read(from, byte)).length;
      const text = piece.element.textContent ?? "";
      const at = findNext(text, query, Math.max(0, before - 8 * 1024 - query.length));
      if (at < 0) continue; // the line began in the piece before
      const range = rangeIn(piece.element, at, query.length);
      found.clear();
      found.add(range);
      range.startContainer.parentElement?.scrollIntoView({ block: "nearest" });
      const offset = range.getBoundingClientRect().top - this.#scroller.getBoundingClientRect().top;
      this.#scroller.scrollTop += offset - this.#scroller.clientHeight / 2;
      return;
    }
  }

  async #copy(): Promise<void> {
    const { size } = this.#source;
    if (size > MOST_COPIED) {
      this.#found.textContent = `${inWords(size)} is too much to copy; save it as a file.`;
      return;
    }
    await navigator.clipboard.writeText(await (await this.#whole()).text());
    this.#found.textContent = "copied";
  }

  async #save(): Promise<void> {
    saveBlob(await this.#whole(), "output.txt");
  }

  async #whole(): Promise<Blob> {
    const { size } = this.#source;
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for (let from = 0; from < size; from += WINDOW) {
      parts.push(await this.#source.read(from, Math.min(size, from + WINDOW)));
      this.#found.textContent = `${Math.round((100 * Math.min(size, from + WINDOW)) / size)} %`;
    }
    this.#found.textContent = "";
    return new Blob(parts, { type: "text/plain" });
  }
}

/** The range of `length` characters from the `at`th on of an element's text. */
function rangeIn(element: HTMLElement, at: number, length: number): Range {
  const range = document.createRange();
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let begun = false;
  for (let passed = 0, node = walker.nextNode() as Text | null; node !== null; node = walker.nextNode() as Text | null) {
    if (!begun && passed + node.length > at) {
      range.setStart(node, at - passed);
      begun = true;
    }
    if (begun && passed + node.length >= at + length) {
      range.setEnd(node, at + length - passed);
      break;
    }
    passed += node.length;
  }
  return range;
}
