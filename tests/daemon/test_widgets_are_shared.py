"""Real ipywidgets in a real kernel, and peers as their front ends: one state for everybody, in the daemon's order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from clients.peer.errors import NotAllowed, PeerError, RequestFailed
from clients.peer.execution import Execution
from clients.peer.notebook import Notebook
from clients.peer.widget import Widget
from notebook_doc.events import CommClosed, CommOpened
from tests.daemon.service import Service, notebook_file, running_service
from tests.support.aio import aio

IMPORT = "import ipywidgets as w\nfrom IPython.display import display\n"


@asynccontextmanager
async def notebook(folder: Path, *sources: str) -> AsyncIterator[tuple[Service, Path, Notebook]]:
    """A notebook of these cells, opened by ann; its first cell has the imports."""
    path = notebook_file(folder, [IMPORT + sources[0], *sources[1:]])
    async with running_service(folder) as service, service.peer(path) as ann:
        yield service, path, ann


async def run(ann: Notebook, cell_id: str = "c0") -> Execution:
    return (await ann.cells[cell_id].run()).check()


def model(peer: Notebook, name: str) -> Widget:
    """The one widget of this model."""
    (found,) = [widget for widget in peer.widgets.values() if widget.model == name]
    return found


async def value_in_kernel(ann: Notebook, expression: str) -> str:
    """What the kernel says of an expression."""
    cell = ann.cells.add(f"print(repr({expression}))")
    text = (await (await cell.run()).check().text()).strip()
    cell.delete()
    return text


async def until(peer: Notebook, condition: Any, what: str) -> None:
    assert await peer.until(condition, 10), what


@aio
async def test_a_slider_is_there_for_everybody_and_what_one_sets_the_kernel_observes(tmp_path: Path) -> None:
    source = "s = w.IntSlider(3, max=50)\ns.observe(lambda change: print('now', change.new), 'value')\ns"
    async with notebook(tmp_path, source) as (service, path, ann):
        execution = await run(ann)
        async with service.peer(path, "ben") as late:
            slider = model(late, "IntSliderModel")
            assert slider["value"] == 3
            assert (await slider.state())["max"] == 50
            await slider.set(value=41)
            assert slider["value"] == 41
            await until(ann, lambda: model(ann, "IntSliderModel")["value"] == 41, "ann sees what ben set")
            await until(ann, lambda: len(ann.runtime.outputs(execution.id)) == 2, "the callback's print")
        assert (await execution.outputs())[1] == {"output_type": "stream", "name": "stdout", "text": "now 41\n"}
        assert await value_in_kernel(ann, "s.value") == "41"
