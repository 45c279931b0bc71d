"""The supervisor: keeps a hub and a daemon running under one state folder, and ends them in order.

It knows processes and nothing of notebooks. While it lives it holds the service's lock, writes the log, and has an
entry in the registry. A server that dies is started again after a pause (`restarts`); the hub comes back with its port
and its token, so that peers reconnect by themselves. Asked to stop, it ends the daemon first, so that what was running
is brought to an end in the notebooks, then what kernels a daemon that died has left, then the hub, which writes the
files; each has a limited time, then it is killed.
Should the supervisor itself be killed, both notice that it is gone and stop in the same order.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from clients.cli.child import Child, how_it_ended
from clients.cli.control import DaemonOrder, Failed, HubOrder, Order, Ready, Report, Saved
from clients.cli.errors import CannotStart
from clients.cli.log_sink import LogSink
from clients.cli.restarts import Restarts
from clients.cli.version import version
from clients.daemon.keeper.manifest import reap_all
from relay.registry import Registration, ServerEntry, register
from sync_server.guard import new_token

# Seconds that the hub has to listen (its imports, on a slow disk), and to write the files of all open notebooks.
HUB_START_SECONDS: Final = 30.0
HUB_STOP_SECONDS: Final = 30.0
# Seconds that the daemon has to end its kernels.
DAEMON_STOP_SECONDS: Final = 15.0
# Seconds to wait for the hub of a supervisor that was killed a moment ago to let go of the state folder.
IN_USE_SECONDS: Final = 20.0
IN_USE_RETRY: Final = 0.3
# Seconds that a hub that has said why it cannot start has to end.
REFUSED_SECONDS: Final = 5.0


@dataclass(slots=True)
class _Kept:
    """A server that is kept running: its latest process, and whether it is still wanted."""

    name: str
    child: Child
    started: float
    wanted: bool = True
    restarts: Restarts = field(default_factory=Restarts)
    unwanted: asyncio.Event = field(default_factory=asyncio.Event)


class Supervisor:
    """See the module. `run` it once, with the service's lock held; `stop` and `force` may be called any time."""

    def __init__(self, state: Path, port: int, sink: LogSink, log_path: Path) -> None:
        self._state, self._port, self._sink, self._log_path = state, port, sink, log_path
        self.token = new_token()
        self._stopping = asyncio.Event()
        self._forced = False
        self._children: dict[str, Child] = {}
        self.url = ""
        self.saved: Saved | None = None  # what the hub wrote in the end, if it came to that

    def stop(self) -> None:
        """Ask for a clean end; the second time, for one at once."""
        if self._stopping.is_set():
            self.force()
        self._stopping.set()

    def force(self) -> None:
        """Kill the servers. What peers were told is stored stays stored; the files may lack the last seconds."""
        self._forced = True
        self._stopping.set()
        for child in self._children.values():
            child.kill()

    @property
    def forced(self) -> bool:
        """Whether the servers were killed instead of stopped."""
        return self._forced

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Start both servers and keep them until asked to stop. Raises CannotStart if the hub cannot be started."""
        with self._registered() as registration:
            try:
                daemon = _Kept("daemon", await self._start("daemon"), time.monotonic())  # imports beside the hub
                hub = _Kept("hub", await self._first_hub(), time.monotonic())
                registration.update(endpoint=self.url)
                await daemon.child.give(self._order("daemon"))
                on_ready()
                async with asyncio.TaskGroup() as keeping:
                    keeping.create_task(self._keep(hub), name="keep the hub")
                    keeping.create_task(self._keep(daemon), name="keep the daemon")
                    await self._stopping.wait()
                    self._say("INFO", "stopping")
                    await self._end(daemon, DAEMON_STOP_SECONDS)
                    await self._end_kernels()
                    await self._end(hub, HUB_STOP_SECONDS)
            finally:
                for child in self._children.values():
                    child.kill()  # only after a failure of ours does one still run

    # --- starting -----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _registered(self) -> Iterator[Registration]:
        entry = ServerEntry.of_this_process(
            "supervisor", endpoint=None, version=version(), token=self.token, log_path=str(self._log_path)
        )
        registration = register(entry, self._state)
        try:
            yield registration
        finally:
            registration.remove()

    async def _first_hub(self) -> Child:
        deadline = time.monotonic() + IN_USE_SECONDS
        while True:
            child, answer = await self._try_hub()
            if isinstance(answer, Ready):
                assert answer.url is not None, "a hub says where it is"
                self.url = answer.url
                self._port = urlsplit(answer.url).port or self._port
                return child
            await child.stop(REFUSED_SECONDS)
            if not answer.in_use or self._stopping.is_set() or time.monotonic() > deadline:
                raise CannotStart(answer.message, answer.hint)
            await asyncio.sleep(IN_USE_RETRY)

    async def _try_hub(self) -> tuple[Child, Ready | Failed]:
        """Start a hub and wait for what becomes of it."""
        answer: asyncio.Future[Ready | Failed] = asyncio.get_running_loop().create_future()

        def hear(report: Report) -> None:
            if isinstance(report, Ready | Failed) and not answer.done():
                answer.set_result(report)
            else:
                self._heard(report)

        child = await self._start("hub", hear)
        await child.give(self._order("hub"))
        ended = asyncio.create_task(child.ended(), name="wait for the hub")
        stopping = asyncio.create_task(self._stopping.wait(), name="wait for the end")
        await asyncio.wait((answer, ended, stopping), timeout=HUB_START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        what_now = f"Its log is {self._log_path}."
        if answer.done():
            outcome: Ready | Failed = answer.result()
        elif self._stopping.is_set():
            outcome = Failed("The service was stopped before it had started.")
        elif ended.done():
            outcome = Failed(f"The hub {how_it_ended(ended.result())} before it listened.", what_now)
        else:
            outcome = Failed(f"The hub did not listen within {HUB_START_SECONDS:.0f} s.", what_now)
        for waiting in (ended, stopping):
            waiting.cancel()
        await asyncio.gather(ended, stopping, return_exceptions=True)
        return child, outcome

    async def _start(self, name: str, hear: Callable[[Report], None] | None = None) -> Child:
        """Start a server; it waits for its order."""
        child = await Child.start(name, self._sink, hear or self._heard)
        self._children[name] = child
        if self._forced:
            child.kill()
        return child

    def _order(self, name: str) -> Order:
        state, token, log = str(self._state), self.token, str(self._log_path)
        if name == "hub":
            return HubOrder(state=state, token=token, port=self._port, log_path=log)
        return DaemonOrder(state=state, token=token, url=self.url, log_path=log)

    def _heard(self, report: Report) -> None:
        match report:
            case Saved():
                self.saved = report
                for line in report.lines():
                    self._sink.record("ERROR" if line.startswith("NOT") else "INFO", "supervisor", line)
            case Failed():
                self._say("ERROR", f"{report.message} {report.hint}".rstrip())
            case Ready():
                pass  # the log says so

    # --- keeping and ending -------------------------------------------------------------------------------------------

    async def _keep(self, server: _Kept) -> None:
        """Start the server again whenever it ends while it is wanted."""
        while True:
            code = await server.child.ended()
            how = f"the {server.name} (process {server.child.pid}) {how_it_ended(code)}"
            while server.wanted:
                pause, server.restarts = server.restarts.next(time.monotonic() - server.started)
                self._say("ERROR", f"{how}; it is started again in {pause:.1f} s")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await server.unwanted.wait()
                        return
                server.started = time.monotonic()
                try:
                    server.child = await self._start(server.name)
                    if not server.wanted:  # who ended it meanwhile knew the child before this one
                        await server.child.stop(REFUSED_SECONDS)
                        return
                    await server.child.give(self._order(server.name))
                    break
                except OSError as error:
                    how = f"the {server.name} could not be started: {error.strerror}"
            else:
                return

    async def _end_kernels(self) -> None:
        """End what a daemon left that did not come to it: kernels outlive daemons, but not the service."""
        if count := await asyncio.to_thread(reap_all, self._state):
            self._say("WARNING", f"ended {count} kernel{'s' * (count > 1)} that no daemon was there to end")

    async def _end(self, server: _Kept, seconds: float) -> None:
        server.wanted = False
        server.unwanted.set()
        code = await server.child.stop(seconds)
        if code != 0 and not self._forced:
            self._say("WARNING", f"the {server.name} {how_it_ended(code)}")

    def _say(self, level: str, text: str) -> None:
        self._sink.say(level, "supervisor", text)
