"""Code that is run in the notebook's kernel without a cell: its namespace, its limits, its place in the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from clients.peer.errors import RequestFailed
from clients.peer.execution import Execution
from clients.peer.notebook import Notebook
from tests.daemon.service import notebook_file, running_service
from tests.support.aio import aio

NOTEBOOK = """
x, xs, y = 1, [1], 5
def rebind():
    global made
    made = True
"""
LOOK = "print(xs, y, sorted({'z', 'made'} & set(globals())), 6 in Out.values(), __name__)"
SLEEP = "print('begun', flush=True); import time; time.sleep(60)"
CELLS = {"names": "c0", "look": "c1", "x": "c2", "sleep": "c3"}

Test = Callable[[Notebook], Coroutine[Any, Any, None]]
Run = Callable[[Test], None]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs a test on a notebook whose first cell has run; all tests here share it, its service and its kernel."""
    folder = tmp_path_factory.mktemp("shared")
    stack = AsyncExitStack()

    async def opened() -> Notebook:
        path = notebook_file(folder, [NOTEBOOK, LOOK, "x", SLEEP])
        service = await stack.enter_async_context(running_service(folder))
        ann = await stack.enter_async_context(service.peer(path))
        (await ann.cells["c0"].run()).check()
        return ann

    async def patiently(work: Coroutine[Any, Any, None]) -> None:
        async with asyncio.timeout(120):
            await work

    with asyncio.Runner() as runner:
        ann = runner.run(opened())
        yield lambda test: runner.run(patiently(test(ann)))
        runner.run(stack.aclose())


async def begun(ann: Notebook, execution: Execution) -> None:
    assert await ann.until(lambda: "begun" in str(ann.runtime.outputs(execution.id)), 60)


def test_what_it_binds_is_gone_and_what_it_does_to_objects_stays(shared: Run) -> None:
    async def story(ann: Notebook) -> None:
        before = await ann.cells[CELLS["x"]].run()
        seen = await ann.scratch("xs.append(2); y = 6; z = 1; rebind(); print('loud'); y")
        assert seen.ok
        assert await seen.result() == {"text/plain": "6"}
        assert await seen.text() == "loud\n6\n"
        awaited = await ann.scratch("import asyncio; z = await asyncio.sleep(0.01, 'slept'); z")
        assert await awaited.result() == {"text/plain": "'slept'"}
        functions = await ann.scratch("def double(n): return n * len(xs)\n[double(n) for n in xs]")
        assert await functions.result() == {"text/plain": "[2, 4]"}
        cell = await ann.cells[CELLS["look"]].run()
        assert await cell.text() == "[1, 2] 5 ['made'] False __main__\n"
        assert before.record.execution_count is not None
        assert (
            cell.record.execution_count == before.record.execution_count + 1
        )  # what runs without a cell counts nothing
        assert seen.record.execution_count is None

    shared(story)


def test_the_cell_that_ran_before_it_has_no_say_in_what_it_shows(shared: Run) -> None:
    async def story(ann: Notebook) -> None:
        for before in ("x;", "def broken("):
            await ann.scratch(before, namespace="own")
            assert await (await ann.scratch("x")).text() == "1\n"
        (await ann.scratch("x", namespace="own")).check()
        assert await (await ann.scratch("x;")).text() == ""
        assert await (await ann.scratch("x  # one;")).text() == "1\n"

    shared(story)


def test_exit_ends_no_kernel_that_others_use(shared: Run) -> None:
    async def story(ann: Notebook) -> None:
        for code in ("exit()", "quit", "exit(True)"):
            left = (await ann.scratch(code)).check()
            assert "others use this kernel" in await left.text()
        assert await (await ann.scratch("x")).text() == "1\n"

    shared(story)


def test_in_the_notebooks_own_namespace_it_stays(shared: Run) -> None:
    async def story(ann: Notebook) -> None:
        (await ann.scratch("x = 2", namespace="own")).check()
        assert await (await ann.cells[CELLS["x"]].run()).result() == {"text/plain": "2"}
        (await ann.scratch("x = 1", namespace="own")).check()

    shared(story)


def test_it_is_on_record_without_a_cell_and_changes_what_no_cell_shows(shared: Run) -> None:
    async def story(ann: Notebook) -> None:
        ran = await ann.scratch("raise ValueError('no')", timeout=30)
        record = ran.record
        assert (record.cell_id, record.status, record.namespace, record.timeout) == ("", "error", "copy", 30)
        assert record.error is not None
        assert (record.error.ename, record.error.evalue) == ("ValueError", "no")
        assert record.requested_by.name == "ann"
        assert "in_kernel" not in await ran.text()  # the traceback is of the code alone
        shown = ann.cells[CELLS["names"]].execution
        assert shown is not None
        assert shown.ok
        before = len(ann.runtime.replica.save())
        (await ann.scratch("print('x' * 100_000)")).check()
        assert len(ann.runtime.replica.save()) < before + 10_000

    shared(story)


