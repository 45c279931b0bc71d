"""Code mode with a kernel: runs inside and after a block, the scratchpad, widgets; one kernel for all of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from clients.agent import scratch
from clients.agent.code_mode import code_mode
from clients.agent.running import run_cells
from clients.agent.scratch import follow, run_scratch
from tests.agent.company import agree, company, seen
from tests.support.aio import aio

CELLS = ["x = 20", "print(x + 1)\nx * 2", "1 / 0"]


@aio
async def test_an_agent_and_a_person_run_one_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A story: it shares one kernel, which takes half a second to start."""
    async with company(tmp_path, CELLS, daemon=True) as here:
        ann, claude = await here.enter("ann"), await here.enter("claude", "agent")

        # Results are there right after a run, in the same block; code is on every screen before it runs.
        seen_before_it_ran: list[bool] = []
        async with code_mode(claude) as ctx:
            made = ctx.create_cell("y = x + 22\ny", after="c0")
            waiting = asyncio.create_task(ann.until(lambda: ann.runtime.latest(made.id) is not None, 60))
            ran = await ctx.run("c0", made)
            assert [(one.cell_id, one.status, one.text) for one in ran] == [
                ("c0", "done", ""),
                (made.id, "done", "42\n"),
            ]
            assert (ctx.cells[made.id].status, ctx.cells[made.id].outputs) == ("done", ["42"])
            await waiting
            seen_before_it_ran.append(made.id in ann.doc)
            ctx.edit_cell(made, "y = x + 23\ny")
            assert ctx.cells[made.id].status == "draft"
            ctx.run_cell(made)
        assert seen_before_it_ran == [True]
        assert [one.text for one in ctx.report.runs] == ["", "42\n", "43\n"]
        assert ctx.report.ok
        await agree(ann, claude)

        # A failing cell ends the ones after it, and is told with its error.
        async with code_mode(claude) as ctx:
            ctx.run_cell("c2")
            ctx.run_cell("c1")
        assert [one.status for one in ctx.report.runs] == ["error", "cancelled"]
        assert "ZeroDivisionError" in ctx.report.runs[0].text

        # The scratchpad sees names, may change what they stand for, and binds nothing.
        told: list[str] = []
        await claude.scratch("box = [1]", namespace="own")
        execution = await claude.start_scratch("box.append(2); x = 'mine'; print('one'); print('two'); x")
        assert await follow(claude, execution, lambda channel, text: told.append(f"{channel}: {text}")) == 0
        assert "".join(one.partition(": ")[2] for one in told) == "one\ntwo\n'mine'\n"
        found = {one.name: one for one in await claude.variables()}
        assert (found["x"].text, found["box"].text, found["box"].length) == ("20", "[1, 2]", 2)
        async with code_mode(claude) as ctx:
            assert (await ctx.globals())["y"].type == "int"
        assert [cell.id for cell in claude.cells] == ["c0", made.id, "c1", "c2"], "no cell is left behind"

        # Cancelling a queued call interrupts nobody.
        async with code_mode(ann) as hers:
            long = hers.create_cell("import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\n'hers'")
        (running,) = await ann.start([long.id])
        await seen(ann, lambda: ann.runtime.status(running.id) == "running")
        queued = asyncio.create_task(run_scratch(claude, "'never'"))
        cells = asyncio.create_task(run_cells(claude, ["c0"]))
        await seen(ann, lambda: len(ann.runtime.queue()) == 3)
        for task in (queued, cells):
            task.cancel()
        await asyncio.wait((queued, cells))
        await seen(ann, lambda: len(ann.runtime.queue()) == 1)

        # Whoever waits is told behind what.
        monkeypatch.setattr(scratch, "TELL_AFTER", 0.05)
        behind: list[str] = []
        late = await claude.start_scratch("'late'")
        following = asyncio.create_task(follow(claude, late, lambda *_: None, tell_waiting=behind.append))
        while not behind:
            await asyncio.sleep(0.01)  # until it is told
        assert behind[0].startswith(f"queued behind cell {long.id}, running for")
        (tmp_path / "go").touch()
        await following
        assert late.ok
        assert (await running.wait()).ok
        assert await running.text() == "'hers'\n"

        # A time limit interrupts this execution and no other.
        slow = await claude.scratch("while True: pass", timeout=0.2)
        assert slow.status == "error"
        with pytest.raises(TimeoutError):
            await run_cells(claude, [long.id], timeout=0) if not (tmp_path / "go").unlink() else None
        await seen(ann, lambda: ann.runtime.queue() == [])


@aio
async def test_a_widget_of_a_cell_is_set_for_everybody(tmp_path: Path) -> None:
    slider = "import ipywidgets\nslider = ipywidgets.IntSlider(value=3)\nslider"
    async with company(tmp_path, [slider], daemon=True) as here:
        ann, claude = await here.enter("ann"), await here.enter("claude", "agent")
        async with code_mode(claude) as ctx:
            await ctx.run("c0")
            ctx.set_ui_value(ctx.cells["c0"], 7)
        await seen(
            ann,
            lambda: any(widget.model == "IntSliderModel" and widget["value"] == 7 for widget in ann.widgets.values()),
        )
        assert (await claude.scratch("slider.value")).ok
