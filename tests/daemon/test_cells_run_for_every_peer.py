"""Peers, hub, daemon and a real kernel together: what runs, what everybody sees of it, and how it ends."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from clients.peer.errors import RequestFailed
from clients.peer.execution import Execution
from clients.peer.hub_address import HubClient
from clients.peer.notebook import Notebook
from relay.requests import Execute
from sync_server import hub
from tests.daemon.service import notebook_file, running_service
from tests.support.aio import aio

SLEEP = "print('begun', flush=True)\nimport time; time.sleep(60)"


async def until_begun(notebook: Notebook, execution: Execution) -> None:
    """Wait until the code itself runs: an interrupt that comes earlier ends an execution as cancelled."""
    begun = await notebook.until(lambda: bool(notebook.runtime.outputs(execution.id)), 60)
    assert begun, "it did not begin to run"


@aio
async def test_what_one_peer_runs_every_peer_sees_and_the_file_gets(tmp_path: Path) -> None:
    path = notebook_file(
        tmp_path, ["import sys\nprint('out', flush=True)\nprint('err', file=sys.stderr, flush=True)\n6 * 7"]
    )
    async with running_service(tmp_path) as service, service.peer(path) as ann, service.peer(path, "ben") as ben:
        execution = await ann.cells["c0"].run()
        assert execution.check().record.execution_count == 1
        assert execution.record.requested_by.name == "ann"
        assert await ben.until(
            lambda: ben.runtime.latest("c0") == execution.id and ben.runtime.execution(execution.id) is not None, 5
        )
        assert await ben.until(lambda: ben.cells["c0"].execution is not None and ben.cells["c0"].execution.ok, 60)
        kinds = [(o["output_type"], o.get("name")) for o in await ben.cells["c0"].outputs()]
        assert kinds == [("stream", "stdout"), ("stream", "stderr"), ("execute_result", None)]
        await ann.save()
        (cell,) = json.loads(path.read_text())["cells"]
        assert cell["execution_count"] == 1
        assert cell["outputs"][-1]["data"] == {"text/plain": ["42"]}


@aio
async def test_an_edit_made_just_before_the_run_is_what_runs(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["print('old')"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        for number in range(10):
            ann.cells["c0"].source = f"print('edit {number}')"
            execution = await ann.cells["c0"].run()
            assert await execution.text() == f"edit {number}\n"
            assert execution.record.source == f"print('edit {number}')"


@aio
async def test_a_failing_cell_cancels_what_its_request_queued_after_it_and_nothing_else(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["import time; time.sleep(0.5)", "1/0", "'never'", "'mine'"])
    async with running_service(tmp_path) as service, service.peer(path) as ann, service.peer(path, "ben") as ben:
        all_of_anns = await ann.start(["c0", "c1", "c2"])
        bens = await ben.start(["c3"])
        for execution in all_of_anns:
            await execution.wait()
        await bens[0].wait()
        assert [execution.status for execution in all_of_anns] == ["done", "error", "cancelled"]
        assert bens[0].status == "done"
        assert all_of_anns[1].record.error is not None
        assert all_of_anns[1].record.error.ename == "ZeroDivisionError"
        assert ann.runtime.queue() == []


@aio
async def test_interrupting_names_an_execution_and_stops_only_that_one(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [SLEEP, "'after'"])
    async with running_service(tmp_path) as service, service.peer(path) as ann, service.peer(path, "ben") as ben:
        sleeping = (await ann.start(["c0"]))[0]
        after = (await ben.start(["c1"]))[0]
        await until_begun(ann, sleeping)
        await ben.interrupt(sleeping)
        await sleeping.wait()
        await after.wait()
        assert sleeping.record.error is not None
        assert sleeping.record.error.ename == "KeyboardInterrupt"
        assert after.status == "done"


@aio
async def test_a_cell_that_is_queued_already_keeps_its_execution(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [SLEEP, "'queued'"])
    async with running_service(tmp_path) as service, service.peer(path) as ann, service.peer(path, "ben") as ben:
        sleeping, queued = await ann.start(["c0", "c1"])
        again = (await ben.start(["c1"]))[0]
        assert again.id == queued.id
        await until_begun(ann, sleeping)
        await ann.restart_kernel()
        await queued.wait()
        assert (sleeping.status, queued.status) == ("cancelled", "cancelled")
        assert (await ann.cells["c1"].run()).ok


@aio
async def test_a_deleted_cell_does_not_run(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [SLEEP, "open('ran', 'w')"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        sleeping, queued = await ann.start(["c0", "c1"])
        await until_begun(ann, sleeping)
        ann.cells["c1"].delete()
        await queued.wait()
        assert queued.status == "cancelled"
        ann.cells["c0"].delete()
        await sleeping.wait()
        assert sleeping.status == "error"
        assert not (tmp_path / "ran").exists()


@aio
async def test_a_kernel_that_dies_is_noticed_and_the_next_run_gets_a_fresh_one(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["import os; os.kill(os.getpid(), 9)", "'alive'"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        dying = await ann.cells["c0"].run()
        assert dying.status == "died"
        assert ann.kernel.lifecycle == "dead"
        assert "SIGKILL" in (ann.kernel.error or "")
        assert (await ann.cells["c1"].run()).ok
        assert ann.runtime.kernel().lifecycle == "ready"


@aio
async def test_a_kernel_that_cannot_start_says_what_to_install(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["1"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        ann.set_metadata({"kernelspec": {"name": "no-such-kernel", "display_name": "?", "language": "?"}})
        execution = await ann.cells["c0"].run()
        assert execution.status == "cancelled"
        assert "no-such-kernel" in (ann.kernel.error or "")


@aio
async def test_a_long_output_is_whole_though_the_document_stays_small(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["for n in range(20000): print('line', n)"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        before = len(ann.runtime.replica.save())
        execution = await ann.cells["c0"].run()
        assert await execution.text() == "".join(f"line {n}\n" for n in range(20000))
        assert len(ann.runtime.replica.save()) - before < 60_000


@aio
async def test_a_display_is_updated_where_it_was_shown(tmp_path: Path) -> None:
    show = "from IPython.display import display, Markdown\nhandle = display(Markdown('one'), display_id='d')"
    path = notebook_file(tmp_path, [show, "handle.update(Markdown('two'))"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        for execution in await ann.run():
            execution.check()
        shown = await ann.cells["c0"].outputs()
        assert [output["data"]["text/markdown"] for output in shown] == ["two"]


@aio
async def test_what_an_earlier_daemon_left_unfinished_is_settled_by_the_next(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, [SLEEP, "'next'"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        sleeping, queued = await ann.start(["c0", "c1"])
        await until_begun(ann, sleeping)
        await service.lose_daemon()
        service.start_daemon()
        await sleeping.wait()
        await queued.wait()
        assert sleeping.status in ("died", "cancelled")
        assert queued.status == "cancelled"
        assert (await ann.cells["c1"].run()).ok


@aio
async def test_the_hub_may_restart_under_a_running_cell(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["import time\nfor n in range(30): print(n, flush=True); time.sleep(0.1)"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        execution = (await ann.start(["c0"]))[0]
        await until_begun(ann, execution)
        await service.stop_hub()
        await service.start_hub()
        await execution.wait()
        assert execution.check().ok
        assert await execution.text() == "".join(f"{n}\n" for n in range(30))


@aio
async def test_a_long_output_waits_for_a_hub_that_restarts(tmp_path: Path) -> None:
    path = notebook_file(
        tmp_path, ["import time\nfor n in range(20): print(n, 'x' * 3000, flush=True); time.sleep(0.1)"]
    )
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        execution = (await ann.start(["c0"]))[0]
        await until_begun(ann, execution)
        await service.stop_hub()
        await asyncio.sleep(0.2)  # some of it is printed meanwhile
        await service.start_hub()
        await execution.wait()
        assert execution.check().ok
        assert await execution.text() == "".join(f"{n} {'x' * 3000}\n" for n in range(20))


@aio
async def test_a_request_for_what_is_no_code_cell_is_answered_with_the_reason(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["1"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        text = ann.cells.add("# a title", "markdown")
        with pytest.raises(RequestFailed, match="markdown"):
            await ann.cells[text.id].run()
        with pytest.raises(RequestFailed, match="nowhere"):
            await ann.request(Execute(cell_ids=["nowhere"]))


@aio
async def test_without_a_daemon_a_run_waits_for_one(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["'patience'"])
    async with running_service(tmp_path, daemon=False) as service, service.peer(path) as ann:
        running = asyncio.create_task(ann.cells["c0"].run())
        assert not await ann.until(lambda: running.done(), 0.3)
        service.start_daemon()
        assert (await running).ok


@aio
async def test_a_notebook_that_nobody_uses_is_closed_and_runs_again_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "IDLE_SECONDS", 0.2)
    first, second = notebook_file(tmp_path, ["'first'"]), notebook_file(tmp_path, ["'second'"], "second.ipynb")
    async with running_service(tmp_path) as service:
        client = HubClient(service.address)
        for _ in range(2):
            async with service.peer(first) as ann:
                assert (await ann.cells["c0"].run()).ok
                await ann.shutdown_kernel()
            while await client.open_notebooks():
                await asyncio.sleep(0.05)
        async with service.peer(second) as ann:
            assert (await ann.cells["c0"].run()).ok
        await client.close()
