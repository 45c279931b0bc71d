"""Events between the tasks that read a kernel and the one consumer that waits for them.

Putting never waits, so that a batch that was taken from a socket is never cut short; instead a reader asks for `room`
before it takes the next. So this holds `EVENTS` and one batch of each channel at most, in the order they were put.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from clients.daemon.events import KernelEvent

EVENTS: Final = 1_000  # that wait for the consumer; beyond it reading pauses, and messages wait in libzmq


class Mailbox:
    """Events on their way to the consumer; owns them."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[KernelEvent | None] = asyncio.Queue()
        self._room = asyncio.Event()
        self._room.set()

    def put(self, events: Iterable[KernelEvent]) -> None:
        """Add these."""
        for event in events:
            self._events.put_nowait(event)
        if self._events.qsize() >= EVENTS:
            self._room.clear()

    async def room(self) -> None:
        """Wait until fewer than `EVENTS` are waiting."""
        await self._room.wait()

    def close(self) -> None:
        """No event comes after this."""
        self._events.put_nowait(None)

    async def get(self) -> KernelEvent | None:
        """The next event; None at the end."""
        event = await self._events.get()
        if self._events.qsize() < EVENTS:
            self._room.set()
        return event
