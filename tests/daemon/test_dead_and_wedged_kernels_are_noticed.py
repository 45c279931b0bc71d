"""A kernel that ended or does not answer any more: everybody knows within two seconds, and why."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from clients.peer.notebook import Notebook
from tests.daemon.processes import hub_and_daemon, until_gone, until_it_printed
from tests.daemon.service import notebook_file, running_service
from tests.support.aio import aio

SLEEP = "print('begun', flush=True)\nimport time; time.sleep(60)"
# As native code writes: ipykernel passes it on to the process's own stderr, which takes it a moment.
_LAST_WORDS = "import os, time\nos.write(2, b'out of paper')\ntime.sleep(1)\nos._exit(3)"
SOON = 2.0  # seconds, as promised
SLACK = 1.0  # for a machine that runs other tests


async def within(notebook: Notebook, seconds: float, condition: Callable[[], bool]) -> None:
    began = time.monotonic()
    assert await notebook.until(condition, 60), notebook.kernel
    assert time.monotonic() - began < seconds + SLACK


@aio
async def test_a_killed_kernel_is_dead_at_once_and_its_execution_says_of_what(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [SLEEP, "'waits'"])
    async with hub_and_daemon(tmp_path) as (service, daemon), service.peer(path) as ann:
        running, waiting = await ann.start(["c0", "c1"])
        await until_it_printed(ann, running.id, "begun")
        keeper = await daemon.keeper()
        os.kill(keeper.kernel_pid, signal.SIGKILL)
        await within(ann, SOON, lambda: ann.kernel.lifecycle == "dead")
        assert (running.status, waiting.status) == ("died", "cancelled")
        assert running.record.error is not None
        assert running.record.error.ename == "KernelDied"
        assert "killed by signal 9 (SIGKILL)" in running.record.error.evalue
        assert "killed by signal 9 (SIGKILL)" in str(ann.kernel.error)
        assert "restart" in str(ann.kernel.error)
        await until_gone(keeper.pid)


@aio
async def test_a_stopped_kernel_is_unresponsive_until_it_goes_on(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["print('begun', flush=True)\nimport time; time.sleep(4)"])
    async with hub_and_daemon(tmp_path) as (service, daemon), service.peer(path) as ann:
        (execution,) = await ann.start(["c0"])
        await until_it_printed(ann, execution.id, "begun")
        keeper = await daemon.keeper()
        os.kill(keeper.kernel_pid, signal.SIGSTOP)
        await within(ann, SOON, lambda: ann.kernel.activity == "unresponsive")
        assert "stopped by a signal" in str(ann.kernel.error)
        assert execution.status == "running"
        os.kill(keeper.kernel_pid, signal.SIGCONT)
        await within(ann, SOON, lambda: ann.kernel.activity == "busy")
        assert ann.kernel.error is None
        await execution.wait()
        assert execution.status == "done"


@aio
async def test_restarting_an_unresponsive_kernel_ends_what_it_ran_as_died(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [SLEEP, "'waits'", "'fresh'"])
    async with hub_and_daemon(tmp_path) as (service, daemon), service.peer(path) as ann:
        running, waiting = await ann.start(["c0", "c1"])
        await until_it_printed(ann, running.id, "begun")
        keeper = await daemon.keeper()
        os.kill(keeper.kernel_pid, signal.SIGSTOP)
        assert await ann.until(lambda: ann.kernel.activity == "unresponsive", 60)
        await ann.restart_kernel()
        await until_gone(keeper.pid, keeper.kernel_pid)
        assert (running.status, waiting.status) == ("died", "cancelled")
        assert running.record.error is not None
        assert "stopped by a signal" in running.record.error.evalue
        assert (await ann.cells["c2"].run()).ok
        assert ann.kernel.error is None


@aio
async def test_a_kernel_that_only_computes_is_not_unresponsive(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["print('begun', flush=True)\nsum(range(60_000_000))"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        seen = set()
        running = asyncio.create_task(ann.cells["c0"].run())
        while not running.done():
            seen.add(ann.kernel.activity)
            await asyncio.sleep(0.05)
        assert (await running).ok
        assert "unresponsive" not in seen


@aio
async def test_a_machine_that_slept_goes_on_where_it_was(tmp_path: Path) -> None:
    """As far as processes can tell: daemon, keeper and kernel stand still for longer than a kernel may be silent."""
    path = notebook_file(tmp_path, ["for n in range(40): print(n, flush=True); time.sleep(0.05)", "import time"])
    async with hub_and_daemon(tmp_path) as (service, daemon), service.peer(path) as ann:
        await ann.cells["c1"].run()
        (execution,) = await ann.start(["c0"])
        await until_it_printed(ann, execution.id, "3")
        keeper = await daemon.keeper()
        asleep = (daemon.pid, keeper.pid, keeper.kernel_pid)
        seen = set()
        for pid in asleep:
            os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(3)
        for pid in asleep:
            os.kill(pid, signal.SIGCONT)
            await asyncio.sleep(0.5)  # they do not wake at the same time, the kernel last
            seen.add(ann.kernel.activity)
        while not execution.record.is_terminal:
            seen.add(ann.kernel.activity)
            await asyncio.sleep(0.02)
        assert execution.status == "done"
        assert (await execution.text()).split() == [str(n) for n in range(40)]
        assert "unresponsive" not in seen


@aio
async def test_what_a_dying_kernel_wrote_past_jupyter_is_told(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [_LAST_WORDS])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        execution = await ann.cells["c0"].run()
        assert execution.status == "died"
        assert execution.record.error is not None
        assert execution.record.error.evalue == "The kernel died: exited with code 3. Its last words:\nout of paper"


@aio
async def test_a_kernel_does_not_outlive_its_keeper_and_is_said_to_have_died(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [SLEEP, "'fresh'"])
    async with hub_and_daemon(tmp_path) as (service, daemon), service.peer(path) as ann:
        (execution,) = await ann.start(["c0"])
        await until_it_printed(ann, execution.id, "begun")
        keeper = await daemon.keeper()
        os.kill(keeper.pid, signal.SIGKILL)
        await within(ann, SOON, lambda: ann.kernel.lifecycle == "dead")
        assert execution.status == "died"
        assert "the process that kept it ended (killed by signal 9" in str(ann.kernel.error)
        await until_gone(keeper.kernel_pid)
        assert (await ann.cells["c1"].run()).ok
        assert [one.keeper for one in daemon.keepers()] != [keeper.keeper]


@aio
async def test_a_keeper_that_died_with_its_daemon_leaves_a_manifest_that_is_cleared_away(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [SLEEP, "'waits'", "'fresh'"])
    async with hub_and_daemon(tmp_path) as (service, daemon), service.peer(path) as ann:
        running, waiting = await ann.start(["c0", "c1"])
        await until_it_printed(ann, running.id, "begun")
        keeper = await daemon.keeper()
        daemon.kill()
        os.kill(keeper.pid, signal.SIGKILL)
        daemon.start()
        await running.wait()
        await waiting.wait()
        assert (running.status, waiting.status) == ("died", "cancelled")
        assert ann.kernel.lifecycle == "dead"
        await until_gone(keeper.kernel_pid)
        assert not await asyncio.to_thread(os.path.exists, keeper.folder)
        assert (await ann.cells["c2"].run()).ok
        assert len(os.listdir(daemon.state / "kernels")) == 1
