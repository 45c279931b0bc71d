// Who is here besides this tab, where they are in the notebook, and telling them where we are.
//
// Owns the peers that the hub named and the place that is about to be told; the place of a moment is told at most every
// SAY_EVERY milliseconds, and only the latest.

import type { PresentPeer } from "../core/messages.ts";
import type { Session } from "../core/session.ts";
import { Signal } from "../core/signal.ts";
import type { Link } from "../link.ts";
import type { Visitor } from "./cell_editor.ts";
import { colours } from "./colours.ts";

const SAY_EVERY = 80;

export class People {
  readonly #session: Session;
  readonly #link: Link;
  readonly #peers = new Map<string, PresentPeer>();
  /** Somebody came, went or is somewhere else. */
  readonly changed = new Signal();
  /** Somebody came who was not here. */
  readonly came = new Signal<PresentPeer>();
  #place: Record<string, unknown> = { status: "reading" };
  #view: object | null = null;
  /** One object for each place that a peer has named, the same until it names another. */
  readonly #said = new Map<string, object>();
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(session: Session, link: Link) {
    this.#session = session;
    this.#link = link;
  }

  get self(): PresentPeer {
    return { peer: this.#session.peer, role: this.#session.role, state: {} };
  }

  get others(): PresentPeer[] {
    return [...this.#peers.values()].filter(({ peer }) => peer.peer_id !== this.#session.peer.peer_id);
  }

  get hasDaemon(): boolean {
    return [...this.#peers.values()].some(({ role }) => role === "daemon");
  }

  get(peerId: string): PresentPeer | undefined {
    return this.#peers.get(peerId);
  }

  /** These are here, or somewhere else now. */
  take(peers: readonly PresentPeer[]): void {
    const fresh = peers.filter(({ peer }) => !this.#peers.has(peer.peer_id));
    for (const present of peers) {
      const id = present.peer.peer_id;
      if (!isSamePlace(this.#peers.get(id)?.state, present.state)) this.#said.set(id, {});
      this.#peers.set(id, present);
    }
    this.#changed();
    for (const present of fresh) this.came.emit(present);
  }

  left(peerId: string): void {
    this.#peers.delete(peerId);
    this.#said.delete(peerId);
    this.#changed();
  }

  /** Nothing is known of anybody while the link is down. */
  clear(): void {
    this.#peers.clear();
    this.#changed();
  }

  #changed(): void {
    colours.setHere([this.self, ...this.others].filter(({ role }) => role !== "daemon").map(({ peer }) => peer));
    this.changed.emit();
  }

  /** Who is in a cell. */
  visitors(cellId: string): Visitor[] {
    return this.others.filter(({ state }) => state?.["cell_id"] === cellId).map((present) => this.#visitor(present));
  }

  /** The cell that somebody is in. */
  cellOf(peerId: string): string | null {
    const cellId = this.#peers.get(peerId)?.state["cell_id"];
    return typeof cellId === "string" ? cellId : null;
  }

  /** Tell the others where we are. */
  sayPlace(place: Record<string, unknown>): void {
    this.#place = place;
    this.#tell();
  }

  /** Tell them what part of the notebook our screen shows (see view_place.ts). */
  sayView(view: object | null): void {
    this.#view = view;
    this.#tell();
  }

  #tell(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#session.setPresence(this.#view === null ? this.#place : { ...this.#place, view: this.#view });
      this.#link.poke();
    }, SAY_EVERY);
  }

  #visitor({ peer, state }: PresentPeer): Visitor {
    const place = (value: unknown) => (typeof value === "number" && value >= 0 ? value : null);
    const { peer_id: peerId, name, kind } = peer;
    const said = this.#said.get(peerId) ?? state;
    return { peerId, name, kind, colour: colours.of({ name, kind }), anchor: place(state["anchor"]), head: place(state["head"]), said };
  }
}

function isSamePlace(before: Record<string, unknown> | undefined, now: Record<string, unknown>): boolean {
  return before !== undefined && ["cell_id", "anchor", "head"].every((key) => before[key] === now[key]);
}
