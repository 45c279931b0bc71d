"""A real hub and a real daemon in one process, for tests that run cells."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from starlette.types import ASGIApp

from clients.daemon.epochs import EPOCH_BYTES
from clients.daemon.main import run_daemon
from clients.peer.hub_address import HubAddress, HubClient
from clients.peer.notebook import Notebook
from relay.messages import PeerInfo, PeerKind, Role
from sync_server.serve import Listening, serve

TOKEN = "a token for tests"


class Service:
    """A hub on a free port, and a daemon that serves it. Each can be stopped and started while peers stay."""

    def __init__(self, folder: Path, epoch_bytes: int = EPOCH_BYTES) -> None:
        self.folder = folder
        self._epoch_bytes = epoch_bytes
        self._port = 0
        self._hub_stop = asyncio.Event()
        self._daemon_stop = asyncio.Event()
        self._hub: asyncio.Task[None] | None = None
        self._daemon: asyncio.Task[None] | None = None
        self.routers: Sequence[APIRouter] = ()

    @property
    def address(self) -> HubAddress:
        return HubAddress(f"http://127.0.0.1:{self._port}", TOKEN)

    async def start_hub(self, mounts: Mapping[str, ASGIApp] | None = None) -> None:
        where: asyncio.Future[Listening] = asyncio.get_running_loop().create_future()
        self._hub_stop = asyncio.Event()
        state = self.folder / "state"
        serving = serve(
            state,
            TOKEN,
            "0",
            port=self._port,
            mounts=mounts,
            routers=self.routers,
            stop=self._hub_stop,
            on_listening=lambda at: where.set_result(at),
        )
        self._hub = asyncio.create_task(serving)
        await asyncio.wait((self._hub, asyncio.ensure_future(where)), return_when=asyncio.FIRST_COMPLETED)
        if self._hub.done():
            await self._hub
        self._port = (await where).port

    async def stop_hub(self) -> None:
        if self._hub is not None:
            self._hub_stop.set()
            await self._hub
            self._hub = None

    def start_daemon(self) -> None:
        self._daemon_stop = asyncio.Event()
        self._daemon = asyncio.create_task(
            run_daemon(self.address, self.folder / "state", stop=self._daemon_stop, epoch_bytes=self._epoch_bytes)
        )

    async def stop_daemon(self) -> None:
        if self._daemon is not None:
            self._daemon_stop.set()
            await self._daemon
            self._daemon = None

    async def lose_daemon(self) -> None:
        """The daemon goes without settling anything, as in a crash."""
        assert self._daemon is not None
        self._daemon.cancel()
        await asyncio.gather(self._daemon, return_exceptions=True)
        self._daemon = None

    async def open(self, path: Path) -> str:
        client = HubClient(self.address)
        try:
            return await client.open_notebook(path)
        finally:
            await client.close()

    @asynccontextmanager
    async def peer(
        self, path: Path, name: str = "ann", kind: PeerKind = "person", role: Role = "editor"
    ) -> AsyncIterator[Notebook]:
        """The notebook of a file, as a peer of this name has it."""
        who = PeerInfo(peer_id=name, name=name, kind=kind)
        async with Notebook.connect(await self.open(path), self.address, peer=who, role=role) as notebook:
            yield notebook


@asynccontextmanager
async def running_service(
    folder: Path, *, daemon: bool = True, epoch_bytes: int = EPOCH_BYTES
) -> AsyncIterator[Service]:
    """A service that is ended with everything in it."""
    service = Service(folder, epoch_bytes)
    await service.start_hub()
    if daemon:
        service.start_daemon()
    try:
        yield service
    finally:
        await service.stop_daemon()
        await service.stop_hub()


def notebook_file(folder: Path, sources: Sequence[str], name: str = "notebook.ipynb") -> Path:
    """A notebook file with these code cells, whose ids are c0, c1 …"""
    cells: list[dict[str, Any]] = [
        {"id": f"c{n}", "cell_type": "code", "source": s, "metadata": {}, "outputs": [], "execution_count": None}
        for n, s in enumerate(sources)
    ]
    path = folder / name
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}))
    return path
