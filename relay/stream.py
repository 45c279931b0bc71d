"""Frames over byte streams: Unix sockets, pipes, the standard input and output of a process.

Each frame is preceded by its length. What arrives is cut into frames at once, in the callback that brings it, so there
is no reader to cancel in the middle of a frame; frames that nobody has taken yet are held up to a bound, then reading
from the stream pauses. A stream that ends inside a frame is a lost connection like any other: the part is dropped. A
peer that ends only its writing side can still be sent to. A byte stream carries no reason for its end: send an error
frame first.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, cast

from relay.connection import CLOSE_SECONDS, WRITE_BUFFER, Connection
from relay.errors import BadEndpoint, ConnectionLost, FrameTooLarge, MalformedFrame, WireError
from relay.frames import KIB, FrameDecoder, length_prefixed
from relay.unix import private_socket

# Bytes of whole frames held for `receive` before reading pauses: what one read from a socket brings at most.
READ_BUFFER: Final = 256 * KIB

# Seconds before accepting is tried again when the system has no descriptors left; asyncio's own servers wait as long.
ACCEPT_RETRY_SECONDS: Final = 1.0
_OUT_OF_RESOURCES: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

Handler = Callable[[Connection], Awaitable[None]]


class FrameStream(asyncio.Protocol):
    """One transport's callbacks: frames in, and whether there is room to write. For a socket, one serves both ways.

    Owns the frames that have arrived and not been taken, and what is known about the end of the stream.
    """

    def __init__(self, peer_name: str) -> None:
        self._peer_name = peer_name
        self._decoder = FrameDecoder()
        self._frames: deque[bytes] = deque()
        self._held = 0  # bytes in _frames
        self._reading_paused = False
        self._arrival: asyncio.Future[None] | None = None  # what the one reader waits for
        self.end: WireError | None = None  # why nothing more will be read
        self.room = asyncio.Event()  # the transport takes more, or is gone
        self.room.set()
        self.gone = asyncio.Event()  # the transport has ended, both ways
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # or a pipe's transport, which has half of its methods

    def data_received(self, data: bytes) -> None:
        if self.end is not None:
            return
        try:
            frames = self._decoder.feed(data)
        except (MalformedFrame, FrameTooLarge):
            frames = []
        self._frames.extend(frames)
        self._held += sum(map(len, frames))
        if self._decoder.error is not None:
            self._ended(self._decoder.error)
        elif self._held > READ_BUFFER:
            self._pause()
        if frames:
            self._wake()

    def eof_received(self) -> bool:
        self._ended(self._why_it_ended(None))
        return True  # the other side may still read: keep the transport until we close it

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended(self._why_it_ended(exc))
        self.room.set()
        self.gone.set()

    def pause_writing(self) -> None:
        self.room.clear()

    def resume_writing(self) -> None:
        self.room.set()

    async def take(self) -> bytes:
        """The next frame; raises what ended the stream when there will be none. Cancelling loses nothing."""
        while not self._frames:
            if self.end is not None:
                raise self.end
            if self._arrival is not None:
                raise RuntimeError(f"two tasks receive from {self._peer_name}; a connection has one reader")
            self._arrival = asyncio.get_running_loop().create_future()
            try:
                await self._arrival
            finally:
                self._arrival = None
        frame = self._frames.popleft()
        self._held -= len(frame)
        if self._reading_paused and self._held <= READ_BUFFER // 2:
            self._resume()
        return frame

    def _why_it_ended(self, exc: Exception | None) -> ConnectionLost:
        try:
            self._decoder.close()
        except (MalformedFrame, FrameTooLarge) as error:
            return ConnectionLost(f"The link to {self._peer_name} broke off: {error.message}.")
        return ConnectionLost(f"The link to {self._peer_name} {'has ended' if exc is None else f'broke off: {exc}'}.")

    def _ended(self, why: WireError) -> None:
        if self.end is None:
            self.end = why
        self._wake()

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def _pause(self) -> None:
        if not self._reading_paused and self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()
            self._reading_paused = True

    def _resume(self) -> None:
        self._reading_paused = False
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()


class StreamConnection:
    """A Connection over one transport (a socket) or two (a pipe each way). Owns them from the start."""

    def __init__(self, peer_name: str, reading: FrameStream, writing: FrameStream) -> None:
        self.peer_name = peer_name
        self._reading = reading
        self._writing = writing
        self._transport = cast(asyncio.Transport, writing.transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER)

    async def send(self, frame: bytes) -> None:
        self._write(frame)
        if not self._writing.room.is_set():
            await self._writing.room.wait()

    def send_nowait(self, frame: bytes) -> bool:
        if not self._writing.room.is_set():
            return False
        self._write(frame)
        return True

    async def receive(self) -> bytes:
        return await self._reading.take()

    async def close(self, reason: str = "") -> None:
        self._transport.close()  # once what was sent is flushed
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._writing.gone.wait()
        except TimeoutError:
            pass  # the peer does not take what it was sent
        finally:
            if not self._writing.gone.is_set():
                self._transport.abort()
            if self._reading is not self._writing and self._reading.transport is not None:
                self._reading.transport.close()

    def _write(self, frame: bytes) -> None:
        if self._transport.is_closing():
            end = self._reading.end
            raise ConnectionLost(end.message if end is not None else f"The link to {self.peer_name} is closed.")
        self._transport.write(length_prefixed(frame))


async def open_unix(path: Path) -> Connection:
    """Connect to the server at a Unix socket. Raises ConnectionLost when there is none and BadEndpoint for no path."""
    name = f"unix:{path}"
    stream = FrameStream(name)
    try:
        await asyncio.get_running_loop().create_unix_connection(lambda: stream, str(path))
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise ConnectionLost(f"Nothing listens at {path}.", "Start the server, or check the path.") from error
    except OSError as error:
        raise BadEndpoint(f"Cannot connect to {path}: {error}.", "Check the path and its permissions.") from error
    return StreamConnection(name, stream, stream)


def _close(client: socket.socket, _task: object) -> None:
    client.close()


@asynccontextmanager
async def serve_unix(path: Path, handler: Handler) -> AsyncIterator[None]:
    """Listen at a Unix socket while the context lasts; `handler` has each connection, which is closed after it.

    The socket is 0600 in a folder that only its owner can enter; a file without a server is replaced. WireErrors of a
    handler end its own connection only; anything else ends the context. Leaving it ends the handlers and removes the
    socket. Raises BadEndpoint (in use, no socket, too long a path) and UnsafeState (a folder that is open to others).
    """
    loop = asyncio.get_running_loop()
    name = f"a client of unix:{path}"

    async def handle(client: socket.socket) -> None:
        stream = FrameStream(name)
        await loop.connect_accepted_socket(lambda: stream, client)
        connection = StreamConnection(name, stream, stream)
        try:
            await handler(connection)
        except WireError as error:
            await connection.close(error.message)
        finally:
            await connection.close()

    async def accept(bound: socket.socket) -> None:
        async with asyncio.TaskGroup() as handlers:
            while True:
                try:
                    client, _ = await loop.sock_accept(bound)
                except OSError as error:
                    if error.errno not in _OUT_OF_RESOURCES:
                        raise
                    await asyncio.sleep(ACCEPT_RETRY_SECONDS)
                    continue
                task = handlers.create_task(handle(client))
                # A task that is cancelled before it begins never comes to the closing in `handle`.
                task.add_done_callback(partial(_close, client))

    with private_socket(path) as bound:
        # Not asyncio's own server: what that accepts in the turn in which it closes is left hanging (Python 3.11).
        async with asyncio.TaskGroup() as group:
            accepting = group.create_task(accept(bound))
            try:
                yield
            finally:
                accepting.cancel()
