// The page at the root: the notebooks that are open and those that were, and opening another one by its path.

import { h } from "./dom.ts";

interface Known {
  readonly notebook_id: string;
  readonly path: string | null;
  /** Seconds since 1970. */
  readonly updated: number;
}

interface OpenNotebook {
  readonly notebook_id: string;
  readonly path: string | null;
  readonly kernel: string;
  readonly peers: readonly { name: string; kind: string }[];
}

const MOST = 30; // of those that are not open

export async function listPage(): Promise<HTMLElement> {
  const response = await fetch("/v1/notebooks");
  if (!response.ok) throw new Error(`The server answered with status ${response.status}.`);
  const { open, notebooks } = (await response.json()) as { open: OpenNotebook[]; notebooks: Known[] };
  document.title = "Quire";
  const isOpen = new Set(open.map(({ notebook_id }) => notebook_id));
  const others = notebooks.filter(({ notebook_id, path }) => path !== null && !isOpen.has(notebook_id)).sort((a, b) => b.updated - a.updated);
  return h(
    "main",
    { class: "list" },
    h("h1", {}, h("img", { src: "/quire.svg", alt: "", width: "32" }), "Quire"),
    opening(),
    section("Open", open.map(({ notebook_id, path, kernel, peers }) => card(notebook_id, path, sayOpen(kernel, peers)))),
    section("Earlier", others.slice(0, MOST).map(({ notebook_id, path, updated }) => card(notebook_id, path, `Changed ${sayDay(updated)}`))),
  );
}

function section(title: string, cards: readonly HTMLElement[]): HTMLElement | null {
  return cards.length === 0 ? null : h("section", { "aria-label": title }, h("h2", {}, title), ...cards);
}

function card(notebookId: string, path: string | null, more: string): HTMLElement {
  const name = path?.split(/[\\/]/).at(-1)?.replace(/\.ipynb$/, "") ?? "Without a file";
  return h("a", { class: "card", href: `/notebooks/${encodeURIComponent(notebookId)}` }, h("h3", {}, name), h("p", {}, path ?? ""), h("p", {}, more));
}

function sayOpen(kernel: string, peers: OpenNotebook["peers"]): string {
  const here = peers.filter(({ kind }) => kind !== "daemon").map(({ name }) => name);
  return `Kernel: ${kernel}${here.length > 0 ? ` · here: ${here.join(", ")}` : ""}`;
}

function sayDay(seconds: number): string {
  const day = new Date(seconds * 1000);
  return day.toDateString() === new Date().toDateString() ? `today at ${day.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}` : day.toLocaleDateString();
}

/** A path and a button; where there is no such file, the question whether to make it. */
function opening(): HTMLElement {
  const path = h("input", { type: "text", "aria-label": "Path of a notebook", placeholder: "/path/to/notebook.ipynb", autocomplete: "off", spellcheck: "false", required: true });
  const told = h("p", { role: "alert" });
  const make = h("button", { type: "button", class: "plain", click: () => void ask(true) }, "Make it");
  const ask = async (create: boolean) => {
    told.textContent = "";
    make.hidden = true;
    const answer = await fetch("/v1/notebooks", { method: "POST", body: JSON.stringify({ path: path.value.trim(), create }) });
    const { notebook_id, error } = (await answer.json()) as { notebook_id?: string; error?: { code: string; message: string; hint: string } };
    if (notebook_id !== undefined) return location.assign(`/notebooks/${encodeURIComponent(notebook_id)}`);
    told.textContent = `${error?.message ?? "It could not be opened."} ${error?.hint ?? ""}`;
    make.hidden = error?.code !== "no_such_file";
  };
  const submit = (event: Event) => {
    event.preventDefault();
    void ask(false).catch((error: Error) => (told.textContent = `The server could not be asked: ${error.message}`));
  };
  make.hidden = true;
  return h("form", { class: "opening", submit }, path, h("button", { type: "submit", class: "plain" }, "Open"), make, told);
}