def test_rich_values_and_displays_come_as_a_cells_do(shared: Run) -> None:
    async def story(ann: Notebook) -> None:
        ran = await ann.scratch(
            "from IPython.display import HTML, display; display(HTML('<b>1</b>')); HTML('<i>2</i>')"
        )
        assert [output["output_type"] for output in await ran.outputs()] == ["display_data", "execute_result"]
        assert (await ran.result() or {})["text/html"] == "<i>2</i>"

    shared(story)


def test_its_time_limit_interrupts_it_alone(shared: Run) -> None:
    async def story(ann: Notebook) -> None:
        sleeps, queued = await asyncio.gather(
            ann.start_scratch("import time; time.sleep(60)", timeout=0.3), ann.start_scratch("x")
        )
        awaits = await ann.scratch("import asyncio; await asyncio.sleep(60)", timeout=0.3)
        for late in (await sleeps.wait(), awaits):
            assert late.record.error is not None
            assert late.record.error.ename == "ExecutionTimeout"
            assert "0.3 s" in late.record.error.evalue
            assert late.record.ended is not None
            assert late.record.started is not None
            assert late.record.ended - late.record.started < 20  # and not 60
        assert (await queued.wait()).ok
        in_time = await ann.scratch("x", timeout=60)
        assert in_time.ok

    shared(story)


def test_what_waits_can_be_cancelled_and_interrupts_nobody(shared: Run) -> None:
    async def story(ann: Notebook) -> None:
        (cell,) = await ann.start([CELLS["sleep"]])
        await begun(ann, cell)
        first, second = [await ann.start_scratch(code) for code in ("x", "x + 1")]
        assert await ann.until(lambda: ann.runtime.queue() == [cell.id, first.id, second.id], 60)
        assert f"queued behind cell {CELLS['sleep']}, running for" in str(first.waits_for)
        assert "behind 1 more" in str(second.waits_for)
        await ann.interrupt(first)
        assert (await first.wait()).status == "cancelled"
        assert cell.status == "running"
        await ann.interrupt(cell)
        assert await (await second.wait()).result() == {"text/plain": "2"}
        assert second.waits_for is None

    shared(story)


def test_its_input_has_ended_unless_it_wants_to_ask(shared: Run) -> None:
    async def story(ann: Notebook) -> None:
        ended = await ann.scratch("input('name? ')")
        assert ended.record.error is not None
        assert ended.record.error.ename == "EOFError"
        asks = await ann.start_scratch("input('name? ')", stdin="prompt")
        assert await ann.until(lambda: asks.prompt is not None, 60)
        await asks.answer("Ada")
        assert await (await asks.wait()).result() == {"text/plain": "'Ada'"}

    shared(story)


@aio
async def test_a_kernel_without_namespaces_refuses_a_copy(tmp_path: Path, deno: str) -> None:
    path = notebook_file(tmp_path, ["let x = 1"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        ann.set_metadata({"kernelspec": {"name": deno, "display_name": "Deno", "language": "typescript"}})
        first = await ann.scratch("1 + 1")  # nobody knows yet what kernel will come up
        assert first.record.error is not None
        assert first.record.error.ename == "NoCopyOfNamespace"
        with pytest.raises(RequestFailed, match="namespace='own'"):
            await ann.scratch("1 + 1")
        assert "2" in await (await ann.scratch("1 + 1", namespace="own")).text()


@aio
async def test_a_kernel_that_was_found_again_runs_it_too(tmp_path: Path) -> None:
    from tests.daemon.processes import hub_and_daemon

    path = notebook_file(tmp_path, ["x = 1"])
    async with hub_and_daemon(tmp_path) as (service, daemon), service.peer(path) as ann:
        (await ann.cells["c0"].run()).check()
        slow = await ann.start_scratch(SLEEP, timeout=1.5)
        queued = await ann.start_scratch("x = 2; x")
        await begun(ann, slow)
        daemon.kill()
        daemon.start()
        assert await (await queued.wait()).result() == {"text/plain": "2"}
        assert slow.record.error is not None
        assert slow.record.error.ename == "ExecutionTimeout"
        assert await (await ann.scratch("x")).result() == {"text/plain": "1"}
