"""The frames on their way to one peer: a bounded queue and the one task that sends from it.

An Outbox owns what was handed over and not yet sent. It promises order, never waits, and says when it is no longer
drained (so that the room skips this peer) and when it is again. A frame for which the connection has room leaves at
once; waking the task for each keystroke and peer would cost as much as sending. A peer that does not read for so long
that the bound is reached is given up: its connection is closed, no frame of it is dropped.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from relay.connection import Connection
from relay.errors import ConnectionLost
from relay.frames import KIB, MIB

# Bytes waiting at which a peer counts as busy and gets no more sync messages until it has read what waits. A keystroke
# is 200 bytes; below this a burst in one turn of the loop would make everyone "busy".
BUSY_BYTES: Final = 64 * KIB
# Bytes waiting at which a peer is given up. One snapshot may be 64 MiB; what comes on top is answers and presence.
MAX_BYTES: Final = 80 * MIB


class Outbox:
    """See the module. `on_drained` is called when a busy peer's queue has become empty."""

    def __init__(
        self,
        connection: Connection,
        *,
        on_busy: Callable[[], None],
        on_drained: Callable[[], None],
        on_overflow: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._on_busy, self._on_drained, self._on_overflow = on_busy, on_drained, on_overflow
        self._frames: deque[bytes] = deque()
        self._bytes = 0  # of the frames that wait and of the one being sent
        self._busy = False
        self._closing = False
        self._wake = asyncio.Event()

    def put(self, frame: bytes) -> None:
        """Queue a frame. Frames after `close` or an overflow are not sent."""
        if self._closing or (not self._bytes and self._send_at_once(frame)):
            return
        self._frames.append(frame)
        self._bytes += len(frame)
        self._wake.set()
        if self._bytes > MAX_BYTES:
            self._closing = True
            self._frames.clear()
            self._on_overflow()
        elif self._bytes > BUSY_BYTES and not self._busy:
            self._busy = True
            self._on_busy()

    def _send_at_once(self, frame: bytes) -> bool:
        try:
            return self._connection.send_nowait(frame)
        except ConnectionLost:
            self._closing = True
            return True

    def close(self) -> None:
        """Send what waits, then let `run` return."""
        self._closing = True
        self._wake.set()

    async def run(self) -> None:
        """Send until closed or until the connection is lost, which is its reader's business to notice."""
        try:
            while not (self._closing and not self._frames):
                await self._wake.wait()
                while self._frames:
                    frame = self._frames.popleft()
                    await self._connection.send(frame)
                    self._bytes -= len(frame)
                self._wake.clear()
                if self._closing:
                    return
                if self._busy:
                    self._busy = False
                    self._on_drained()
        except ConnectionLost:
            self._closing = True
            self._frames.clear()
