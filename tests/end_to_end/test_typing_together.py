"""Processes of their own type into one cell at once, straight and through relays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

from clients.peer.hub_address import HubAddress
from clients.peer.notebook import Notebook
from relay.connection import Connection
from relay.endpoint import connect, parse_endpoint
from relay.pipe import pipe, serve_relay
from relay.stream import serve_unix
from relay.websocket import open_websocket
from tests.support.aio import aio
from tests.support.hub import HubProcess, hub_here, open_notebook
from tests.support.recording import Recording
from tests.support.typist import Typist, check_typed, typed

TOKENS = 30  # each, about 80 characters


@asynccontextmanager
async def relay(listen: str, to: str) -> AsyncIterator[str]:
    """A relay between two addresses; gives the address to connect to."""
    listening: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        serve_relay(parse_endpoint(listen), parse_endpoint(to), on_listening=listening.set_result)
    )
    try:
        yield str(await listening)
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def first_cell(notebook_id: str, hub: HubAddress) -> str:
    async with Notebook.connect(notebook_id, hub) as notebook:
        return notebook.cells[0].id


async def type_together(hub: HubProcess, path: Path, via: list[str | None]) -> None:
    """Two people and an agent, one on each way to the hub, type at once."""
    notebook_id = await open_notebook(hub.address, path)
    cell = await first_cell(notebook_id, hub.address)
    total = sum(len(typed(author, TOKENS)) for author in range(len(via)))
    with ExitStack() as processes:
        typists = [
            processes.enter_context(
                Typist.at(
                    hub,
                    notebook_id,
                    cell,
                    author=author,
                    count=TOKENS,
                    total=total,
                    via=way,
                    pause=0.001,
                    whole_tokens=author == 2,
                )
            )
            for author, way in enumerate(via)
        ]
        told = [await asyncio.to_thread(typist.until, "text") for typist in typists]
        for typist in typists:
            await asyncio.to_thread(typist.end)
    check_typed(told[0]["text"], dict.fromkeys(range(len(via)), TOKENS))
    assert all((each["text"], each["heads"]) == (told[0]["text"], told[0]["heads"]) for each in told)


@aio
async def test_two_people_and_an_agent_type_into_one_cell_at_once(hub: HubProcess, tmp_path: Path) -> None:
    await type_together(hub, tmp_path / "a.ipynb", [None, None, None])


@aio
async def test_the_same_through_two_stacked_relays(hub: HubProcess, tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    notebook_id = await open_notebook(hub.address, path)
    (tmp_path / "sockets").mkdir(mode=0o700)
    async with AsyncExitStack() as stack:
        outer = await stack.enter_async_context(relay("ws://127.0.0.1:0", f"ws{hub.address.url[4:]}"))
        inner = await stack.enter_async_context(
            relay(f"unix:{tmp_path}/sockets/inner", f"{outer}/v1/notebooks/{notebook_id}/sync")
        )
        await type_together(hub, path, [inner, None, inner])


@aio
async def test_a_relay_passes_on_exactly_what_a_peer_and_the_hub_say(tmp_path: Path) -> None:
    """Recorded on both sides of two stacked relays: the frames that one end sent are those that the other received."""
    (tmp_path / "sockets").mkdir(mode=0o700)
    recordings: list[Recording] = []
    async with hub_here(tmp_path / "state") as hub, AsyncExitStack() as stack:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        target = hub.address.sync_url(notebook_id)

        async def record_and_pipe(client: Connection) -> None:
            recordings.append(Recording(await open_websocket(target)))
            await pipe(client, recordings[-1])

        await stack.enter_async_context(serve_unix(tmp_path / "sockets" / "last", record_and_pipe))
        outer = await stack.enter_async_context(relay("ws://127.0.0.1:0", f"unix:{tmp_path}/sockets/last"))
        inner = await stack.enter_async_context(relay(f"unix:{tmp_path}/sockets/inner", outer))

        async def dial() -> Connection:
            recordings.append(Recording(await connect(parse_endpoint(inner))))
            return recordings[-1]

        async with (
            Notebook.connect(notebook_id, hub.address, dial=dial) as far,
            Notebook.connect(notebook_id, hub.address) as near,
        ):
            for number in range(50):
                far.cells[0].append(f"{number} ")
                near.cells.add(str(number))
                await asyncio.sleep(0.002)
            await far.save()
            assert await far.until(lambda: len(far.cells) == 51, 60)
            assert await far.saved(10)
            at_the_hub, at_the_peer = sorted(recordings, key=lambda recording: recording.peer_name.startswith("unix"))
            assert at_the_peer.peer_name.startswith("unix")
            async with asyncio.timeout(60):
                while len(at_the_peer.received) < len(at_the_hub.received):  # nothing tells
                    await asyncio.sleep(0.01)
            assert at_the_peer.sent == at_the_hub.sent
            assert at_the_peer.received == at_the_hub.received
            assert len(at_the_peer.sent) > 20
