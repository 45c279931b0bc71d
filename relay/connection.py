"""A connection: whole frames, in order, between two peers, whatever carries them.

This module knows no socket. It names what every carrier promises, so that a hub, a peer and the pipe are written once,
and it has the carrier that never leaves the process, `memory_pair`, for tests and for peers of the same process.

What a connection promises:
- A frame arrives whole and after the frames sent before it, or the link ends. None is skipped, joined or torn.
- One task reads. `receive` may be cancelled at any time (a timeout, for instance) and loses nothing: the frame it
  would have returned comes from the next call.
- `send` hands the whole frame to the transport before it first waits, so a cancelled `send` has sent its frame and
  several tasks may send. What it then waits for is room: a slow receiver slows its sender down, in bounded memory.
- After the link has ended, what had already arrived is still received; then `receive` raises ConnectionLost for ever.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, Protocol

from relay.errors import ConnectionLost
from relay.frames import KIB, check_frame

# Bytes a connection keeps for a receiver that does not take them before `send` waits: about a thousand keystrokes, and
# small enough to keep for each of a hub's thousands of peers.
WRITE_BUFFER: Final = 256 * KIB

# How long closing may take, in seconds: long enough to flush a full write buffer over a slow line, short enough that a
# peer that has gone silent does not hold up the end of a program.
CLOSE_SECONDS: Final = 5.0


class Connection(Protocol):
    """Whole frames both ways. See the module's docstring for what is promised."""

    @property
    def peer_name(self) -> str:
        """Who is at the other end, for messages and logs: an address, a path, a command. Never a token."""

    async def send(self, frame: bytes) -> None:
        """Hand a whole frame to the transport, then wait until the transport has room again.

        Raises ConnectionLost when the link has ended. That it does not raise means only that the frame was handed over.
        The frame is taken as it is; whoever builds one uses `frames.frame` or `messages.encode`, which check its size.
        """

    def send_nowait(self, frame: bytes) -> bool:
        """Hand a whole frame to the transport if it has room and return True; else do nothing and return False.

        The hot path: no task switch, no await. Raises ConnectionLost when the link has ended.
        """
        ...

    async def receive(self) -> bytes:
        """The next whole frame, its size checked against the cap of its type.

        Raises ConnectionLost at the end, MalformedFrame or FrameTooLarge on what is no frame; after these two nothing
        more can be read, an error frame can still be sent, and the connection is to be closed.
        """
        ...

    async def close(self, reason: str = "") -> None:
        """Flush what was sent, end the link, and return when it has ended, after `CLOSE_SECONDS` at the latest.

        May be called again and from several tasks. `reason` is for people; it reaches the other side where the
        transport can carry it (a WebSocket can, a byte stream cannot: there, send an error frame first).
        """


class _Channel:
    """One direction of a memory pair. Owns the frames under way and whether that direction has ended."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity  # frames
        self._frames: deque[bytes] = deque()
        self._arrived = asyncio.Event()  # there is something to take, or nothing will ever come
        self._room = asyncio.Event()  # there is room, or nothing will ever be taken
        self._room.set()
        self._ended: str | None = None

    def put(self, frame: bytes) -> None:
        if self._ended is not None:
            raise ConnectionLost(self._ended)
        self._frames.append(frame)
        self._arrived.set()
        if len(self._frames) >= self._capacity:
            self._room.clear()

    def has_room(self) -> bool:
        return self._room.is_set()

    async def wait_for_room(self) -> None:
        await self._room.wait()

    async def take(self) -> bytes:
        await self._arrived.wait()
        if not self._frames:
            raise ConnectionLost(self._ended or "The link has ended.")
        frame = self._frames.popleft()
        if not self._frames and self._ended is None:
            self._arrived.clear()
        if len(self._frames) < self._capacity:
            self._room.set()
        return frame

    def end(self, reason: str) -> None:
        if self._ended is None:
            self._ended = reason
        self._arrived.set()
        self._room.set()


class MemoryConnection:
    """One end of `memory_pair`. Shares its two channels with the other end."""

    def __init__(self, peer_name: str, incoming: _Channel, outgoing: _Channel) -> None:
        self.peer_name = peer_name
        self._incoming = incoming
        self._outgoing = outgoing

    async def send(self, frame: bytes) -> None:
        self._outgoing.put(frame)
        await self._outgoing.wait_for_room()

    def send_nowait(self, frame: bytes) -> bool:
        if not self._outgoing.has_room():
            return False
        self._outgoing.put(frame)
        return True

    async def receive(self) -> bytes:
        frame = await self._incoming.take()
        check_frame(frame)
        return frame

    async def close(self, reason: str = "") -> None:
        ended = f"The link to {self.peer_name} was closed" + (f": {reason}." if reason else ".")
        self._outgoing.end(ended)
        self._incoming.end(ended)


def memory_pair(capacity: int = 64, names: tuple[str, str] = ("memory:a", "memory:b")) -> tuple[Connection, Connection]:
    """Two connections that are each other's peer, in this process and event loop.

    `capacity` is how many frames wait in each direction before `send` does; `names` are the names of the two ends, so
    the first connection's `peer_name` is the second name.
    """
    there, back = _Channel(capacity), _Channel(capacity)
    return MemoryConnection(names[1], back, there), MemoryConnection(names[0], there, back)
