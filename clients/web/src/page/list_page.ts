// The page at the root: which notebooks are open.

import { h } from "./dom.ts";

interface OpenNotebook {
  notebook_id: string;
  path: string | null;
  kernel: string;
  saved: boolean;
  peers: { name: string; kind: string }[];
}

export async function listPage(): Promise<HTMLElement> {
  const response = await fetch("/v1/notebooks");
  if (!response.ok) throw new Error(`The server answered with status ${response.status}.`);
  const { open } = (await response.json()) as { open: OpenNotebook[] };
  document.title = "Quire";
  const cards = open.map(({ notebook_id, path, kernel, peers }) => {
    const name = path?.split("/").at(-1)?.replace(/\.ipynb$/, "") ?? "Without a file";
    const here = peers.filter(({ kind }) => kind !== "daemon").map((peer) => peer.name);
    return h(
      "a",
      { class: "card", href: `/notebooks/${notebook_id}` },
      h("h2", {}, name),
      h("p", { class: "path" }, path ?? ""),
      h("p", {}, `Kernel: ${kernel}${here.length > 0 ? ` · here: ${here.join(", ")}` : ""}`),
    );
  });
  const none = h("p", {}, "No notebook is open. Open one with ", h("code", {}, "quire open PATH"), ".");
  return h(
    "main",
    { class: "list" },
    h("h1", {}, h("img", { src: "/quire.svg", alt: "", width: "32" }), "Quire"),
    ...(cards.length > 0 ? cards : [none]),
  );
}
