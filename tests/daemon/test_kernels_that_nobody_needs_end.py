"""A kernel that runs nothing, of a notebook that nobody has open, ends after the time that is set."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from clients.daemon import idle_kernels
from clients.daemon.idle_kernels import Idleness
from tests.daemon.service import notebook_file, running_service
from tests.support.aio import aio


def test_it_ends_after_the_time_in_which_nobody_needed_it_without_a_break() -> None:
    idleness = Idleness()
    assert not idleness.ended_by(0, needed=False, seconds=60)
    assert not idleness.ended_by(59, needed=False, seconds=60)
    assert not idleness.ended_by(60, needed=True, seconds=60)
    assert not idleness.ended_by(61, needed=False, seconds=60)
    assert not idleness.ended_by(120, needed=False, seconds=60)
    assert idleness.ended_by(121, needed=False, seconds=60)


def test_for_ever_is_for_ever() -> None:
    idleness = Idleness()
    assert not idleness.ended_by(0, needed=False, seconds=0)
    assert not idleness.ended_by(1e9, needed=False, seconds=0)
    assert not idleness.ended_by(1e9 + 1, needed=False, seconds=60)


@aio
async def test_it_stays_while_somebody_is_there_or_it_runs_and_then_the_notebook_says_why_it_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle_kernels, "MINUTE", 0.01)
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state" / "settings.toml").write_text("keep_kernels_minutes = 1\n")
    path = notebook_file(tmp_path, ["x = 7", "import time; time.sleep(0.3)", "x"])
    async with running_service(tmp_path) as service:
        async with service.peer(path) as ann:
            await ann.cells["c0"].run()
            await ann.cells["c1"].run()
            assert await (await ann.cells["c2"].run()).text() == "7\n", "the kernel outlived many times that long"
            (long,) = await ann.start(["c1"])
            await ann.saved()
        async with service.peer(path, "bob") as bob:  # comes back while it runs, or at once after
            assert await bob.until(lambda: bob.runtime.execution(long.id).is_terminal, 30)
            assert bob.runtime.execution(long.id).status == "done"
        while any((tmp_path / "state" / "kernels").glob("*.json")):  # the manifests of kernels that run
            await asyncio.sleep(0.05)
        async with service.peer(path, "eve") as eve:
            assert await eve.until(lambda: eve.kernel.lifecycle == "stopped", 30)
            assert "ended after 1 min in which nobody needed it" in (eve.kernel.error or "")
