"""What peers sent that a room's replica does not have yet, who sent it, and what of it was forwarded already. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from notebook_doc.sync_message import ChangeChunk, read_change
from sync_server.effects import NOBODY, PeerKey


@dataclass(slots=True)
class Arrival:
    """Something a peer sent that the replica does not have yet. `changes` is None for a snapshot."""

    author: PeerKey
    chunks: tuple[bytes, ...]
    changes: list[ChangeChunk] | None
    forwarded: bool
    brought: bool = False  # its author had it when it connected


def forwarded_of(arrivals: Iterable[Arrival]) -> Iterator[Arrival]:
    """Those that the other peers have been sent."""
    return (arrival for arrival in arrivals if arrival.forwarded)


def chunks_of(arrivals: Iterable[Arrival]) -> Iterator[bytes]:
    """All their bytes, as the core takes them."""
    return (chunk for arrival in arrivals for chunk in arrival.chunks)


def changes_of(arrivals: Iterable[Arrival]) -> Iterator[ChangeChunk]:
    """Their changes, without those inside snapshots."""
    return (change for arrival in arrivals for change in arrival.changes or ())


def brought_by(
    arrivals: Sequence[Arrival], fresh: Iterable[tuple[bytes, bytes]]
) -> tuple[tuple[bytes, int, PeerKey, bool], ...]:
    """What `Persist.brought` says of a batch in which these changes (hash and bytes) are new to the replica."""
    known = {change.hash: (change, arrival) for arrival in arrivals for change in arrival.changes or ()}
    whole = next((arrival for arrival in arrivals if arrival.changes is None), None)  # a snapshot, with many authors
    first: dict[bytes, tuple[int, PeerKey, bool]] = {}
    for change_hash, chunk in fresh:
        change, arrival = known.get(change_hash) or (read_change(chunk), whole)
        seen = first.get(change.actor)
        if seen is None or change.seq < seen[0]:
            sender = NOBODY if arrival is None else arrival.author
            first[change.actor] = (change.seq, sender, arrival is None or arrival.brought)
    return tuple((actor, *rest) for actor, rest in first.items())
