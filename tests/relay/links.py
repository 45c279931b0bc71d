"""Servers and relays on real sockets, for the tests of this folder."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from relay.connection import Connection
from relay.endpoint import Endpoint, parse_endpoint
from relay.errors import ConnectionLost
from relay.frames import LARGEST_FRAME
from relay.pipe import serve_relay
from relay.websocket import WebSocketConnection

Handler = Callable[[Connection], Coroutine[Any, Any, None]]


@asynccontextmanager
async def websocket_server(handler: Handler, **options: Any) -> AsyncIterator[str]:
    """A WebSocket server on a free port; yields its ws:// URL without a path. `options` are those of `serve`."""

    async def handle(websocket: ServerConnection) -> None:
        async with asyncio.TaskGroup() as group:
            handling = group.create_task(handler(WebSocketConnection(websocket, "the test's client")))
            closed = group.create_task(websocket.wait_closed())
            await asyncio.wait({handling, closed}, return_when=asyncio.FIRST_COMPLETED)
            handling.cancel()
            closed.cancel()

    settings: dict[str, Any] = {"compression": None, "max_size": LARGEST_FRAME, **options}
    async with serve(handle, "127.0.0.1", 0, **settings) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def relay_server(listen: str, to: str, **options: Any) -> AsyncIterator[str]:
    """A running relay; yields the address that it listens at."""
    listening: asyncio.Future[Endpoint] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        serve_relay(parse_endpoint(listen), parse_endpoint(to), on_listening=listening.set_result, **options)
    )
    either: set[asyncio.Future[Any]] = {task, listening}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    try:
        if task.done():
            task.result()
        yield str(await listening)
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()


async def echo(connection: Connection) -> None:
    """Send every frame back until the client has gone."""
    try:
        while True:
            await connection.send(await connection.receive())
    except ConnectionLost:
        return


class Inbox:
    """A server's handler that hands its connections to the test, and keeps each open until the test closes it."""

    def __init__(self) -> None:
        self.connections: asyncio.Queue[Connection] = asyncio.Queue()

    async def __call__(self, connection: Connection) -> None:
        await self.connections.put(connection)
        await asyncio.get_running_loop().create_future()

    async def next(self) -> Connection:
        return await self.connections.get()


async def receive_until_lost(connection: Connection) -> list[bytes]:
    """Every frame that still comes."""
    frames: list[bytes] = []
    try:
        while True:
            frames.append(await connection.receive())
    except ConnectionLost:
        return frames


def random_frames(seed: int, count: int, largest: int = 600) -> list[bytes]:
    """Frames of every known type and some unknown ones, of 1 to `largest` bytes, the same for the same seed."""
    source = random.Random(seed)
    types = [*range(8), 0x2A, 0xFF]
    return [bytes([source.choice(types)]) + source.randbytes(source.randrange(largest)) for _ in range(count)]


def short_folder(tmp_path: Path) -> Path:
    """A private folder for sockets."""
    folder = tmp_path / "s"
    folder.mkdir(mode=0o700)
    return folder
