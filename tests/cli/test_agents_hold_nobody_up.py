"""The agents' tools of a running service are a process of their own, so nobody's typing waits for what they do."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from clients.peer.notebook import Notebook
from relay.messages import PeerInfo
from tests.agent.company import seen
from tests.agent.mcp_client import Agent, by_http, version
from tests.cli.services import PATIENCE, Home, until
from tests.support.aio import aio

CELLS = 800
# Edits that reach everybody, each after the one before, while an agent's batch of so many cells is written: hundreds.
# Where the batch is written on the loop that forwards edits it is a handful, those before it begins.
MANY = 40


@asynccontextmanager
async def person(home: Home, notebook_id: str, name: str) -> AsyncIterator[Notebook]:
    who = PeerInfo(peer_id=name, name=name, kind="person")
    async with Notebook.connect(notebook_id, home.address, peer=who) as notebook:
        yield notebook


def agents_process(home: Home) -> psutil.Process:
    """The process in which the agents' tools of this service are."""
    (found,) = [one for one in psutil.Process(home.pid("hub")).children() if "serve-agents" in one.cmdline()]
    return found


@aio
async def test_what_people_type_reaches_everybody_while_an_agent_writes_a_very_large_batch(
    home: Home, notebook: Path
) -> None:
    await asyncio.to_thread(home.up, notebook)
    notebook_id = await home.open(notebook)
    async with (
        person(home, notebook_id, "ann") as ann,
        person(home, notebook_id, "bob") as bob,
        by_http(home.address) as agent,
    ):
        steps = [{"op": "create", "code": f"value_{n} = {n}\nprint(value_{n})"} for n in range(CELLS)]
        read = version(await agent.text("read_notebook", notebook=notebook_id))
        batch = asyncio.create_task(agent.text("batch", notebook=notebook_id, steps=steps, version=read))
        typed = 0
        while not batch.done():
            typed += 1
            ann.cells["cell-1"].append("#")
            await seen(bob, lambda: bob.cells["cell-1"].source.count("#") == typed)  # noqa: B023
        assert "created" in await batch
        assert typed > MANY
        await seen(bob, lambda: len(bob.cells) == CELLS + 1)


@aio
async def test_a_killed_process_of_agents_is_replaced_and_people_notice_nothing(home: Home, notebook: Path) -> None:
    await asyncio.to_thread(home.up, notebook)
    notebook_id = await home.open(notebook)
    async with person(home, notebook_id, "ann") as ann:
        async with by_http(home.address) as agent:
            await agent.text("create_cell", notebook=notebook_id, code="before = 1")
            killed = agents_process(home)
            killed.kill()
            await asyncio.to_thread(until, lambda: "the agents' process was killed by SIGKILL" in home.log())
        async with by_http(home.address) as agent:
            await agent.text("create_cell", notebook=notebook_id, code="after = 2")
            assert agents_process(home).pid != killed.pid
        await seen(ann, lambda: [cell.source for cell in ann.cells][1:] == ["before = 1", "after = 2"])
        assert ann.online


async def _one_call(home: Home, notebook_id: str) -> None:
    async with by_http(home.address) as agent:
        await _create(agent, notebook_id)


async def _create(agent: Agent, notebook_id: str) -> None:
    await agent.text("create_cell", notebook=notebook_id, code="x = 1")


def test_the_process_of_agents_ends_with_its_hub_however_that_ends(home: Home, notebook: Path) -> None:
    up = home.up(notebook)
    notebook_id = asyncio.run(home.open(notebook))
    asyncio.run(_one_call(home, notebook_id))
    orphan, hub = agents_process(home), home.pid("hub")
    os.kill(hub, signal.SIGKILL)
    orphan.wait(PATIENCE)
    until(lambda: (entry := home.server("hub")) is not None and entry.pid != hub)
    asyncio.run(_one_call(home, notebook_id))
    served = agents_process(home)
    up.interrupt()
    assert up.end() == 0
    assert not served.is_running()
    assert "is killed" not in home.log()


@aio
async def test_an_agent_that_is_connected_does_not_keep_the_service_from_stopping(home: Home, notebook: Path) -> None:
    up = await asyncio.to_thread(home.up, notebook)
    notebook_id = await home.open(notebook)
    async with by_http(home.address) as agent:
        await _create(agent, notebook_id)
        process = agents_process(home)
        up.interrupt()
        assert await asyncio.to_thread(up.end) == 0
    assert not process.is_running()
    assert "did not end" not in home.log()
    assert "x = 1" in await asyncio.to_thread(notebook.read_text)
