"""People and agents in one notebook, on a real hub, with or without a daemon that runs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from clients.peer.hub_address import HubAddress
from clients.peer.notebook import Notebook
from relay.messages import PeerInfo, PeerKind
from tests.daemon.service import notebook_file, running_service

SECONDS = 60.0


class Company:
    """Lets peers into one notebook."""

    def __init__(self, stack: AsyncExitStack, address: HubAddress, notebook_id: str) -> None:
        self._stack, self.address, self.notebook_id = stack, address, notebook_id

    async def enter(self, name: str, kind: PeerKind = "person") -> Notebook:
        who = PeerInfo(peer_id=name, name=name, kind=kind)
        return await self._stack.enter_async_context(Notebook.connect(self.notebook_id, self.address, peer=who))


@asynccontextmanager
async def company(folder: Path, sources: Sequence[str], *, daemon: bool = False) -> AsyncIterator[Company]:
    """A notebook with these code cells, c0, c1 …"""
    path = notebook_file(folder, sources)
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(running_service(folder, daemon=daemon))
        yield Company(stack, service.address, await service.open(path))


async def agree(*notebooks: Notebook) -> None:
    """Wait until these have the same document."""
    first, *others = notebooks
    async with asyncio.timeout(SECONDS):
        while True:
            heads = first.doc.replica.heads()
            if all(other.doc.replica.heads() == heads for other in others):
                return
            await asyncio.sleep(0.005)  # their links run meanwhile


async def seen(notebook: Notebook, condition: Callable[[], bool]) -> None:
    """Wait until a condition on this notebook holds."""
    assert await notebook.until(condition, SECONDS)
