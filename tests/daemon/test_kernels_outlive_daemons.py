"""The daemon is killed while a kernel works, and another one goes on with that kernel as if nothing had been."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from clients.peer.notebook import Notebook
from tests.daemon.processes import hub_and_daemon, runs, until_gone, until_it_printed
from tests.daemon.service import notebook_file
from tests.support.aio import aio

COUNT = "import time\nfor n in range(60):\n    print(n, flush=True)\n    time.sleep(0.03)"
PROGRESS = """\
import sys, time
print('begin')
for n in range(60):
    sys.stdout.write(f'\\r{n:3}%'); sys.stdout.flush(); time.sleep(0.03)
print(' end')"""


def numbers(upto: int) -> str:
    return "".join(f"{n}\n" for n in range(upto))


async def everything_it_said_is_there(notebook: Notebook, execution_id: str, text: str) -> None:
    record = notebook.runtime.execution(execution_id)
    assert record is not None
    assert record.status == "done"
    (output,) = await notebook.cells[record.cell_id].outputs()
    assert output["output_type"] == "stream"
    assert output["text"] == text


@aio
async def test_what_a_cell_prints_while_its_daemon_is_killed_arrives_once_and_in_one_output(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [COUNT, "'still here', n"])
    async with hub_and_daemon(tmp_path) as (service, daemon), service.peer(path) as ann:
        (execution,) = await ann.start(["c0"])
        await until_it_printed(ann, execution.id, "7\\n")
        kernel = (await daemon.keeper()).kernel_pid
        daemon.kill()
        await asyncio.sleep(0.5)
        assert execution.status == "running"
        daemon.start()
        await execution.wait()
        await everything_it_said_is_there(ann, execution.id, numbers(60))
        assert (await daemon.keeper()).kernel_pid == kernel
        last = await ann.cells["c1"].run()
        assert "59" in str(await last.outputs())


@aio
async def test_a_line_that_is_rewritten_goes_on_being_rewritten(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [PROGRESS])
    async with hub_and_daemon(tmp_path) as (service, daemon), service.peer(path) as ann:
        (execution,) = await ann.start(["c0"])
        await until_it_printed(ann, execution.id, "%")
        daemon.kill()
        daemon.start()
        await execution.wait()
        await everything_it_said_is_there(ann, execution.id, "begin\n 59% end\n")


@aio
async def test_an_execution_that_ends_while_nobody_listens_is_found_to_have_ended(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["print('begun', flush=True)\nimport time; time.sleep(1)\n6 * 7"])
    async with hub_and_daemon(tmp_path) as (service, daemon), service.peer(path) as ann:
        (execution,) = await ann.start(["c0"])
        await until_it_printed(ann, execution.id, "begun")
        daemon.kill()
        await asyncio.sleep(1.5)
        daemon.start()
        await execution.wait()
        assert execution.status == "done"
        assert execution.record.execution_count == 1
        assert [output["output_type"] for output in await execution.outputs()] == ["stream", "execute_result"]


@aio
async def test_what_is_queued_runs_in_its_order_on_the_same_kernel_and_an_error_still_stops_its_request(
    tmp_path: Path,
) -> None:
    sources = ["x = []\nprint('begun', flush=True)\nimport time; time.sleep(1)", "x.append(1)", "x.append(2); 1/0", "0"]
    path = notebook_file(tmp_path, [*sources, "print(x)"])
    async with hub_and_daemon(tmp_path) as (service, daemon), service.peer(path) as ann, service.peer(path) as ben:
        anns = await ann.start(["c0", "c1", "c2", "c3"])
        (bens,) = await ben.start(["c4"])
        await until_it_printed(ann, anns[0].id, "begun")
        daemon.kill()
        daemon.start()
        for execution in (*anns, bens):
            await execution.wait()
        assert [execution.status for execution in anns] == ["done", "done", "error", "cancelled"]
        assert await bens.text() == "[1, 2]\n"


@aio
async def test_it_can_be_interrupted_by_the_daemon_that_found_it(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["print('begun', flush=True)\nimport time; time.sleep(60)"])
    async with hub_and_daemon(tmp_path) as (service, daemon), service.peer(path) as ann:
        (execution,) = await ann.start(["c0"])
        await until_it_printed(ann, execution.id, "begun")
        daemon.kill()
        daemon.start()
        await ann.interrupt(execution)
        await execution.wait()
        assert execution.record.error is not None
        assert execution.record.error.ename == "KeyboardInterrupt"


@aio
async def test_a_kernel_that_dies_while_nobody_listens_is_said_to_have_died_and_of_what(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["print('begun', flush=True)\nimport time; time.sleep(60)", "'never'", "'next'"])
    async with hub_and_daemon(tmp_path) as (service, daemon), service.peer(path) as ann:
        running, queued = await ann.start(["c0", "c1"])
        await until_it_printed(ann, running.id, "begun")
        keeper = await daemon.keeper()
        daemon.kill()
        os.kill(keeper.kernel_pid, signal.SIGKILL)
        daemon.start()
        await running.wait()
        await queued.wait()
        assert (running.status, queued.status) == ("died", "cancelled")
        assert "SIGKILL" in str(running.record.error)
        await until_gone(keeper.pid)
        assert (await ann.cells["c2"].run()).ok


@aio
async def test_a_daemon_that_is_told_to_stop_leaves_nothing(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [COUNT])
    async with hub_and_daemon(tmp_path) as (service, daemon), service.peer(path) as ann:
        (execution,) = await ann.start(["c0"])
        await until_it_printed(ann, execution.id, "3\\n")
        keeper = await daemon.keeper()
        await asyncio.to_thread(daemon.stop)
        assert not runs(keeper.pid)
        assert not runs(keeper.kernel_pid)
        assert not await asyncio.to_thread(os.path.exists, keeper.folder)
        assert os.listdir(daemon.state / "kernels") == []
        await execution.wait()
        assert execution.status == "cancelled"


@aio
async def test_a_question_that_nobody_has_answered_is_still_asked(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["print('Hello', input('Name? '))"])
    async with hub_and_daemon(tmp_path) as (service, daemon), service.peer(path) as ann:
        (execution,) = await ann.start(["c0"])
        assert await ann.until(lambda: execution.prompt is not None, 60)
        daemon.kill()
        daemon.start()
        await execution.answer("Ada")
        await execution.wait()
        assert await execution.text() == "Name? Ada\nHello Ada\n"


@aio
async def test_a_widget_goes_on_where_it_was(tmp_path: Path) -> None:
    source = "import ipywidgets as w\ns = w.IntSlider(3, max=50)\ns.observe(lambda c: print('now', c.new), 'value')\ns"
    path = notebook_file(tmp_path, [source, "s.value"])
    async with hub_and_daemon(tmp_path) as (service, daemon), service.peer(path) as ann:
        (await ann.cells["c0"].run()).check()
        (slider,) = [widget for widget in ann.widgets.values() if widget.model == "IntSliderModel"]
        await slider.set(value=7)
        daemon.kill()
        daemon.start()
        await slider.set(value=21)
        shown = (await ann.cells["c1"].run()).check()
        assert "21" in str(await shown.outputs())
        assert slider["value"] == 21
        assert "now 21" in str(await ann.cells["c0"].outputs())
