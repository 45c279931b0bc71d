// Who is here besides this tab, where they are in the notebook, and telling them where we are.
//
// Owns the peers that the hub named and the place that is about to be told; the place of a moment is told at most every
// SAY_EVERY milliseconds, and only the latest.

import type { PresentPeer } from "../core/messages.ts";
import type { Session } from "../core/session.ts";
import { Signal } from "../core/signal.ts";
import type { Link } from "../link.ts";
import type { Visitor } from "./cell_editor.ts";
import { colourOf } from "./colours.ts";

const SAY_EVERY = 80;

export class People {
  readonly #session: Session;
  readonly #link: Link;
  readonly #peers = new Map<string, PresentPeer>();
  /** Somebody came, went or is somewhere else. */
  readonly changed = new Signal();
  #place: Record<string, unknown> = { status: "reading" };
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
    for (const present of peers) this.#peers.set(present.peer.peer_id, present);
    this.changed.emit();
  }

  left(peerId: string): void {
    this.#peers.delete(peerId);
    this.changed.emit();
  }

  /** Nothing is known of anybody while the link is down. */
  clear(): void {
    this.#peers.clear();
    this.changed.emit();
  }

  /** Who is in a cell. */
  visitors(cellId: string): Visitor[] {
    return this.others.filter(({ state }) => state?.["cell_id"] === cellId).map(visitor);
  }

  /** The cell that somebody is in. */
  cellOf(peerId: string): string | null {
    const cellId = this.#peers.get(peerId)?.state["cell_id"];
    return typeof cellId === "string" ? cellId : null;
  }

  /** Tell the others where we are. */
  sayPlace(place: Record<string, unknown>): void {
    this.#place = place;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#session.setPresence(this.#place);
      this.#link.poke();
    }, SAY_EVERY);
  }
}

function visitor({ peer, state }: PresentPeer): Visitor {
  const place = (value: unknown) => (typeof value === "number" && value >= 0 ? value : null);
  return { peerId: peer.peer_id, name: peer.name, colour: colourOf(peer.peer_id), anchor: place(state["anchor"]), head: place(state["head"]) };
}
