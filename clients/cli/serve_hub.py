"""`quire serve-hub`: the hub as a child of the supervisor.

Registers itself while it listens, keeps the list of its notebooks in the registry current, and logs who comes and goes.
Told to stop, it writes every open notebook's file, says which, and ends; left alone by its supervisor it does the same,
once the daemon has put its last words into the notebooks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import Final

import psutil  # type: ignore[import-untyped]  # it ships no types
import uvloop

from clients.cli.agents_mount import AgentsMount
from clients.cli.control import ChildEnd, Failed, HubOrder, NotSaved, Ready, Saved
from clients.cli.hub_news import Look, look, news, registered
from clients.cli.log_sink import log_to_file, log_to_stream
from clients.cli.version import version
from clients.cli.waiting import wait_for_end
from clients.cli.web_page import web_page
from clients.gateway.gateway import Gateway
from clients.gateway.routes import gateway_router
from clients.peer.hub_address import HubAddress
from notebook_doc.errors import NotebookDocError
from relay.errors import WireError
from relay.registry import Registration, ServerEntry, register, running
from sync_server.errors import StateInUse
from sync_server.guard import AUTHENTICATED
from sync_server.hub import Hub
from sync_server.serve import Listening, serve

logger = logging.getLogger("quire.hub")

# Seconds between two looks at what is open and who is there: for the registry and the log, so people's time.
LOOK_EVERY: Final = 0.5
# Seconds that an orphaned hub waits for the daemon to end first.
DAEMON_SECONDS: Final = 15.0


def main() -> int:
    """Run until told to stop. Returns the exit code: 0 after a clean end, 1 if it could not start or failed."""
    end = ChildEnd()
    log_to_stream("hub")
    order = end.order()
    assert isinstance(order, HubOrder), "the supervisor starts this command with its order"
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_HubChild(end, order).run())


class _HubChild:
    """Owns the server task and the registry file."""

    def __init__(self, end: ChildEnd, order: HubOrder) -> None:
        self._end, self._order = end, order
        self._state = Path(order.state)
        self._told = asyncio.Event()  # to stop
        self._is_orphan = False

    async def run(self) -> int:
        self._end.watch(on_stop=self._told.set, on_orphaned=self._orphaned)
        stop = asyncio.Event()
        listening: asyncio.Future[Listening] = asyncio.get_running_loop().create_future()
        order = self._order
        gateway = Gateway(lambda: HubAddress(listening.result().url, order.token))
        agents = AgentsMount(lambda: HubAddress(listening.result().url, order.token))
        work = serve(
            self._state,
            order.token,
            version(),
            port=order.port,
            page=web_page(),
            routers=[gateway_router(gateway, lambda websocket: bool(websocket.scope[AUTHENTICATED]))],
            mounts={"/mcp": agents},
            stop=stop,
            on_listening=listening.set_result,
        )
        serving = asyncio.create_task(work, name="serve")
        await asyncio.wait((serving, listening), return_when=asyncio.FIRST_COMPLETED)
        if not listening.done():
            return self._could_not_start(serving)
        where = listening.result()
        registration = self._register(where)
        looking = asyncio.create_task(_keep_looking(where.hub, registration), name="look at the hub")
        try:
            told = asyncio.create_task(self._told.wait(), name="wait for the end")
            await asyncio.wait((serving, told), return_when=asyncio.FIRST_COMPLETED)
            told.cancel()
            if not serving.done():
                if self._is_orphan:
                    await self._daemon_has_ended()
                self._end.report(await _save_all(where.hub))
            await gateway.close()
            await agents.close()
            stop.set()
            await serving
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            registration.remove()
        return 0

    def _register(self, where: Listening) -> Registration:
        order = self._order
        entry = ServerEntry.of_this_process(
            "hub", endpoint=where.url, version=version(), token=order.token, log_path=order.log_path
        )
        registration = register(entry, self._state)
        logger.info("listens at %s", where.url)
        self._end.report(Ready(where.url))
        return registration

    def _could_not_start(self, serving: asyncio.Task[None]) -> int:
        error = serving.exception()
        if not isinstance(error, WireError):
            logger.error("the hub could not start; this is a bug, please report it", exc_info=error)
            self._end.report(Failed(f"The hub failed with {type(error).__name__}: {error}.", "See the log."))
            return 1
        self._end.report(Failed(error.message, error.hint, in_use=isinstance(error, StateInUse)))
        return 1

    def _orphaned(self) -> None:
        log_to_file("hub", Path(self._order.log_path))
        logger.warning("the supervisor is gone: saving and stopping")
        self._is_orphan = True
        self._told.set()

    async def _daemon_has_ended(self) -> None:
        """Wait until the daemon, an orphan too, has ended what it ran: what it writes meanwhile is saved as well."""

        def wait() -> None:
            found: list[psutil.Process] = []
            for entry in running("daemon", self._state):
                with contextlib.suppress(psutil.NoSuchProcess):
                    found.append(psutil.Process(entry.pid))
            wait_for_end(found, DAEMON_SECONDS)

        await asyncio.to_thread(wait)


async def _save_all(hub: Hub) -> Saved:
    """Write the files of all open notebooks."""
    paths: list[str] = []
    failed: list[NotSaved] = []
    for live in hub.open_rooms():
        path = hub.path_of(live.notebook_id)
        if path is None:
            continue
        try:
            paths.append(str(await hub.save(live.notebook_id)))
        except (WireError, NotebookDocError) as error:
            failed.append(NotSaved(str(path), error.message))
    return Saved(tuple(paths), tuple(failed))


async def _keep_looking(hub: Hub, registration: Registration) -> None:
    """Keep the registry current, and tell the log what has changed. Until cancelled."""
    before: Look = {}
    while True:
        now = look(hub)
        for line in news(before, now):
            logger.info("%s", line)
        if registered(now) != registered(before):
            await asyncio.to_thread(registration.update, notebooks=registered(now))
        before = now
        await asyncio.sleep(LOOK_EVERY)
