"""JSON clients for tests: over a real WebSocket to a real hub with the gateway, and a service that runs cells."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from clients.gateway.gateway import Gateway
from clients.gateway.routes import gateway_router
from sync_server.guard import AUTHENTICATED
from tests.daemon.service import TOKEN, Service

SECONDS = 30.0
# What was exchanged over real sockets in this process, and did not fail: message types that were sent and received, and
# REST companions as the documentation lists them.
SENT: set[str] = set()
RECEIVED: set[str] = set()
ANSWERED: set[str] = set()
COMPANIONS = (
    *("GET /config", "POST /create", "POST /open", "GET /sessions", "GET /sessions/{sid}", "GET /discover"),
    *("PUT /{sid}/name", "GET /{sid}/cells", "POST /{sid}/cells", "PUT /{sid}/cells/reorder", "PUT /{sid}/cells/{cid}"),
    *("DELETE /{sid}/cells/{cid}", "GET /{sid}/dag", "POST /{sid}/cells/{cid}/execute", "GET /{sid}/environment"),
    *("GET /{sid}/environment/jobs", "POST /{sid}/environment/jobs", "GET /{sid}/dependencies"),
    *("POST /{sid}/dependencies", "DELETE /{sid}/dependencies/{package}", "GET /{sid}/export"),
)
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


class JsonClient:
    """One client; every frame that came is kept, and `seq` is checked as it comes."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.frames: list[dict[str, Any]] = []
        self._read = 0

    async def send(self, kind: str, /, **payload: Any) -> None:
        SENT.add(kind)
        await self._socket.send(json.dumps({"type": kind, "payload": payload}))

    async def send_raw(self, data: str | bytes) -> None:
        await self._socket.send(data)

    async def receive(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(await asyncio.wait_for(self._socket.recv(), SECONDS))
        assert frame["seq"] == len(self.frames) + 1, "seq rises by one"
        assert frame["ts"].endswith("Z")
        self.frames.append(frame)
        RECEIVED.add(frame["type"])
        return frame

    async def until(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The payload of the next frame of this type in which these fields are so; those before it count as read."""
        while True:
            if self._read == len(self.frames):
                await self.receive()
            frame = self.frames[self._read]
            self._read += 1
            payload: dict[str, Any] = frame["payload"]
            if frame["type"] == kind and all(payload.get(key) == value for key, value in fields.items()):
                return payload

    async def ask(self, kind: str, answer: str, /, **payload: Any) -> dict[str, Any]:
        await self.send(kind, **payload)
        return await self.until(answer)

    def heard(self, cell_id: str, since: int = 0) -> list[str]:
        """What came about a cell, in short: `running`, `console`, `output`, `error`, `ready` …"""
        told = []
        for frame in self.frames[since:]:
            payload = frame["payload"]
            if payload.get("cell_id") != cell_id:
                continue
            match frame["type"]:
                case "cell_status":
                    told.append(payload["status"])
                case "cell_console" | "cell_output" | "cell_error":
                    told.append(frame["type"].removeprefix("cell_"))
        return told


class JsonService(Service):
    """A service whose hub has the gateway."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.gateway = Gateway(lambda: self.address)
        self.routers = [gateway_router(self.gateway, lambda websocket: bool(websocket.scope[AUTHENTICATED]))]

    def http(self) -> httpx.AsyncClient:
        base = f"{self.address.url}/v1/notebooks"
        hooks = {"response": [_note_companion]}
        return httpx.AsyncClient(base_url=base, headers=AUTHORIZED, timeout=SECONDS, trust_env=False, event_hooks=hooks)

    @asynccontextmanager
    async def client(self, session_id: str, query: str = "", *, slow: bool = False) -> AsyncIterator[JsonClient]:
        """One that reads whatever comes at once, or, if it is `slow`, only what it is told to receive."""
        url = f"ws{self.address.url.removeprefix('http')}/v1/notebooks/ws/{session_id}{query}"
        options: dict[str, Any] = {"max_queue": None}  # else what nobody reads holds up the end of the connection
        if slow:
            where = socket.socket()
            where.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            where.setblocking(False)
            await asyncio.get_running_loop().sock_connect(where, ("127.0.0.1", self._port))
            options = {"sock": where, "max_queue": 1, "ping_interval": None, "close_timeout": 0.1}
        async with connect(
            url, additional_headers=AUTHORIZED, compression=None, proxy=None, max_size=None, **options
        ) as connection:
            yield JsonClient(connection)


async def _note_companion(answer: httpx.Response) -> None:
    asked = f"{answer.request.method} {answer.request.url.path.partition('/v1/notebooks')[2]}"
    for companion in COMPANIONS:
        if answer.is_success and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", companion), asked):
            ANSWERED.add(companion)
            return


@asynccontextmanager
async def json_service(folder: Path, *, daemon: bool = True) -> AsyncIterator[JsonService]:
    service = JsonService(folder)
    await service.start_hub()
    if daemon:
        service.start_daemon()
    try:
        yield service
    finally:
        await service.gateway.close()
        await service.stop_daemon()
        await service.stop_hub()


async def wait_for(condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
