"""However kernels are started, restarted and shut down at once: one runs, and what is said of it is true."""

from __future__ import annotations

import asyncio
from pathlib import Path

from clients.daemon.keeper.manifest import find, folder_of
from tests.daemon.service import notebook_file, running_service
from tests.support.aio import aio

PID = "import os; print(os.getpid())"


@aio
async def test_two_who_restart_it_at_once_get_one(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [PID])
    async with running_service(tmp_path) as service, service.peer(path) as ann, service.peer(path, "ben") as ben:
        before = await (await ann.cells["c0"].run()).text()
        await asyncio.gather(ann.restart_kernel(), ben.restart_kernel(), ann.restart_kernel())
        ran = await ben.cells["c0"].run()
        assert await ran.text() != before
        assert [f"{one.kernel_pid}\n" for one in find(folder_of(tmp_path / "state"))] == [await ran.text()]
        assert await ann.until(lambda: ann.kernel.lifecycle == "ready", 60)


@aio
async def test_what_is_asked_to_run_while_it_is_shut_down_gets_the_next(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [PID])
    async with running_service(tmp_path) as service, service.peer(path) as ann, service.peer(path, "ben") as ben:
        before = await (await ann.cells["c0"].run()).text()
        ending = asyncio.create_task(ann.shutdown_kernel())
        (execution,) = await ben.start(["c0"])
        await ending
        if (await execution.wait()).status == "cancelled":  # it was asked for before the end was
            (execution,) = await ben.run(["c0"])
        assert execution.ok
        assert await execution.text() != before
        assert await ben.until(lambda: ben.kernel.lifecycle == "ready", 60)
        assert len(find(folder_of(tmp_path / "state"))) == 1
