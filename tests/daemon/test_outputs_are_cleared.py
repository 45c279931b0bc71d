"""Clearing outputs: cells show nothing any more, the kernel and the record of what ran keep everything."""

from __future__ import annotations

import json
from pathlib import Path

from tests.daemon.service import notebook_file, running_service
from tests.daemon.test_cells_run_for_every_peer import SLEEP, until_begun
from tests.support.aio import aio


@aio
async def test_cells_show_nothing_any_more_and_neither_does_the_file(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["x = 1; print('one')", "print('two')", SLEEP])
    async with running_service(tmp_path) as service, service.peer(path) as ann, service.peer(path, "ben") as ben:
        for cell in ("c0", "c1"):
            (await ann.cells[cell].run()).check()
        (running,) = await ann.start(["c2"])
        await until_begun(ann, running)
        assert await ben.clear_outputs(["c0", "c0"]) == ["c0"]
        assert await ann.until(lambda: ann.runtime.latest("c0") is None)
        assert ann.runtime.shown("c0") == (None, [])
        assert ann.runtime.shown("c1")[1] != []
        assert await ben.clear_outputs() == ["c1"], "what runs is let be, what shows nothing is not named"
        assert ann.runtime.status(running.id) == "running"
        await ann.interrupt(running)
        await running.wait()
        assert [await one.text() for one in await ann.cells["c0"].history()] == ["one\n"], "it is on record"
        assert (await ann.scratch("x")).ok, "the kernel has what the cell left"
        await ann.save()
        cells = json.loads(path.read_text())["cells"]
        assert [(cell["execution_count"], cell["outputs"]) for cell in cells[:2]] == [(None, []), (None, [])]
        (await ann.cells["c0"].run()).check()
        assert ann.runtime.shown("c0")[1] != []
