"""The gateway: which notebooks are open for clients of the JSON protocol, each as one Session.

A Gateway opens a notebook at the hub when a client wants it, keeps its Session as long as clients or requests use it
and a while longer, and lets it go. A session's id is its notebook's id, so an address stays good when the hub starts
again. It knows sockets and HTTP only by what `routes` makes of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from clients.gateway.protocol import Refusal
from clients.gateway.session import Session
from clients.peer.errors import PeerError, RequestFailed
from clients.peer.hub_address import HubAddress, HubClient
from clients.peer.identity import this_program
from clients.peer.notebook import Notebook
from relay.errors import WireError

logger = logging.getLogger("quire.gateway")

# Seconds that a session is kept when nobody uses it: a page that reloads finds it warm.
IDLE_SECONDS: Final = 20.0
# Characters of a client's name.
MAX_NAME: Final = 100


class UnknownSession(Refusal):
    """There is no notebook of this id."""


@dataclass(slots=True)
class _Held:
    """A session that is open or opening."""

    session: asyncio.Future[Session]
    uses: int = 0
    unused: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class Gateway:
    """See the module. `address` says where the hub is; it is asked when a session opens."""

    def __init__(self, address: Callable[[], HubAddress]) -> None:
        self._address = address
        self._held: dict[str, _Held] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def close(self) -> None:
        """Let every session go; none is opened any more."""
        self._closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @asynccontextmanager
    async def hub(self) -> AsyncIterator[HubClient]:
        """HTTP to the hub."""
        client = HubClient(self._address())
        try:
            yield client
        finally:
            await client.close()

    def open_sessions(self) -> list[Session]:
        """The sessions in memory."""
        return [one.session.result() for one in self._held.values() if _is_open(one)]

    async def open(self, path: Path, *, create: bool = False) -> str:
        """Open a file at the hub; the id of its session. Raises RequestFailed."""
        async with self.hub() as hub:
            return await hub.open_notebook(path, create=create)

    @asynccontextmanager
    async def using(self, session_id: str) -> AsyncIterator[Session]:
        """The session of this id, which stays as long as the context. Raises UnknownSession, PeerError."""
        held = self._held.get(session_id)
        if held is None:
            held = await self._hold(session_id)
        held.uses += 1
        try:
            yield await asyncio.shield(held.session)
        finally:
            held.uses -= 1
            if not held.uses:
                held.unused.set()

    @asynccontextmanager
    async def peer_of(self, session: Session, name: str) -> AsyncIterator[Notebook]:
        """Who a client is to the others: the session's peer, or one of its own if it says its name."""
        name = name.strip()[:MAX_NAME]
        if not name:
            yield session.notebook
            return
        who = this_program(name)
        async with Notebook.connect(session.notebook.id, self._address(), peer=who, find=self._address) as notebook:
            yield notebook

    async def _hold(self, session_id: str) -> _Held:
        if self._closed:
            raise UnknownSession("The hub is shutting down.")
        path = await self._path_of(session_id)
        held = self._held.get(session_id)
        if held is None:
            held = self._held[session_id] = _Held(asyncio.get_running_loop().create_future())
            held.task = asyncio.create_task(self._keep(session_id, path, held), name=f"JSON session {session_id}")
            self._tasks.add(held.task)
            held.task.add_done_callback(self._tasks.discard)
        return held

    async def _path_of(self, session_id: str) -> Path | None:
        async with self.hub() as hub:
            try:
                told: dict[str, Any] = await hub.describe(session_id)
            except RequestFailed as error:
                raise UnknownSession(f"There is no session {session_id}: {error.message}") from error
        return None if told["path"] is None else Path(told["path"])

    async def _keep(self, session_id: str, path: Path | None, held: _Held) -> None:
        """Hold a session open until nobody has used it for a while or it ends by itself."""
        who = this_program("JSON clients")
        try:
            async with Notebook.connect(session_id, self._address(), peer=who, find=self._address) as notebook:
                session = Session(notebook, path)
                held.session.set_result(session)
                running = asyncio.create_task(session.run(), name=f"follow {session_id}")
                try:
                    await self._until_unused(held, running)
                finally:
                    del self._held[session_id]  # from here on a new one is opened
                    running.cancel()
                    await asyncio.gather(running, return_exceptions=True)
                    session.end()
        except (PeerError, WireError) as error:
            logger.warning("notebook %s: its JSON session ended: %s", session_id, error)
            if not held.session.done():
                held.session.set_exception(error)
        finally:
            self._held.pop(session_id, None)
            if not held.session.done():
                held.session.cancel()

    async def _until_unused(self, held: _Held, running: asyncio.Task[None]) -> None:
        while True:
            unused = asyncio.create_task(held.unused.wait(), name="wait until nobody uses it")
            try:
                await asyncio.wait((unused, running), return_when=asyncio.FIRST_COMPLETED)
            finally:
                unused.cancel()
            if running.done():
                return running.result()
            held.unused.clear()
            await asyncio.wait((running,), timeout=IDLE_SECONDS)
            if not held.uses or running.done():
                return None


def _is_open(held: _Held) -> bool:
    return held.session.done() and not held.session.cancelled() and held.session.exception() is None
