"""The notebooks that agents have open through the MCP server, and what each has read.

A Desk owns a peer for each agent and notebook, so agents are told apart by everybody and share nothing, least of all a
"current notebook": every call names its own. It keeps what an agent read under a version that the agent is told, so an
edit that names the version is made to what was read. What nobody asked for in a while is closed; a version that is no
longer kept is an error that says to read again.
"""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from clients.agent.errors import AgentError
from clients.peer.hub_address import HubAddress, HubClient
from clients.peer.notebook import Notebook
from clients.peer.target import FileTarget, HubTarget, IdTarget, parse_target
from notebook_doc.batch import Reading
from relay.messages import PeerInfo

# Readings that are kept: an agent that thinks for long still finds its own. Each shares what it can with the others.
MAX_READINGS: Final = 256
# Seconds that a notebook stays open after an agent last asked for something in it.
IDLE_SECONDS: Final = 900.0


@dataclass(slots=True)
class _Seat:
    """One agent in one notebook."""

    notebook: Notebook
    stack: AsyncExitStack
    used: float

    @property
    def runs_something(self) -> bool:
        """Whether something that this agent asked for is running or waits."""
        runtime, me = self.notebook.runtime, self.notebook.peer.peer_id
        records = [runtime.execution(execution_id) for execution_id in runtime.queue()]
        return any(record is not None and record.requested_by.peer_id == me for record in records)


class Desk:
    """See the module. `hub` says where the hub is, each time a notebook is opened."""

    def __init__(self, hub: Callable[[], HubAddress]) -> None:
        self._hub = hub
        self._seats: dict[tuple[str, str], _Seat] = {}
        self._opening: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._readings: OrderedDict[str, tuple[str, Reading]] = OrderedDict()

    @classmethod
    @asynccontextmanager
    async def at(cls, hub: Callable[[], HubAddress]) -> AsyncIterator[Desk]:
        """A desk that closes everything in the end."""
        desk = cls(hub)
        async with asyncio.TaskGroup() as tasks:
            closing = tasks.create_task(desk._close_what_is_idle(), name="close what agents left")
            try:
                yield desk
            finally:
                closing.cancel()
                for key in list(desk._seats):
                    await desk._leave(key)

    def client(self) -> HubClient:
        """HTTP to the hub; close it."""
        return HubClient(self._hub())

    async def open_path(self, path: str, *, create: bool) -> str:
        """The id of the notebook of a file, which may be made."""
        target = parse_target(path)
        if not isinstance(target, FileTarget):
            return target.notebook_id
        client = self.client()
        try:
            return await client.open_notebook(target.path, create=create)
        finally:
            await client.close()

    async def notebook(self, name: str, agent: str, key: str) -> Notebook:
        """A notebook by its id, path or address, as this agent has it."""
        match parse_target(name):
            case IdTarget(notebook_id) | HubTarget(_, notebook_id):
                pass
            case FileTarget(path) if path.suffix != ".ipynb":
                raise AgentError(
                    f"{name!r} is neither the id nor the address of a notebook, nor the path of an .ipynb file.",
                    "list_notebooks says which there are; open_notebook opens a file by its path.",
                )
            case FileTarget():
                notebook_id = await self.open_path(name, create=False)
        return (await self._seat(notebook_id, agent, key)).notebook

    async def _seat(self, notebook_id: str, agent: str, key: str) -> _Seat:
        now = asyncio.get_running_loop().time()
        async with self._opening[key, notebook_id]:
            seat = self._seats.get((key, notebook_id))
            if seat is not None and not seat.notebook.has_ended:
                seat.used = now
                return seat
            if seat is not None:
                await self._leave((key, notebook_id))
            stack = AsyncExitStack()
            who = PeerInfo(peer_id=uuid.uuid4().hex, name=agent, kind="agent")
            opened = Notebook.connect(notebook_id, self._hub(), peer=who, find=self._hub)
            notebook = await stack.enter_async_context(opened)
            seat = self._seats[key, notebook_id] = _Seat(notebook, stack, now)
            return seat

    async def _leave(self, key: tuple[str, str]) -> None:
        seat = self._seats.pop(key, None)
        if seat is not None:
            await seat.stack.aclose()

    async def _close_what_is_idle(self) -> None:
        while True:
            await asyncio.sleep(IDLE_SECONDS / 10)
            now = asyncio.get_running_loop().time()
            for key, seat in list(self._seats.items()):
                if now - seat.used > IDLE_SECONDS and not seat.runs_something:
                    await self._leave(key)

    # --- versions -----------------------------------------------------------------------------------------------------

    def keep(self, notebook_id: str, reading: Reading) -> str:
        """Keep what was read; the version by which the agent names it."""
        version = secrets.token_hex(4)
        self._readings[version] = (notebook_id, reading)
        if len(self._readings) > MAX_READINGS:
            self._readings.popitem(last=False)
        return version

    def reading(self, notebook_id: str, version: str) -> Reading:
        """What was read under this version. Raises AgentError if it is not kept (any more)."""
        kept = self._readings.get(version)
        if kept is None or kept[0] != notebook_id:
            raise AgentError(
                f"Version {version!r} of this notebook is not known here (any more).",
                "Call read_notebook or read_cells, and edit with the version that it returns.",
            )
        self._readings.move_to_end(version)
        return kept[1]
