"""An ASGI application in another process: each request is a socket of its own, handed over when it begins.

It knows HTTP requests as ASGI has them and nothing of what they ask for. `FarApp` is the end where requests arrive,
`serve_app` the one where the application lives; between them is a *door*, a pair of sockets on which the near end
passes one end of a fresh pair for each request. So nothing listens anywhere, and nobody else can come in. On the socket
of a request go its head and body one way and the answer the other way, as MessagePack messages behind their length.

It promises that an answer streams as it is made; that whoever is slow holds up the other end instead of filling
memory: what is under way of a request is at most a few pieces and socket buffers; that a client which goes away is
gone at the other end as well; and that of an answer which the other process did not end, the client is never told that
it has ended. It refuses WebSockets, and pieces larger than it would send itself.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

logger = logging.getLogger("quire.hub")

# Bytes of a body in one message, and of a message: a head may be that large, too.
PIECE: Final = 256 * 1024
LARGEST: Final = 2 * PIECE
_LENGTH: Final = 4

Headers = list[tuple[bytes, bytes]]


class FarAppGone(Exception):
    """The other process has ended, or broke the request off. `answered`: an answer had begun."""

    def __init__(self, *, answered: bool) -> None:
        super().__init__("the process of the application is gone")
        self.answered = answered


class FarAppBusy(Exception):
    """The other process does not take requests up as fast as they come."""


class _Head(msgspec.Struct, frozen=True, array_like=True, tag="head"):
    method: str
    path: str
    query: bytes
    headers: Headers


class _Body(msgspec.Struct, frozen=True, array_like=True, tag="body"):
    data: bytes
    more: bool


class _Start(msgspec.Struct, frozen=True, array_like=True, tag="start"):
    status: int
    headers: Headers


_Message = _Head | _Body | _Start


class FarApp:
    """The near end, an ASGI application. Owns its end of the door."""

    def __init__(self, door: socket.socket) -> None:
        self._door = door
        door.setblocking(False)

    def close(self) -> None:
        """Nothing comes through any more. What is under way goes on."""
        self._door.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. Raises FarAppGone, FarAppBusy."""
        line = await self._line()
        asking = asyncio.create_task(_ask(line, scope, receive), name="pass a request on")
        answered = False
        try:
            while (message := await line.receive()) is not None:
                match message:
                    case _Start(status, headers):
                        answered = True
                        await send({"type": "http.response.start", "status": status, "headers": headers})
                    case _Body(data, more):
                        await send({"type": "http.response.body", "body": data, "more_body": more})
                        if not more:
                            return
            if not line.was_left:
                raise FarAppGone(answered=answered)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            line.close()

    async def _line(self) -> _Line:
        """A socket for one request, whose other end is in the other process."""
        here, there = socket.socketpair()
        try:
            socket.send_fds(self._door, [b"\0"], [there.fileno()])
        except BlockingIOError as error:
            here.close()
            raise FarAppBusy from error
        except OSError as error:
            here.close()
            raise FarAppGone(answered=False) from error
        finally:
            there.close()
        return await _Line.over(here)


async def _ask(line: _Line, scope: Scope, receive: Receive) -> None:
    """Send a request, and then wait for the client to go away."""
    await line.send(_Head(scope["method"], scope["path"], scope["query_string"], list(scope["headers"])))
    while (message := await receive())["type"] == "http.request":
        for piece in _pieces(message.get("body", b""), message.get("more_body", False)):
            await line.send(piece)
    line.leave()


async def serve_app(app: ASGIApp, door: socket.socket) -> None:
    """Serve what comes through the door. Until cancelled, which breaks off what is not answered yet."""
    loop = asyncio.get_running_loop()
    door.setblocking(False)
    async with asyncio.TaskGroup() as requests:

        def take() -> None:
            try:
                data, descriptors, _, _ = socket.recv_fds(door, 1, 1)
            except BlockingIOError:
                return
            if not data:
                loop.remove_reader(door)  # the near end has hung up, or is gone
            for descriptor in descriptors:
                requests.create_task(_answer(app, socket.socket(fileno=descriptor)), name="answer a request")

        loop.add_reader(door, take)
        try:
            await loop.create_future()
        finally:
            loop.remove_reader(door)
            door.close()


async def _answer(app: ASGIApp, connection: socket.socket) -> None:
    line = await _Line.over(connection)
    try:
        head = await line.receive()
        if not isinstance(head, _Head):
            return
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "scheme": "http",
            "method": head.method,
            "path": head.path,
            "raw_path": head.path.encode(),
            "root_path": "",
            "query_string": head.query,
            "headers": head.headers,
            "client": None,
            "server": None,
        }
        await app(scope, lambda: _asked(line), lambda message: _tell(line, message))
    except Exception:
        logger.exception("a request of an agent failed; this is a bug, please report it")
    finally:
        line.close()


async def _asked(line: _Line) -> dict[str, Any]:
    message = await line.receive()
    if isinstance(message, _Body):
        return {"type": "http.request", "body": message.data, "more_body": message.more}
    return {"type": "http.disconnect"}


async def _tell(line: _Line, message: Any) -> None:
    if message["type"] == "http.response.start":
        await line.send(_Start(message["status"], list(message.get("headers", ()))))
        return
    for piece in _pieces(message.get("body", b""), message.get("more_body", False)):
        await line.send(piece)


def _pieces(data: bytes, more: bool) -> Iterator[_Body]:
    """A body in pieces that are not too large; the last one says whether more follows."""
    last = max(0, len(data) - 1) // PIECE * PIECE
    for start in range(0, last, PIECE):
        yield _Body(data[start : start + PIECE], True)
    yield _Body(data[last:], more)


class _Line:
    """One request's connection: messages both ways. A cancelled `receive` loses nothing. Close it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._length: int | None = None  # of the message that is being received
        self.was_left = False  # on our side, because nobody waits for the answer

    @classmethod
    async def over(cls, connection: socket.socket) -> _Line:
        """On a connected socket."""
        connection.setblocking(False)
        return cls(*await asyncio.open_unix_connection(sock=connection))

    async def send(self, message: _Message) -> None:
        """Send, once there is room. What nobody is there to receive is dropped: `receive` tells."""
        if self._writer.is_closing():
            await asyncio.sleep(0)  # others get their turn even if somebody goes on sending
            return
        data = msgspec.msgpack.encode(message)
        self._writer.writelines((len(data).to_bytes(_LENGTH, "big"), data))
        with suppress(ConnectionError):
            await self._writer.drain()

    async def receive(self) -> _Message | None:
        """The next message; None when the other end has gone."""
        try:
            if self._length is None:
                self._length = int.from_bytes(await self._reader.readexactly(_LENGTH), "big")
            if self._length > LARGEST:
                return None
            data = await self._reader.readexactly(self._length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        self._length = None
        message: _Message = msgspec.msgpack.decode(data, type=_Message)
        return message

    def leave(self) -> None:
        """Hang up: nobody waits any more."""
        self.was_left = True
        self._writer.close()

    def close(self) -> None:
        """Let go of the socket."""
        self._writer.close()
