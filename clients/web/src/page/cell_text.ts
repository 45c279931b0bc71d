// A text cell as it reads: its Markdown, with the pictures that are attached to it; its bare source while it is far away.

import type { Notebook } from "../core/notebook.ts";
import { h } from "./dom.ts";
import { renderMarkdown } from "./markdown.ts";

export class CellText {
  readonly element = h("div", { class: "prose rendered" });
  readonly #notebook: Notebook;
  readonly #id: string;
  #isNear = false;
  #waits = false;

  constructor(notebook: Notebook, id: string) {
    this.#notebook = notebook;
    this.#id = id;
  }

  /** It came near: show it as it reads from now on. */
  mount(): void {
    this.#isNear = true;
    if (this.#waits) this.render();
  }

  render(): void {
    this.#waits = !this.#isNear;
    const source = this.#notebook.source(this.#id);
    if (source.trim() === "") this.element.replaceChildren(h("p", { class: "empty" }, "Empty text. Press Enter to write."));
    else if (this.#waits) this.element.replaceChildren(source);
    else this.element.replaceChildren(renderMarkdown(source, (address) => this.#picture(address)));
  }

  #picture(address: string): string | null {
    if (address.startsWith("data:image/")) return address;
    const found = this.#notebook.attachments(this.#id)[decodeURIComponent(address.replace(/^attachment:/, ""))] ?? {};
    const [type, content] = Object.entries(found)[0] ?? [];
    if (type === undefined || !type.startsWith("image/")) return null;
    const { blob, inline } = content as { blob?: string; inline?: string };
    return blob === undefined ? `data:${type};base64,${inline ?? ""}` : `/v1/blobs/${blob}?type=${encodeURIComponent(type)}`;
  }
}
