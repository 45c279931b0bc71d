"""A cell that prints without end: everything stays readable, the document small, and everybody else at work."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from clients.peer.hub_address import HubAddress
from clients.peer.notebook import Notebook
from relay.messages import PeerInfo
from tests.end_to_end.test_the_documentation_runs import DAEMON
from tests.support.aio import aio
from tests.support.hub import REPOSITORY, hub_process, open_notebook

LINE = 999
FLOOD = """
print('head of it', flush=True)
for n in range({lines}):
    print(f'{{n:07}}'.ljust({line}, 'x'), flush=n % 1000 == 0)
"""
MOST = 1.0  # seconds from an edit to the other peer, 95 of 100: generous, the machine is everybody's
DOCUMENT = 200_000  # bytes: 1,600 names of blobs and what the rest of a run takes


@contextmanager
def daemon_process(home: Path) -> Iterator[None]:
    environment = {**os.environ, "QUIRE_HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
    daemon = subprocess.Popen([sys.executable, "-c", DAEMON], stdin=subprocess.PIPE, env=environment)
    try:
        yield
    finally:
        assert daemon.stdin is not None
        daemon.stdin.close()
        assert daemon.wait(30) == 0


@asynccontextmanager
async def peer(address: HubAddress, notebook_id: str, name: str) -> AsyncIterator[Notebook]:
    who = PeerInfo(peer_id=name, name=name, kind="person")
    async with Notebook.connect(notebook_id, address, peer=who) as notebook:
        yield notebook


def contents(notebook: Notebook, execution_id: str) -> list[dict[str, Any]]:
    (stream,) = notebook.runtime.outputs(execution_id)
    found: Any = stream["text"]
    return list(found)


@aio
async def test_a_cell_that_prints_15_megabytes_is_whole_and_others_go_on_typing(tmp_path: Path) -> None:
    await flood(tmp_path, 15_000)


@pytest.mark.slow
def test_a_cell_that_prints_100_megabytes_is_whole_and_others_go_on_typing(tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(flood(tmp_path, 100_000), 240))


async def flood(tmp_path: Path, lines: int) -> None:
    with hub_process(tmp_path) as hub, daemon_process(tmp_path):
        notebook_id = await open_notebook(hub.address, tmp_path / "flood.ipynb")
        async with peer(hub.address, notebook_id, "ann") as ann, peer(hub.address, notebook_id, "ben") as ben:
            (await ann.cells.add("'warm'").run()).check()
            before = len(ann.runtime.replica.save())
            flood, notes = ann.cells.add(FLOOD.format(lines=lines, line=LINE)), ann.cells.add("", "markdown")
            (execution,) = await ann.start([flood])
            assert await ann.until(lambda: len(ann.runtime.outputs(execution.id)) == 1, 60)
            took, lengths = [], []
            while not execution.record.is_terminal:
                began = time.perf_counter()
                notes.append("edit ")
                assert await ben.until(lambda: notes.id in ben.doc and ben.doc.source(notes.id) == notes.source, 60)
                took.append(time.perf_counter() - began)
                lengths.append(len(contents(ann, execution.id)))
                await asyncio.sleep(0.02)
            execution.check()
            assert len(set(lengths)) > 2, "the output was not live"
            assert sorted(took)[int(0.95 * len(took))] < MOST
            assert len(ann.runtime.replica.save()) - before < DOCUMENT
            text = await execution.text()
            expected = "".join(f"{n:07}".ljust(LINE, "x") + "\n" for n in range(lines))
            assert text == "head of it\n" + expected
            await any_part_can_be_fetched_alone(hub.address, contents(ann, execution.id), text)


async def any_part_can_be_fetched_alone(address: HubAddress, pieces: list[dict[str, Any]], text: str) -> None:
    """A part of a part, as a reader that scrolls through it asks for it."""
    middle = len(pieces) // 2
    at = sum(piece["size"] for piece in pieces[:middle])
    headers = {"Authorization": f"Bearer {address.token}", "Range": "bytes=1000-2999"}
    async with httpx.AsyncClient(base_url=address.url, headers=headers, trust_env=False) as client:
        answer = await client.get(f"/v1/blobs/{pieces[middle]['blob']}")
    assert answer.status_code == 206
    assert answer.text == text[at + 1000 : at + 3000]
