"""The execution modes, with a real kernel: what a run brings along, what refuses to run, what runs by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from clients.peer.errors import RequestFailed
from clients.peer.flow import NeedsConfirmation
from clients.peer.notebook import Notebook
from notebook_doc.dataflow.notebook_dataflow import Mode
from tests.daemon.service import Service, notebook_file, running_service
from tests.support.aio import aio

CHAIN = ["x = 1", "y = x + 1", "print('z', y)"]  # c0, c1, c2
SECONDS = 30.0  # until a test that waits is said to hang


@asynccontextmanager
async def opened(
    folder: Path, sources: Sequence[str], mode: Mode, name: str = "ann"
) -> AsyncIterator[tuple[Service, Path, Notebook]]:
    path = notebook_file(folder, sources)
    async with running_service(folder) as service, service.peer(path, name) as ann:
        if mode != "manual":
            ann.mode = mode
        yield service, path, ann


async def published(notebook: Notebook, **statuses: str) -> None:
    """Wait until the daemon has published this of these cells."""

    def there() -> bool:
        cells = notebook.runtime.dataflow.cells()
        return all(cell_id in cells and cells[cell_id].status == status for cell_id, status in statuses.items())

    assert await notebook.until(there, SECONDS), notebook.runtime.dataflow.cells()


def ran(notebook: Notebook) -> list[str]:
    """The cells that ran or will, in order, each as often as it did."""
    executions = [notebook.runtime.execution(one) for one in notebook.runtime.execution_ids()]
    return [one.cell_id or "" for one in sorted((e for e in executions if e is not None), key=lambda e: e.seq)]


async def printed(notebook: Notebook, cell_id: str, text: str) -> None:
    """Wait until a cell shows this."""

    async def shows() -> str:
        execution = notebook.cells[cell_id].execution
        return "" if execution is None else await execution.text()

    async with asyncio.timeout(SECONDS):
        while text not in await shows():
            notebook._movement.clear()
            await notebook._movement.wait()


@aio
async def test_manual_runs_what_was_asked_for_and_allows_what_jupyter_allows(tmp_path: Path) -> None:
    async with opened(tmp_path, ["x = 1", "x = 2", "print(x)"], "manual") as (_, _, ann):
        await ann.run_all()
        assert ran(ann) == ["c0", "c1", "c2"]
        await printed(ann, "c2", "2")
        ann.cells["c1"].source = "x = 3"
        await published(ann, c1="stale", c2="stale")
        await ann.cells["c2"].run()
        assert ran(ann) == ["c0", "c1", "c2", "c2"]


@aio
async def test_what_is_stale_is_published_with_its_causes_and_undoing_clears_it(tmp_path: Path) -> None:
    async with opened(tmp_path, CHAIN, "lazy") as (service, path, ann), service.peer(path, "ben") as ben:
        await ann.run_all()
        await published(ben, c0="fresh", c1="fresh", c2="fresh")
        ben.cells["c0"].source = "x = 2"
        assert ben.cells["c2"].stale  # known here at once
        await published(ann, c0="stale", c1="stale", c2="stale")
        told = ann.runtime.dataflow.cell("c2")
        assert told is not None
        assert [(cause.kind, cause.cell_id) for cause in told.causes] == [("upstream", "c0")]
        ann.cells["c0"].source = "x = 1"
        await published(ben, c0="fresh", c1="fresh", c2="fresh")
        before = ran(ann)
        await ann.cells["c2"].run()
        assert ran(ann) == [*before, "c2"]


@aio
async def test_who_sees_a_run_end_knows_in_the_same_moment_what_is_fresh(tmp_path: Path) -> None:
    async with opened(tmp_path, CHAIN, "lazy") as (_, _, ann):
        for _ in range(2):  # the first run waits for the kernel
            ann.cells["c0"].source += " "
            await ann.cells["c2"].run()
            assert [cell.freshness.status for cell in ann.cells] == ["fresh"] * 3


@aio
async def test_lazy_brings_stale_and_missing_cells_along_and_an_error_stops_what_follows(tmp_path: Path) -> None:
    async with opened(tmp_path, CHAIN, "lazy") as (_, _, ann):
        execution = await ann.cells["c2"].run()
        assert ran(ann) == ["c0", "c1", "c2"]
        assert await execution.text() == "z 2\n"
        ann.cells["c0"].source = "x = 10"
        assert await (await ann.cells["c2"].run()).text() == "z 11\n"
        ann.cells["c0"].source = "x = 1 / 0"
        plan = await ann.cells["c2"].plan()
        assert [(step.cell_id, step.reason) for step in plan.steps] == [
            ("c0", "stale"),
            ("c1", "stale"),
            ("c2", "target"),
        ]
        assert plan.estimated_ms > 0
        execution = await ann.cells["c2"].run()
        assert execution.status == "cancelled"
        await published(ann, c0="failed", c1="stale", c2="stale")
        told = ann.runtime.dataflow.cell("c2")
        assert told is not None
        assert ("upstream", "failed", "c0") in [(one.kind, one.why, one.cell_id) for one in told.causes]
        ann.cells["c0"].source = "x = 5"
        assert await (await ann.cells["c2"].run()).text() == "z 6\n"


@aio
async def test_only_cells_with_problems_refuse_to_run_and_a_fix_clears_it(tmp_path: Path) -> None:
    sources = ["x = 1", "y = 2", "print('w')"]
    async with opened(tmp_path, sources, "lazy") as (service, path, ann), service.peer(path, "ben") as ben:
        with ann.edit():
            ann.cells["c1"].source = "x = 2"  # each is right by itself
        assert await ben.until(lambda: ben.cells["c1"].source == "x = 2", SECONDS)
        with pytest.raises(RequestFailed) as refused:
            await ben.cells["c0"].run()
        assert refused.value.code == "cell_has_problem"
        assert "x is defined here and in c1" in refused.value.message
        await ann.run_all()
        assert ran(ann) == ["c2"]
        await ben.until(lambda: bool((told := ben.runtime.dataflow.cell("c1")) and told.problems), SECONDS)
        told = ben.runtime.dataflow.cell("c1")
        assert told is not None
        assert told.problems[0]["cells"] == ["c0", "c1"]
        ben.apply_fix(ben.cells["c1"].problems[0].fixes[0])
        await ben.run_all()
        assert ran(ben)[1:] == ["c0", "c1", "c2"]
        ann.mode = "manual"
        ann.cells["c1"].source = "x = 7"
        await ann.cells["c1"].run()


@aio
async def test_reactive_runs_dependents_and_what_was_edited_once_it_is_settled(tmp_path: Path) -> None:
    async with opened(tmp_path, [*CHAIN, "print('w')", "print('never')"], "reactive") as (service, path, ann):
        await ann.cells["c3"].run()
        await ann.cells["c0"].run()
        assert ran(ann) == ["c3", "c0", "c1", "c2"]
        async with service.peer(path, "robot", "agent") as robot:
            robot.cells["c0"].source = "x = 20"
            await printed(ann, "c2", "z 21")
        assert ran(ann)[4:] == ["c0", "c1", "c2"]
        ann.set_presence(cell_id="c0", anchor=0, head=0, status="editing")
        for character in "# not yet\nx = 30#":
            ann.cells["c0"].append(character)
        ann.cells["c0"].source = "x = 30"
        ann.cells["c3"].source = "print('later')"  # settles after what was typed, but for the cursor
        await printed(ann, "c3", "later")
        await published(ann, c0="stale", c2="stale", c3="fresh")
        assert ran(ann)[7:] == ["c3"]
        ann.set_presence(cell_id="c4", status="reading")
        await printed(ann, "c2", "z 31")
        assert ran(ann)[8:] == ["c0", "c1", "c2"]
        await published(ann, c0="fresh", c2="fresh", c4="never_ran")


@aio
async def test_reactive_leaves_what_failed_alone_until_it_is_mended(tmp_path: Path) -> None:
    async with opened(tmp_path, CHAIN, "reactive") as (_, _, ann):
        await ann.cells["c0"].run()
        ann.cells["c0"].source = "x = nothing"
        await published(ann, c0="failed", c1="stale", c2="stale")
        count = len(ran(ann))
        ann.cells["c2"].source = "print('zz', y)"
        await published(ann, c2="stale")
        ann.cells["c0"].source = "x = 4"
        await printed(ann, "c2", "zz 5")
        assert ran(ann)[count:] == ["c0", "c1", "c2"]


@aio
async def test_deleting_a_cell_takes_its_names_out_of_the_kernel(tmp_path: Path) -> None:
    async with opened(tmp_path, ["x = 1; kept = 1", "y = 2", "print('x' in globals(), 'y' in globals())"], "lazy") as (
        _,
        _,
        ann,
    ):
        await ann.run_all()
        await printed(ann, "c2", "True True")
        ann.cells["c0"].delete()
        await (await ann.start(["c2"]))[0].wait()
        await printed(ann, "c2", "False True")
        ann.cells["c1"].source = "z = 2"
        await ann.run(["c1", "c2"])
        await printed(ann, "c2", "False False")
        ann.mode = "manual"
        ann.cells["c1"].delete()
        ann.cells["c2"].source = "print('z' in globals())"
        await ann.cells["c2"].run()
        await printed(ann, "c2", "True")


@aio
async def test_cascade_asks_before_it_brings_others_along(tmp_path: Path) -> None:
    async with opened(tmp_path, CHAIN, "cascade") as (_, _, ann):
        with pytest.raises(NeedsConfirmation) as asked:
            await ann.cells["c2"].run()
        plan = asked.value.plan
        assert plan.brought == ("c0", "c1")
        assert ran(ann) == []
        ann.cells["c2"].source = "print('Z', y)"  # what it would run stays the same
        await ann.run(plan=plan)
        assert ran(ann) == ["c0", "c1", "c2"]
        await printed(ann, "c2", "Z 2")
        await ann.cells["c2"].run()  # what it needs is there
        with pytest.raises(RequestFailed) as used:
            await ann.run(plan=plan)
        assert used.value.code == "plan_gone"
        ann.cells["c1"].source = "y = x * 2"
        plan = await ann.cells["c2"].plan()
        assert plan.brought == ("c1",)
        ann.cells["c0"].source = "x = 100"
        with pytest.raises(RequestFailed) as changed:
            await ann.run(plan=plan)
        assert "c0 would run, too" in changed.value.message
        assert await (await ann.cells["c2"].run(bring="nothing")).text() == "Z 2\n"


@aio
async def test_the_mode_is_switched_live_and_what_ran_is_remembered_over_kernels_and_daemons(tmp_path: Path) -> None:
    async with opened(tmp_path, CHAIN, "manual") as (service, _, ann):
        await ann.run_all()
        ann.cells["c0"].source = "x = 6"
        await published(ann, c2="stale")
        ann.mode = "reactive"
        await printed(ann, "c2", "z 7")
        await published(ann, c0="fresh", c2="fresh")
        await service.lose_daemon()  # and its kernel
        ann.cells["c0"].source = "x = 7"
        ann.mode = "lazy"
        service.start_daemon()
        await published(ann, c0="stale", c1="stale", c2="stale")
        told = ann.runtime.dataflow.cell("c2")
        assert told is not None
        assert told.missing
        ann.cells["c0"].source = "x = 6"
        await published(ann, c0="fresh", c1="fresh", c2="fresh")
        count = len(ran(ann))
        assert [step.reason for step in (await ann.cells["c2"].plan()).steps] == ["missing", "missing", "target"]
        await ann.cells["c2"].run()
        assert ran(ann)[count:] == ["c0", "c1", "c2"]
        assert (await ann.impact("c0")).downstream == ("c1", "c2")
        assert set(ann.profile.cells) == {"c0", "c1", "c2"}
