"""A peer that is sent nonsense gives up that connection, says why, and goes on with the next."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from clients.peer.notebook import Notebook
from notebook_doc.errors import BadEdit, UnknownCell
from relay.connection import Connection, memory_pair
from relay.frames import FrameType, frame
from relay.websocket import open_websocket
from tests.support.aio import aio
from tests.support.hub import hub_here

NONSENSE = {
    "a message that is none": frame(FrameType.SESSION, b"\xc1 nonsense"),
    "a sync message that is none": frame(FrameType.NOTEBOOK_SYNC, b"nonsense"),
    "a torn sync message": frame(FrameType.RUNTIME_SYNC, b"\x42\x05"),
    "an empty frame": b"",
}


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
@aio
async def test_nonsense_ends_the_connection_and_nothing_else(nonsense: bytes, tmp_path: Path, state: Path) -> None:
    first: list[asyncio.Task[None]] = []
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        put_in = asyncio.Event()

        async def dial() -> Connection:
            there = await open_websocket(hub.address.sync_url(notebook_id))
            if first:
                return there
            here, middle = memory_pair()

            async def forward() -> None:
                async def up() -> None:
                    while True:
                        await there.send(await middle.receive())

                async def down() -> None:
                    while True:
                        await middle.send(await there.receive())

                ways = [asyncio.create_task(up()), asyncio.create_task(down())]
                await put_in.wait()
                await middle.send(nonsense)
                await asyncio.wait(ways, return_when=asyncio.FIRST_EXCEPTION)
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                await there.close()

            first.append(asyncio.create_task(forward()))
            return here

        async with Notebook.connect(notebook_id, hub.address, dial=dial) as mine:
            mine.cells[0].source = "before"
            assert await mine.saved(5)
            put_in.set()
            assert await mine.until(lambda: not mine.online, 60)
            mine.cells[0].append(", after")
            assert await mine.saved(10)
            assert mine.cells[0].source == "before, after"
        await first[0]


@aio
async def test_an_unknown_kind_of_frame_is_skipped(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        async with Notebook.connect(notebook_id, hub.address) as mine:
            (live,) = hub.hub.open_rooms()
            live.broadcast(b"\x7ffrom a later version")
            mine.cells[0].source = "goes on"
            assert await mine.saved(5)
            assert mine.online


@aio
async def test_edits_that_make_no_sense_are_refused_where_they_are_made(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub, Notebook.connect(await hub.open(tmp_path / "a.ipynb"), hub.address) as mine:
        cell = mine.cells[0]
        with pytest.raises(BadEdit):
            cell.splice(5, 1, "x")
        with pytest.raises(BadEdit):
            cell.split(1)
        with pytest.raises(BadEdit):
            mine.cells.add("x", "poem")  # type: ignore[arg-type]  # on purpose
        with pytest.raises(UnknownCell):
            mine.cells["no such cell"]
        with pytest.raises(IndexError):
            mine.cells[1]
        cell.source = "lone \ud800 surrogate"
        assert await mine.saved(5)
        assert mine.online
