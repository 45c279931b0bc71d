"""Who brought which changes of a notebook, and when: what of it is worth a row on disk. Pure.

A change carries neither name nor time, so the hub, which knows who it talks to and what time it is, notes both: a
*span* for the first change of an actor, and another one for the first that comes a minute or more after the last span
began, or is brought by somebody else. So a row costs a minute of somebody's writing, not an edit, and times are known
to the minute. Attribution remembers the latest span of each actor it has seen; what it has forgotten begins a new one.

Who brings a change is not always who wrote it: a peer may hand on what the hub has lost. The actors of our peers begin
with a hash of their peer id, so the owner is recognised, also when somebody else brings it (`author_of`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from notebook_doc.authors import Author
from notebook_doc.history.authors import Span, nameless
from notebook_doc.replica import author_key, author_key_of

SPAN_SECONDS: Final = 60.0
# Actors whose latest span is remembered: every peer has one or a few. One that was forgotten costs a row.
RECENT_ACTORS: Final = 4096
# Who wrote what the hub itself read from the notebook's file.
THE_FILE: Final = Author("", "the file", "file")


@dataclass(frozen=True, slots=True)
class Arrived:
    """The changes of one actor in a batch, from number `seq` on. `sender` is None if nobody knows who sent them;
    `brought`: the sender had them when it connected."""

    actor: bytes
    seq: int
    sender: Author | None
    brought: bool


@dataclass(frozen=True, slots=True)
class StoredSpan:
    """A span as it is kept: `owner` is the peer whose actor it is, if the hub has ever stored something of it."""

    actor: bytes
    from_seq: int
    sender: Author | None
    owner: Author | None
    time: float
    brought: bool


class Attribution:
    """See the module."""

    def __init__(self) -> None:
        self._latest: OrderedDict[bytes, tuple[float, Author | None]] = OrderedDict()

    def spans(self, arrived: Iterable[Arrived], now: float) -> list[StoredSpan]:
        """What is to be stored of a batch that arrived now (seconds since 1970)."""
        found: list[StoredSpan] = []
        for one in arrived:
            latest = self._latest.get(one.actor)
            if latest is not None and latest[1] == one.sender and 0 <= now - latest[0] < SPAN_SECONDS:
                continue
            self._latest[one.actor] = now, one.sender
            self._latest.move_to_end(one.actor)
            if len(self._latest) > RECENT_ACTORS:
                self._latest.popitem(last=False)
            found.append(StoredSpan(one.actor, one.seq, one.sender, None, now, one.brought))
        return found


def author_of(span: StoredSpan) -> Span:
    """Whose changes they are: the owner's; the sender's if it sent them as it wrote them; else nobody knows."""
    author = span.owner
    if author is None and span.sender is not None:
        own = author_key_of(span.sender.peer_id) == author_key(span.actor)
        author = span.sender if own or not span.brought else None
    return Span(span.actor, span.from_seq, author or nameless(span.actor), span.time, span.brought)
