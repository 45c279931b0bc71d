"""The daemon: a runner for every notebook that the hub has open.

`run_daemon` stays in the hub's lobby, where it learns which notebooks are open, and keeps one NotebookRunner for each.
Losing the hub ends no kernel: runners reconnect by themselves, and the lobby is entered again. A runner that fails is
logged and started again when its notebook is next announced; the others go on.
"""

from __future__ import annotations

import asyncio
import logging
import os
from functools import partial
from pathlib import Path
from typing import Final

from clients.daemon.dataflow_service import DataflowService
from clients.daemon.environments.house import House
from clients.daemon.epochs import EPOCH_BYTES
from clients.daemon.formatting import Formatting
from clients.daemon.idle_kernels import IdleKernel
from clients.daemon.keeper.manifest import folder_of, reap_all
from clients.daemon.launch_plan import Resolver
from clients.daemon.results.store import ResultStore
from clients.daemon.runner import NotebookRunner
from clients.daemon.services import ServiceFactory
from clients.daemon.settings_mirror import SettingsMirror
from clients.daemon.widget_code import WidgetCodes
from clients.peer.errors import PeerError
from clients.peer.hub_address import HubAddress
from clients.peer.notebook import Notebook, this_program
from notebook_doc.migrations import SCHEMA_VERSION
from relay.errors import Refused, WireError
from relay.messages import (
    PROTOCOL_VERSION,
    Hello,
    NotebookClosed,
    NotebookOpened,
    PeerInfo,
    SessionError,
    decode,
    encode,
)
from relay.websocket import open_websocket

logger = logging.getLogger("quire.daemon")

# What serves every notebook beside the runner itself, and what says which kernel it gets.
SERVICES: Final[tuple[ServiceFactory, ...]] = (DataflowService,)
RESOLVER: Final[Resolver | None] = None  # None: the environments of `House`
# Seconds between attempts to enter the lobby of a hub that is away.
LOBBY_RETRY: Final = 0.5


async def run_daemon(address: HubAddress, state: Path, *, stop: asyncio.Event, epoch_bytes: int = EPOCH_BYTES) -> None:
    """Serve every notebook of this hub until `stop` is set. Raises Refused if the hub does not want this daemon.

    Kernels are found again by what lies in the state folder; none is left running when this returns. `epoch_bytes` is
    what may be written into a RuntimeDoc before it is started afresh.
    """
    house = House(state)
    mirror = SettingsMirror(address, house.state, house.settings_changed)
    house.settings = lambda: mirror.current
    daemon = _Daemon(address, folder_of(state), ResultStore(state), epoch_bytes, house, mirror)
    beside = (
        asyncio.create_task(house.run(), name="keep environments ready"),
        *([asyncio.create_task(mirror.run(), name="mirror the settings")] if house.state == state else []),
    )
    lobby = asyncio.create_task(daemon.stay_in_lobby(), name="stay in the lobby")
    stopping = asyncio.create_task(stop.wait(), name="wait for the end")
    try:
        await asyncio.wait((lobby, stopping), return_when=asyncio.FIRST_COMPLETED)
        if lobby.done():
            await lobby
    finally:
        for task in (lobby, stopping, *beside):
            task.cancel()
        await asyncio.gather(lobby, stopping, *beside, return_exceptions=True)
        await daemon.close()
        await asyncio.to_thread(reap_all, state)


class _Daemon:
    """Owns the runners."""

    def __init__(
        self,
        address: HubAddress,
        keepers: Path,
        results: ResultStore,
        epoch_bytes: int,
        house: House,
        mirror: SettingsMirror,
    ) -> None:
        self._address = address
        self._keepers = keepers
        self._results = results
        self._epoch_bytes = epoch_bytes
        self._house = house
        self._mirror = mirror
        self._peer = this_program("daemon", "daemon")
        self._runners: dict[str, asyncio.Task[None]] = {}  # the latest of each notebook, which waits for the one before
        self._ending: set[asyncio.Task[None]] = set()

    async def stay_in_lobby(self) -> None:
        while True:
            try:
                await self._in_lobby()
            except Refused:
                raise
            except WireError as error:
                logger.info("no connection to the hub: %s", error.message)
            await asyncio.sleep(LOBBY_RETRY)

    async def _in_lobby(self) -> None:
        connection = await open_websocket(self._address.lobby_url)
        try:
            hello = Hello(
                protocol=PROTOCOL_VERSION,
                schema=SCHEMA_VERSION,
                notebook_id="",
                peer=self._peer,
                token=self._address.token,
                role="daemon",
            )
            await connection.send(encode(hello))
            while True:
                match decode(await connection.receive()):
                    case NotebookOpened(notebook_id=notebook_id, path=path):
                        self._open(notebook_id, path)
                    case NotebookClosed(notebook_id=notebook_id):
                        self._close(notebook_id)
                    case SessionError() as error:
                        raise Refused(error.code, error.message, error.hint)
                    case _:
                        pass  # the welcome, and what later hubs may have to say
        finally:
            await connection.close()

    def _open(self, notebook_id: str, path: str | None) -> None:
        running = self._runners.get(notebook_id)
        if running is None or running.done() or running in self._ending:
            work = self._run(notebook_id, Path(path).parent if path else Path.home(), after=running)
            self._runners[notebook_id] = asyncio.create_task(work, name=f"run notebook {notebook_id}")

    async def _run(self, notebook_id: str, folder: Path, *, after: asyncio.Task[None] | None) -> None:
        """Run a notebook, once the runner that had it before has ended its kernel."""
        if after is not None:
            await asyncio.wait((after,))
        peer = PeerInfo(peer_id=f"{self._peer.peer_id}-{os.getpid()}", name="daemon", kind="daemon")
        try:
            async with Notebook.connect(notebook_id, self._address, peer=peer, role="daemon") as notebook:
                idle = partial(IdleKernel, settings=lambda: self._house.settings())
                formatting = partial(Formatting, settings=lambda: self._house.settings(), changed=self._mirror.changed)
                widgets = partial(WidgetCodes, store=self._house.store)
                services: tuple[ServiceFactory, ...] = (*SERVICES, self._house.service, idle, formatting, widgets)
                about = (notebook, folder, self._keepers, RESOLVER or self._house, services)
                await NotebookRunner(*about, results=self._results, epoch_bytes=self._epoch_bytes).run()
        except (WireError, PeerError) as error:
            logger.error("notebook %s is no longer served: %s", notebook_id, error)
        except Exception:
            logger.exception("notebook %s: its runner failed; this is a bug, please report it", notebook_id)

    def _close(self, notebook_id: str) -> None:
        """Let a runner end by itself: its kernel may take seconds, and the lobby goes on meanwhile."""
        running = self._runners.get(notebook_id)
        if running is not None and not running.done():
            self._ending.add(running)
            running.add_done_callback(self._ending.discard)
            running.cancel()

    async def close(self) -> None:
        """End every runner, and wait until their kernels have ended."""
        for notebook_id in self._runners:
            self._close(notebook_id)
        await asyncio.gather(*self._runners.values(), return_exceptions=True)
