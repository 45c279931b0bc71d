"""A service that is stopped in the moment in which it starts a dead server again."""

from __future__ import annotations

import asyncio
from pathlib import Path

from clients.cli.child import Child
from clients.cli.log_sink import LogSink
from clients.cli.supervisor import Supervisor
from tests.support.aio import aio


class StoppedAtTheRestart(Supervisor):
    """Its daemon is killed as soon as the service runs; it is asked to stop just before the next one is started."""

    started: list[str]
    _end_begun: asyncio.Event

    async def _start(self, name: str, hear: object = None) -> Child:
        if name in self.started:
            self.stop()
            await self._end_begun.wait()
        self.started.append(name)
        return await super()._start(name, hear)  # type: ignore[arg-type]

    async def _end(self, server: object, seconds: float) -> None:
        self._end_begun.set()
        await super()._end(server, seconds)  # type: ignore[arg-type]


@aio
async def test_the_server_that_was_just_started_is_stopped_too(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    log = state / "quire.log"
    service = StoppedAtTheRestart(state, 0, LogSink(log), log)
    service.started, service._end_begun = [], asyncio.Event()
    async with asyncio.timeout(40):
        await service.run(lambda: service._children["daemon"].kill())
    assert service.started.count("daemon") == 2
    assert all(child._process.returncode is not None for child in service._children.values())
