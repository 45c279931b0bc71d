// Where the page begins: which page it is, who is here, what this browser has kept, and the link to the hub.

import wasmAddress from "@automerge/automerge/automerge.wasm?url";
import { actorOf } from "./core/history/authors.ts";
import { Notebook } from "./core/notebook.ts";
import type { Role } from "./core/messages.ts";
import { type Heads, initialize, Replica } from "./core/replica.ts";
import type { NotebookRoot } from "./core/schema.ts";
import { type Kept, type Refused, Session } from "./core/session.ts";
import { Keeper } from "./keeper.ts";
import { Link } from "./link.ts";
import { h } from "./page/dom.ts";
import { listPage } from "./page/list_page.ts";
import { NotebookPage } from "./page/notebook_page.ts";
import { beginTheme } from "./page/theme.ts";
import { you } from "./page/you.ts";
import { type Found, Store } from "./store.ts";

async function begin(): Promise<void> {
  beginTheme();
  const [, notebookId] = /^\/notebooks\/([^/]+)\/?$/.exec(location.pathname) ?? [];
  if (notebookId === undefined) document.body.replaceChildren(await listPage());
  else await openNotebook(decodeURIComponent(notebookId));
}

async function openNotebook(notebookId: string): Promise<void> {
  const me = you();
  const actor = actorOf(me.peer_id);
  const [, [store, found]] = await Promise.all([loadCore(), keeping(notebookId)]);
  const kept = found === null ? null : restored(found, actor);
  const session = new Session(notebookId, me, kept, actor, askedRole());
  const notebook = new Notebook(session.notebook);
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const link = new Link(session, `${scheme}://${location.host}/v1/notebooks/${encodeURIComponent(notebookId)}/sync`);
  const page = new NotebookPage(session, notebook, link);
  document.body.replaceChildren(page.element);

  const keeper = store === null ? null : new Keeper(store, session.notebookSync, () => session.genesis);
  if (keeper === null) page.toasts.say("This browser keeps no copies for this page: stay online until everything is saved.");
  else keeper.onFailure = (reason) => page.toasts.say(reason);
  document.addEventListener("visibilitychange", () => document.hidden && void keeper?.flush());
  addEventListener("beforeunload", (event) => {
    if (session.notebookSync.unsaved > 0 && keeper === null) event.preventDefault();
    void keeper?.flush();
  });

  link.onState = (state) => page.setLink(state);
  link.onProgress = () => {
    keeper?.changed();
    page.progress();
  };
  link.onMessage = (message) => {
    page.take(message);
    if (message.type === "welcome") void describe(notebookId, page);
  };
  link.onRefused = (refusal) => refused(refusal, notebookId, store, page);
  link.connect();
}

/** To read, or to run, is what one may ask for in the address; the hub says what one gets. */
function askedRole(): Role {
  const asked = new URLSearchParams(location.search).get("role");
  return asked === "viewer" || asked === "runner" ? asked : "editor";
}

async function loadCore(): Promise<void> {
  const response = await fetch(wasmAddress);
  if (!response.ok) throw new Error(`A part of the page could not be loaded (status ${response.status}).`);
  await initialize(await WebAssembly.compileStreaming(response)); // compiled while it comes, and kept by the browser
}

/** The store, and what it has kept: it is read while the core is compiled. */
async function keeping(notebookId: string): Promise<[Store | null, Found | null]> {
  try {
    const store = await Store.open(notebookId);
    return [store, await store.load()];
  } catch (error) {
    console.warn("no copies are kept", error);
    return [null, null];
  }
}

function restored({ header, pieces }: Found, actor: string): Kept {
  const notebook = Replica.load<NotebookRoot>(pieces, actor);
  return { notebook, genesis: header.genesis, unsaved: notebook.hashesSince(header.acknowledged) };
}

/** What only HTTP says: the file's path, and whether it is up to date. */
async function describe(notebookId: string, page: NotebookPage): Promise<void> {
  const response = await fetch(`/v1/notebooks/${encodeURIComponent(notebookId)}`);
  if (!response.ok) return;
  const said = (await response.json()) as { path: string | null; saved: boolean; heads: Heads; file_error: string | null; file_written: number | null };
  page.setPath(said.path);
  page.fileWas(said.saved ? said.heads : null, said.file_error, said.file_written);
}

function refused(refusal: Refused, notebookId: string, store: Store | null, page: NotebookPage): void {
  if (refusal.code === "unauthorized") {
    page.say("This browser has to log in again: `quire open` prints a new link. Your edits are kept here meanwhile.");
    return;
  }
  if (refusal.code !== "wrong_genesis" || store === null) {
    page.say(`${refusal.message} ${refusal.hint}`);
    return;
  }
  const setAside = async () => {
    await store.setAside(`${notebookId} until ${new Date().toISOString()}`);
    location.reload();
  };
  page.say(
    "The server holds another notebook at this address than the one this browser kept. What you see is your copy.",
    h("button", { type: "button", click: () => void setAside() }, "Set my copy aside and open the server's"),
  );
}

begin().catch((error: unknown) => {
  console.error(error);
  const text = error instanceof Error ? error.message : `${error}`;
  document.body.replaceChildren(h("main", { class: "list" }, h("h1", {}, "Quire"), h("p", { role: "alert" }, text)));
});
