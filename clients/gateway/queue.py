"""The frames on their way to one client: in order, numbered as they leave, bounded. Pure.

A client that reads slowly never holds up anybody and never grows: of a kind of which only the latest counts (the graph,
the whole state) only the latest waits, in the place of the first; and when more waits than LIMIT, all of it is replaced
by one frame with the whole state, which is made when the client is ready for it. So what it is sent is late, but never
wrong, and `seq` has no gaps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from notebook_doc.replica import Heads

# Characters that may wait for one client: some seconds of a flood of output.
LIMIT: Final = 8 * 1024 * 1024
# Of these only the latest counts.
_LATEST: Final = frozenset(("dag_update",))


@dataclass(frozen=True, slots=True)
class Sources:
    """What a frame shows of all cells, and at which heads the document said so."""

    heads: Heads
    by_cell: Mapping[str, str]


@dataclass(slots=True)
class Outgoing:
    """A frame without its number: its payload is encoded once for all clients."""

    kind: str
    payload: str
    sources: Sources | None = None


class ClientQueue:
    """See the module."""

    def __init__(self) -> None:
        self._waiting: list[Outgoing] = []
        self._size = 0
        self._seq = 0
        self.wants_state = False  # what waited was too much: send the whole state next, then `caught_up`

    def __len__(self) -> int:
        return len(self._waiting) + self.wants_state

    def put(self, frame: Outgoing) -> None:
        """Queue a frame. Nothing is queued while the whole state is due, which says it all."""
        if self.wants_state and frame.kind != "error":
            return
        if frame.kind in _LATEST:
            for waiting in self._waiting:
                if waiting.kind == frame.kind:
                    self._size += len(frame.payload) - len(waiting.payload)
                    waiting.payload, waiting.sources = frame.payload, frame.sources
                    return
        self._waiting.append(frame)
        self._size += len(frame.payload)
        if self._size > LIMIT:
            self._waiting, self._size, self.wants_state = [], 0, True

    def take(self) -> tuple[int, Outgoing] | None:
        """The next frame and its number; None if nothing waits. What is taken must be sent."""
        if not self._waiting:
            return None
        frame = self._waiting.pop(0)
        self._size -= len(frame.payload)
        return self.number(), frame

    def number(self) -> int:
        """The number of the next frame that leaves."""
        self._seq += 1
        return self._seq

    def caught_up(self) -> None:
        """The whole state leaves now; what comes after it is queued again."""
        self.wants_state = False
