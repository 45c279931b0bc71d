"""Who is behind an actor, and when its changes reached the hub: told by the hub, for a change has neither.

A span says that the changes of one actor, from a number on, came from this peer at this time; it reaches as far as the
next span of that actor. Times are those of arrival: an edit made offline has the time at which its author was back, and
is marked as brought along. What no span tells of is by somebody unknown.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from notebook_doc.authors import Author
from notebook_doc.replica import author_key


@dataclass(frozen=True, slots=True)
class Span:
    """The changes of `actor` from number `from_seq` on: whose, and when (seconds since 1970) the first of them came.

    `brought`: its author had them when it connected, so they may be older.
    """

    actor: bytes
    from_seq: int
    author: Author
    time: float
    brought: bool = False


@dataclass(frozen=True, slots=True)
class Writing:
    """What is known of one change: by whom, and when it arrived; None if nobody has told."""

    author: Author
    time: float | None
    brought: bool = False


def nameless(actor: bytes) -> Author:
    """Somebody whom nobody has told of; all actors of one peer begin alike, so two such can be told apart."""
    return Author(actor.hex(), f"somebody {actor[:2].hex()}", "unknown")


@dataclass(slots=True)
class _Actor:
    seqs: list[int] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)


class Authors:
    """Looks up spans. `known` are peers by what their actors begin with (`author_key`), for changes that the hub has
    not told of yet: this peer's own, and those of who is here."""

    def __init__(self, spans: Iterable[Span] = (), known: Mapping[bytes, Author] | None = None) -> None:
        self._actors: dict[bytes, _Actor] = {}
        self._known = dict(known or {})
        for span in sorted(spans, key=lambda span: span.from_seq):
            actor = self._actors.setdefault(span.actor, _Actor())
            actor.seqs.append(span.from_seq)
            actor.spans.append(span)

    def of(self, actor: bytes, seq: int) -> Writing:
        """What is known of an actor's change of this number."""
        known = self._actors.get(actor)
        number = 0 if known is None else bisect_right(known.seqs, seq)
        if known is None or number == 0:
            return Writing(self._known.get(author_key(actor)) or nameless(actor), None)
        span = known.spans[number - 1]
        return Writing(span.author, span.time, span.brought)
