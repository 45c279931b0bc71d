"""A hub in this process and a daemon as a process of its own, for tests that kill daemons, keepers and kernels."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

from clients.daemon.keeper.manifest import FOLDER, Manifest, find, folder_of
from clients.peer.notebook import Notebook
from tests.daemon.service import Service
from tests.support.daemon import DaemonProcess


class KeepingDaemon(DaemonProcess):
    """A daemon process whose keepers can be found."""

    def keepers(self) -> list[Manifest]:
        """The keepers that run here."""
        return find(folder_of(self.state)) if (self.state / FOLDER).exists() else []

    async def keeper(self) -> Manifest:
        """The one keeper that runs here, as soon as it does and its kernel has answered."""
        while not [one for one in self.keepers() if one.info]:
            await asyncio.sleep(0.02)
        (one,) = self.keepers()
        return one


@contextlib.asynccontextmanager
async def hub_and_daemon(folder: Path) -> AsyncIterator[tuple[Service, KeepingDaemon]]:
    """Both, ended with everything in them."""
    service = Service(folder)
    await service.start_hub()
    daemon = KeepingDaemon(service.address, folder / "state")
    daemon.start()
    try:
        yield service, daemon
    finally:
        await asyncio.to_thread(daemon.stop)
        await service.stop_hub()


async def until_it_printed(notebook: Notebook, execution_id: str, text: str) -> None:
    """Wait until an execution's outputs, as they are in the document, hold this."""
    seen = await notebook.until(lambda: text in str(notebook.runtime.outputs(execution_id)), 60)
    assert seen, f"{text!r} was not printed"


def runs(pid: int) -> bool:
    """Whether this process is there and is more than a zombie that its parent has not collected."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def until_gone(*pids: int) -> None:
    """Wait until these processes have ended."""
    async with asyncio.timeout(60):
        while any(map(runs, pids)):
            await asyncio.sleep(0.01)
