"""Code in a notebook's kernel may ask for runs of its own notebook, and is told at once that it cannot wait for any."""

from __future__ import annotations

from pathlib import Path

from clients.peer.notebook import Notebook
from tests.daemon.service import TOKEN, Service, notebook_file, running_service
from tests.support.aio import aio

SECONDS = 60
WAITING = """
import quire
nb = quire.open({own!r}, token={token!r}, name="kernel")

def told(wait):
    try:
        return wait()
    except Exception as error:
        return type(error).__name__

def block():
    with quire.code_mode(nb) as ctx:
        return ctx.run("c1")

waits = (lambda: nb.run(["c1"]), lambda: nb.cells["c1"].run(), lambda: nb.scratch("1"), block)
print(*(told(one) for one in waits))
(asked,) = nb.start(["c1"])
print(told(asked.wait))
"""
AWAITING = """
import asyncio
import quire.aio
async with quire.aio.open({own!r}, token={token!r}, name="kernel") as live:
    for wait in (live.run(["c1"]), live.cells["c1"].run(), live.scratch("1")):
        try:
            await wait
        except quire.errors.PeerError as error:
            print(type(error).__name__)
"""
BESIDE = """
import threading
ended = []
thread = threading.Thread(target=lambda: ended.append(nb.cells["c1"].run().status))
thread.start()

async def beside():
    async with quire.aio.open({own!r}, token={token!r}, name="kernel") as live:
        ended.extend(one.status for one in await live.run(["c1"]))

task = asyncio.create_task(beside())
"""
ANOTHERS = """
with quire.open({other!r}, token={token!r}, name="kernel") as other:
    print(other.cells["c0"].run().text)
"""


async def notebook_with(service: Service, folder: Path, code: str) -> Path:
    path = notebook_file(folder, ["", "6 * 7", "", ""])
    other = notebook_file(folder, ["6 * 7"], "other.ipynb")
    base = f"{service.address.url}/v1/notebooks"
    names = {
        "token": TOKEN,
        "own": f"{base}/{await service.open(path)}",
        "other": f"{base}/{await service.open(other)}",
    }
    async with service.peer(path, "setter") as ann:
        ann.cells["c0"].source = WAITING.format(**names)
        ann.cells["c2"].source = code.format(**names)
        assert await ann.saved(SECONDS)
    return path


def runs_of(ann: Notebook, cell_id: str) -> int:
    records = [ann.runtime.execution(one) for one in ann.runtime.execution_ids()]
    return sum(one is not None and one.cell_id == cell_id for one in records)


async def printed(ann: Notebook, cell_id: str) -> str:
    execution = await ann.cells[cell_id].run(timeout=SECONDS)
    assert execution.ok, await execution.text()
    return await execution.text()


@aio
async def test_a_cell_that_would_wait_for_a_run_of_its_notebook_is_told_at_once_and_nothing_is_queued(
    tmp_path: Path,
) -> None:
    async with running_service(tmp_path) as service:
        path = await notebook_with(service, tmp_path, AWAITING)
        async with service.peer(path) as ann:
            assert await printed(ann, "c0") == "OwnKernel OwnKernel OwnKernel OwnKernel\nOwnKernel\n"
            (asked,) = await ann.executions_of("c1")
            await asked.wait()
            assert asked.ok  # what was only asked for runs afterwards
            assert await printed(ann, "c2") == "OwnKernel\n" * 3
            assert len(await ann.executions_of("c1")) == 1


@aio
async def test_what_holds_nobody_up_may_wait(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        path = await notebook_with(service, tmp_path, BESIDE)
        async with service.peer(path) as ann:
            await printed(ann, "c0")
            await ann.scratch("import quire.aio, asyncio", namespace="own")
            await printed(ann, "c2")
            assert await ann.until(lambda: runs_of(ann, "c1") == 3, SECONDS)  # that of c0, and these two
            ann.cells["c3"].source = "await task; thread.join(); print(ended)"
            assert await printed(ann, "c3") == "['done', 'done']\n"


@aio
async def test_a_cell_may_wait_for_another_notebook(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        path = await notebook_with(service, tmp_path, ANOTHERS)
        async with service.peer(path) as ann:
            await printed(ann, "c0")
            assert await printed(ann, "c2") == "42\n\n"


@aio
async def test_what_a_widget_calls_in_the_kernel_is_told_as_well(tmp_path: Path) -> None:
    async with running_service(tmp_path) as service:
        path = await notebook_with(service, tmp_path, "")
        async with service.peer(path) as ann:
            await printed(ann, "c0")
            ann.cells["c3"].source = (
                "import ipywidgets\nsaid = []\nslider = ipywidgets.IntSlider()\n"
                "slider.observe(lambda _: said.append(told(waits[0])), 'value')\nslider"
            )
            await printed(ann, "c3")
            (slider,) = [one for one in ann.widgets.values() if one.model == "IntSliderModel"]
            await slider.set(value=3)
            assert (await (await ann.scratch("said", timeout=SECONDS)).result()) == {"text/plain": "['OwnKernel']"}
