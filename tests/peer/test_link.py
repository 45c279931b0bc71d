"""A session kept connected: reconnects lose nothing, double nothing, and end when going on makes no sense."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from clients.peer import link as link_module
from clients.peer.hub_address import HubAddress
from clients.peer.notebook import Notebook
from relay.connection import Connection, memory_pair
from relay.errors import BadEndpoint, ConnectionLost, ErrorCode, Refused
from relay.messages import Request, Response, SessionError, encode
from relay.requests import Execute
from relay.websocket import open_websocket
from tests.support.aio import aio
from tests.support.hub import RunningHub, hub_here
from tests.support.rough_proxy import rough_proxy
from tests.support.tokens import check_letters

NOBODY = HubAddress("http://127.0.0.1:1", "")
NOTEBOOK = "6f1c2a4e-0000-4000-8000-000000000001"


@asynccontextmanager
async def cut_off(connections: list[Connection], hub: RunningHub, notebook_id: str) -> AsyncIterator[Notebook]:
    """A notebook whose connections a test can get hold of, the latest being the last."""

    async def dial() -> Connection:
        connections.append(await open_websocket(hub.address.sync_url(notebook_id)))
        return connections[-1]

    async with Notebook.connect(notebook_id, hub.address, dial=dial) as notebook:
        yield notebook


async def type_into(notebook: Notebook, cell_id: str, text: str) -> None:
    """Type at the place behind what was typed last, wherever that is by now; a turn of the loop for each character."""
    for character in text:
        source = notebook.cells[cell_id].source
        at = max((source.rfind(typed) for typed in set(text) if typed in source), default=len(source) - 1)
        notebook.cells[cell_id].splice(at + 1, 0, character)
        await asyncio.sleep(0.001)


@aio
async def test_edits_made_offline_are_there_after_the_reconnect(tmp_path: Path, state: Path) -> None:
    connections: list[Connection] = []
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        async with (
            Notebook.connect(notebook_id, hub.address) as other,
            cut_off(connections, hub, notebook_id) as mine,
        ):
            cell = mine.cells[0].id
            await connections[-1].close()
            assert await mine.until(lambda: not mine.online, 60)
            mine.cells[cell].append("mine")
            other.cells[cell].append("other")
            assert await mine.saved(10)
            assert await mine.until(lambda: "other" in mine.cells[cell].source, 60)
            assert await other.until(lambda: other.cells[cell].source == mine.cells[cell].source, 60)
            assert sorted(mine.cells[cell].source) == sorted("mineother")


@pytest.mark.parametrize("seed", range(3))
@aio
async def test_typing_through_a_proxy_that_cuts_stalls_and_resets_loses_and_doubles_nothing(
    seed: int, tmp_path: Path, state: Path
) -> None:
    alphabets = ["abcdefghij" * 4, "ABCDEFGHIJ" * 4, "0123456789" * 4]
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(hub_here(state))
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        proxy = await stack.enter_async_context(rough_proxy(int(hub.address.url.rpartition(":")[2]), seed))
        url = hub.address.sync_url(notebook_id).replace(hub.address.url[5:], f"//127.0.0.1:{proxy.port}")

        async def dial() -> Connection:
            return await open_websocket(url)

        peers = [
            await stack.enter_async_context(Notebook.connect(notebook_id, hub.address, dial=dial, wait=False))
            for _ in alphabets
        ]
        for peer in peers:
            await peer.joined()
        cell = peers[0].cells[0].id
        await asyncio.gather(
            *(type_into(peer, cell, text) for peer, text in zip(peers, alphabets, strict=True)),
        )
        proxy.rough = False
        for peer in peers:
            assert await peer.saved(15)
        text = peers[0].cells[cell].source

        def agree() -> bool:
            return len({(peer.cells[cell].source, peer.doc.replica.heads()) for peer in peers}) == 1

        for peer in peers:
            assert await peer.until(agree, 60)
        text = peers[0].cells[cell].source
        check_letters(text, {name: [typed] for name, typed in zip("abc", alphabets, strict=True)})
        assert proxy.connections > len(peers), "the proxy cut nothing: another seed"


@aio
async def test_a_hub_that_restarts_under_load_misses_nothing(tmp_path: Path, state: Path) -> None:
    async with AsyncExitStack() as peers:
        async with hub_here(state) as hub:
            port = int(hub.address.url.rpartition(":")[2])
            notebook_id = await hub.open(tmp_path / "a.ipynb")
            a = await peers.enter_async_context(Notebook.connect(notebook_id, hub.address))
            b = await peers.enter_async_context(Notebook.connect(notebook_id, hub.address))
            cell = a.cells[0].id
            typing = asyncio.gather(type_into(a, cell, "abcdefgh" * 30), type_into(b, cell, "01234567" * 30))
            await a.until(lambda: len(a.cells[cell].source) > 100, 60)
        async with hub_here(state, port=port):
            await typing
            for peer in (a, b):
                assert await peer.saved(15)
            assert await a.until(lambda: len(a.cells[cell].source) == 480, 60)
            check_letters(a.cells[cell].source, {"a": ["abcdefgh" * 30], "b": ["01234567" * 30]})
            await peers.aclose()  # before the hub goes, as anybody would


@aio
async def test_a_request_is_answered_once_over_a_reconnect(tmp_path: Path, state: Path) -> None:
    """The connection is cut while the request is with the daemon; the answer comes on the next one."""
    connections: list[Connection] = []
    served: list[Request] = []
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        async with (
            Notebook.connect(notebook_id, hub.address, role="daemon") as daemon,
            cut_off(connections, hub, notebook_id) as mine,
        ):
            daemon.serve_requests(served.append)
            asking = asyncio.create_task(mine.start())
            assert await poll(lambda: bool(served))
            await connections[-1].close()
            assert await mine.until(lambda: not mine.online, 60)
            answer_all(daemon, served)
            assert [execution.id for execution in await asking] == ["e1"]
            assert len(served) == 1


@aio
async def test_the_late_answer_of_a_request_that_timed_out_is_not_taken_by_the_next(
    tmp_path: Path, state: Path
) -> None:
    served: list[Request] = []
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        async with (
            Notebook.connect(notebook_id, hub.address, role="daemon") as daemon,
            Notebook.connect(notebook_id, hub.address) as mine,
        ):
            daemon.serve_requests(served.append)
            with pytest.raises(TimeoutError, match=rf"'execute' of notebook {notebook_id} was not answered in 0.2 s"):
                await mine.request(Execute(), timeout=0.2)
            second = asyncio.create_task(mine.start())
            assert await poll(lambda: len(served) == 2)
            answer_all(daemon, served)
            assert [execution.id for execution in await second] == ["e2"]


@aio
async def test_a_wrong_token_ends_with_its_reason_at_once(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        with pytest.raises(Refused) as refusal:
            async with Notebook.connect(notebook_id, HubAddress(hub.address.url, "wrong")):
                pass
        assert refusal.value.code == ErrorCode.UNAUTHORIZED


@aio
async def test_an_unknown_notebook_ends_with_its_reason_at_once(state: Path) -> None:
    async with hub_here(state) as hub:
        with pytest.raises(Refused) as refusal:
            async with Notebook.connect(NOTEBOOK, hub.address):
                pass
        assert refusal.value.code == ErrorCode.UNKNOWN_NOTEBOOK
        assert NOTEBOOK in refusal.value.message


@aio
async def test_what_waits_is_told_when_the_session_is_refused(tmp_path: Path, state: Path) -> None:
    """Somebody who waits for an answer, an event or a condition does not wait for ever."""
    dialled: list[Connection] = []
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")

        async def dial() -> Connection:
            if dialled:
                raise Refused(ErrorCode.UNAUTHORIZED, "The token is wrong.")
            dialled.append(await open_websocket(hub.address.sync_url(notebook_id)))
            return dialled[0]

        async with Notebook.connect(notebook_id, hub.address, dial=dial) as mine:
            waiting = [
                asyncio.create_task(mine.start()),
                asyncio.create_task(mine.until(lambda: False)),
                asyncio.create_task(anext(mine.events())),
            ]
            await asyncio.sleep(0)
            await dialled[0].close()
            for outcome in await asyncio.gather(*waiting, return_exceptions=True):
                assert isinstance(outcome, Refused)
            with pytest.raises(Refused):
                mine.cells[0].source = "nobody would ever get this"


@aio
async def test_an_address_that_cannot_be_one_is_not_dialled_again(state: Path) -> None:
    dialled = 0

    async def dial() -> Connection:
        nonlocal dialled
        dialled += 1
        raise BadEndpoint("That is no address.")

    with pytest.raises(BadEndpoint):
        async with Notebook.connect(NOTEBOOK, NOBODY, dial=dial):
            pass
    assert dialled == 1


@aio
async def test_a_refusal_that_comes_just_before_the_connection_ends_is_seen(state: Path) -> None:
    async def dial() -> Connection:
        here, there = memory_pair()
        await there.send(encode(SessionError(code=ErrorCode.FORBIDDEN, message="Not you.")))
        await there.close()
        return here

    with pytest.raises(Refused, match="Not you"):
        async with Notebook.connect(NOTEBOOK, NOBODY, dial=dial):
            pass


@aio
async def test_a_hub_that_never_answers_hello_is_given_up_and_dialled_again(
    monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    monkeypatch.setattr(link_module, "WELCOME_SECONDS", 0.05)
    theirs: list[Connection] = []

    async def dial() -> Connection:
        here, there = memory_pair()
        theirs.append(there)
        return here

    async with Notebook.connect(NOTEBOOK, NOBODY, dial=dial, wait=False):
        assert await poll(lambda: len(theirs) > 1)
        assert await theirs[0].receive()  # the hello
        with pytest.raises(ConnectionLost):
            await theirs[0].receive()


@aio
async def test_the_pause_grows_while_the_hub_sends_everyone_away_at_once(
    monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        if seconds:
            pauses.append(seconds)
        await sleep(0)

    async def dial() -> Connection:
        here, there = memory_pair()
        await there.send(encode(SessionError(code=ErrorCode.TOO_SLOW, message="Read more.")))
        return here

    monkeypatch.setattr(link_module.asyncio, "sleep", note)
    async with Notebook.connect(NOTEBOOK, NOBODY, dial=dial, wait=False) as mine:
        assert await mine.until(lambda: len(pauses) > 8, 10)
    assert pauses[7] > 10 * pauses[0]
    assert max(pauses) <= link_module.LAST_PAUSE


@aio
async def test_a_peer_whose_core_panicked_fetches_the_notebook_anew_and_keeps_its_edits(
    tmp_path: Path, state: Path
) -> None:
    connections: list[Connection] = []
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        async with (
            Notebook.connect(notebook_id, hub.address) as other,
            cut_off(connections, hub, notebook_id) as mine,
        ):
            cell = mine.cells[0].id
            await connections[-1].close()
            await mine.until(lambda: not mine.online, 60)
            mine.cells[cell].source = "mine"
            assert not mine.is_saved
            mine.doc.replica._panic = "for this test"
            other.cells.add("other's")
            assert await mine.until(lambda: mine.doc.replica._panic is None and mine.is_joined, 60)
            assert await mine.until(lambda: len(mine.cells) == 2, 60)
            assert await mine.saved(10)
            assert [c.source for c in mine.cells] == ["mine", "other's"]
            assert await other.until(lambda: other.cells[cell].source == "mine", 60)


async def poll(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Wait for something that no notebook tells of."""
    async with asyncio.timeout(seconds):
        while not condition():  # nothing tells of it
            await asyncio.sleep(0.005)
    return True


def answer_all(daemon: Notebook, served: list[Request]) -> None:
    for number, request in enumerate(served, start=1):
        daemon.respond(Response(id=request.id, result={"execution_ids": [f"e{number}"]}))
