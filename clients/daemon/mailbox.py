"""Events between the task that reads a kernel and the one consumer that waits for them.

Putting never waits, so that a batch that was taken from a socket is never cut short; instead the reader asks for `room`
before it takes the next. So this holds `EVENTS` and one batch at most, in the order they were put. With each event goes
the sequence number up to which everything is consumed once this event is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from clients.daemon.events import KernelEvent

EVENTS: Final = 1_000  # that wait for the consumer; beyond it reading pauses, and messages wait in the keeper's spool


class Mailbox:
    """Events on their way to the consumer; owns them."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[tuple[KernelEvent, int] | None] = asyncio.Queue()
        self._room = asyncio.Event()
        self._room.set()
        self._wide = False
        self._seq = 0

    def put(self, events: Sequence[KernelEvent], seq: int | None = None) -> None:
        """Add these, all that message `seq` has to say; those of no message have no number."""
        for event in events[:-1]:
            self._events.put_nowait((event, self._seq))
        self._seq = self._seq if seq is None else seq
        if events:
            self._events.put_nowait((events[-1], self._seq))
        if self._events.qsize() >= EVENTS and not self._wide:
            self._room.clear()

    async def room(self) -> None:
        """Wait until fewer than `EVENTS` are waiting."""
        await self._room.wait()

    def widen(self) -> None:
        """The kernel is being ended: what still comes is little, and reading must not wait for the consumer."""
        self._wide = True
        self._room.set()

    def close(self) -> None:
        """No event comes after this."""
        self._events.put_nowait(None)

    async def get(self) -> tuple[KernelEvent, int] | None:
        """The next event; None at the end."""
        event = await self._events.get()
        if self._events.qsize() < EVENTS:
            self._room.set()
        return event
