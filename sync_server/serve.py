"""The hub as a server process: opens the state folder, listens, and shuts down in order.

`serve` binds first and announces itself afterwards, so whoever is told the address can connect. It ends when `stop` is
set: sessions are told, files saved, the store closed. Loopback only: beyond it a reverse proxy with TLS belongs in
front.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import APIRouter
from starlette.types import ASGIApp

from relay.errors import ErrorCode, WireError
from relay.frames import LARGEST_FRAME
from sync_server.app import make_app
from sync_server.blobs import DirectoryBlobStore
from sync_server.guard import policy_for
from sync_server.hub import Hub
from sync_server.metrics import Registry
from sync_server.sqlite_store import SqliteStore

# Seconds between WebSocket pings, and for an answer to one: a peer whose machine went to sleep is noticed within a
# minute.
PING_INTERVAL: Final = 20.0
PING_TIMEOUT: Final = 20.0
# Connections waiting to be accepted.
BACKLOG: Final = 512
# Seconds that a thread which computes keeps the interpreter from the event loop. Files are written by a thread, 0.1 s
# of computing for 1,000 cells, and with Python's own 5 ms everything that passes meanwhile waits so long at each of its
# turns: an echo beside a busy thread took 12 ms, with this it takes 0.8 ms.
SWITCH_SECONDS: Final = 0.0005


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the hub can be reached."""

    port: int
    hub: Hub

    @property
    def url(self) -> str:
        """Its base URL, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"


async def serve(
    state: Path,
    token: str,
    version: str,
    *,
    port: int = 0,
    page: Path | None = None,
    mounts: Mapping[str, ASGIApp] | None = None,
    routers: Sequence[APIRouter] = (),
    stop: asyncio.Event,
    on_listening: Callable[[Listening], None],
) -> None:
    """Run a hub on 127.0.0.1 (port 0: any free one) until `stop` is set.

    `page` is the folder of the page that it serves. `mounts` are applications of others by their paths and `routers`
    routes of others, which come before its own; all are behind the same guard.
    Raises StorageError if the state folder cannot be used, WireError if the port is taken.
    """
    listener = _listen(port)
    bound: int = listener.getsockname()[1]
    metrics = Registry()
    async with AsyncExitStack() as stack:
        stack.callback(listener.close)
        stack.enter_context(_loop_comes_first())
        store = await SqliteStore.open(state)
        stack.push_async_callback(store.close)
        blobs = await asyncio.to_thread(DirectoryBlobStore, state / "blobs")
        hub = await stack.enter_async_context(Hub.running(store, blobs, token))
        _measure(hub, metrics)
        app = make_app(hub, policy_for(token, bound), metrics, version, page, mounts, routers)
        server = _Server(_config(app))
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(server.serve([listener]), name="serve HTTP")
            await server.listening.wait()
            on_listening(Listening(bound, hub))
            await stop.wait()
            await hub.close()  # tell everyone and save while connections are still up
            server.should_exit = True
            await serving


class _Server(uvicorn.Server):
    """uvicorn, which leaves signals to us and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process that runs the hub."""
        yield


@contextmanager
def _loop_comes_first() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _config(app: object) -> uvicorn.Config:
    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # prints a traceback for each peer's bad frame
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # FastAPI's type is not uvicorn's ASGI union
        ws="websockets-sansio",
        ws_max_size=LARGEST_FRAME,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_INTERVAL,
        ws_ping_timeout=PING_TIMEOUT,
        http="h11",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        hint = "Choose another with --port, or leave it out to get a free one."
        raise WireError(
            ErrorCode.INTERNAL, f"Port {port} cannot be used: {error.strerror}.", hint, fault="local"
        ) from error
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def _measure(hub: Hub, metrics: Registry) -> None:
    rooms = metrics.gauge("quire_open_notebooks", "Notebooks in memory").labels()
    rooms.read_from(lambda: len(hub.open_rooms()))
    peers = metrics.gauge("quire_peers", "Connections that are in a notebook").labels()
    peers.read_from(lambda: sum(len(live.room.members) for live in hub.open_rooms()))
    frames = metrics.gauge("quire_frames_received", "Frames received from peers of the open notebooks").labels()
    frames.read_from(lambda: sum(live.frames_received for live in hub.open_rooms()))
