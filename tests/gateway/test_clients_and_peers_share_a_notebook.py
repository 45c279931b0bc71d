"""JSON clients are members of the room: nobody's edit is lost, nobody's mistake costs more than an error frame."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from clients.peer.notebook import Notebook
from tests.daemon.service import notebook_file
from tests.gateway.json_clients import JsonClient, json_service, wait_for
from tests.support.aio import aio, aio_within

WORDS = 30


class Typist:
    """A client with an editor: it types words at the end of its text and reads what it is sent now and then."""

    def __init__(self, name: str, client: JsonClient, text: str, random: Random) -> None:
        self.name, self._client, self._text, self._random = name, client, text, random

    async def type(self, words: int) -> None:
        for number in range(words):
            self._text += f"<{self.name}{number}>"
            await self._client.send("cell_source_update", cell_id="c0", source=self._text)
            await asyncio.sleep(self._random.random() * 0.03)
            if self._random.random() < 0.3:
                self._text = (await self._client.ask("notebook_sync", "notebook_state"))["cells"][0]["source"]


async def all_type(folder: Path, seconds: float) -> None:
    """A person, a program and two clients type into one cell at once, for one round or until so many seconds are over.

    Each round begins anew; in the end of it every word is there once, and those of one author are in order.
    """
    path = notebook_file(folder, ["start\n"])
    async with (
        json_service(folder, daemon=False) as service,
        service.peer(path) as person,
        service.peer(path, "script", "program") as script,
        service.client(person.id) as first,
        service.client(person.id, "?name=bob") as second,
    ):
        loop, number = asyncio.get_running_loop(), 0
        end = loop.time() + seconds
        while not number or loop.time() < end:
            await one_round({"person": person, "script": script}, {"ann": first, "bob": second}, Random(number))
            number += 1


async def one_round(peers: dict[str, Notebook], clients: dict[str, JsonClient], random: Random) -> None:
    person = peers["person"]

    def source() -> str:
        return person.cells["c0"].source

    person.cells["c0"].source = "start\n"
    for peer in peers.values():
        await peer.until(lambda peer=peer: peer.cells["c0"].source == "start\n")
    typists: list[Typist] = []
    for name, client in clients.items():
        text = ""
        while text != "start\n":
            text = (await client.ask("notebook_sync", "notebook_state"))["cells"][0]["source"]
        typists.append(Typist(name, client, text, random))

    async def type_as_a_peer(name: str, peer: Notebook) -> None:
        for number in range(WORDS):
            peer.cells["c0"].splice(6, 0, f"<{name}{number}>")
            await asyncio.sleep(random.random() * 0.03)

    await asyncio.gather(
        *(typist.type(WORDS) for typist in typists),
        *(type_as_a_peer(name, peer) for name, peer in peers.items()),
    )
    words = [f"<{name}{number}>" for name in (*clients, *peers) for number in range(WORDS)]
    await wait_for(lambda: all(word in source() for word in words))
    assert sorted(source().removeprefix("start\n").replace("><", ">|<").split("|")) == sorted(words)
    for name, client in clients.items():
        places = [source().index(f"<{name}{number}>") for number in range(WORDS)]
        assert places == sorted(places), "one author's words are in order"
        assert (await client.ask("notebook_sync", "notebook_state"))["cells"][0]["source"] == source()


@aio
async def test_two_clients_and_two_peers_in_one_cell_lose_no_word(tmp_path: Path) -> None:
    await all_type(tmp_path, seconds=0.0)


@pytest.mark.slow
@aio_within(240.0)
async def test_two_clients_and_two_peers_type_for_minutes_and_lose_no_word(tmp_path: Path) -> None:
    await all_type(tmp_path, seconds=150.0)


@aio
async def test_what_is_wrong_gets_an_error_frame_and_nobody_else_notices(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["x = 1", "# a note"])
    async with (
        json_service(tmp_path, daemon=False) as service,
        service.peer(path) as peer,
        service.client(peer.id) as ann,
        service.client(peer.id) as bob,
    ):
        wrong: list[str | bytes] = ["{", "[]", "null", "{}", b"\x00\x01", '{"type": "nothing"}']
        wrong += ['{"type": "notebook_sync", "payload": null}', '{"type": "cell_execute", "payload": {}}']
        for data in wrong:
            await ann.send_raw(data)
            assert (await ann.until("error"))["error"]
        for kind in ("cell_execute", "impact_preview_request", "inspect_open"):
            assert (await ann.ask(kind, "error", cell_id="gone"))["cell_id"] == "gone"
        gone = await ann.ask("cell_source_update", "error", cell_id="gone", source="")
        assert "no cell" in gone["error"]
        await ann.send("cell_cancel", cell_id="gone")  # silent
        assert (await ann.ask("notebook_sync", "notebook_state"))["id"] == peer.id
        await bob.ask("notebook_sync", "notebook_state")
        assert [frame["type"] for frame in bob.frames] == ["notebook_state"]


@aio
async def test_a_client_that_says_its_name_is_a_peer_and_its_edits_and_runs_are_its_own(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["x = 1", "y = 2"])
    async with (
        json_service(tmp_path) as service,
        service.peer(path) as peer,
        service.client(peer.id, "?name=Ann") as ann,
        service.client(peer.id) as nobody,
    ):
        await peer.until(lambda: any(one.peer.name == "Ann" for one in peer.peers))
        await ann.send("cell_source_update", cell_id="c0", source="x = 17")
        await nobody.send("cell_source_update", cell_id="c1", source="y = 27")
        await ann.send("cell_execute", cell_id="c0")  # runs what it has just written
        assert (await nobody.until("cell_status", cell_id="c0", status="ready"))["status"] == "ready"
        await peer.until(lambda: peer.runtime.latest("c0") is not None)
        (execution,) = await peer.executions_of("c0")
        assert (execution.record.source, execution.record.requested_by.name) == ("x = 17", "Ann")
        await peer.until(lambda: (peer.cells["c0"].source, peer.cells["c1"].source) == ("x = 17", "y = 27"))
        said = {cell: {one.by.author.name for one in await peer.cells[cell].blame()} for cell in ("c0", "c1")}
        assert "Ann" in said["c0"]
        assert "JSON clients" in said["c1"]
        assert "Ann" not in said["c1"]


@aio
async def test_a_viewer_may_only_read(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["x = 1"])
    async with (
        json_service(tmp_path, daemon=False) as service,
        service.peer(path) as peer,
        service.client(peer.id, "?role=viewer") as viewer,
    ):
        await viewer.ask("notebook_sync", "notebook_state")
        refused = await viewer.ask("cell_source_update", "error", cell_id="c0", source="y")
        assert refused["code"] == "read_only"
        assert (await viewer.ask("cell_execute", "error", cell_id="c0"))["code"] == "read_only"
        assert peer.cells["c0"].source == "x = 1"


@aio
async def test_an_unknown_session_and_a_missing_token_are_refused_at_the_door(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["x = 1"])
    async with json_service(tmp_path, daemon=False) as service:
        session_id = await service.open(path)
        with pytest.raises(InvalidStatus) as unknown:
            async with service.client("6f1c2a4e-0000-4000-8000-00000000dead"):
                pass
        assert unknown.value.response.status_code == 403
        url = f"ws{service.address.url.removeprefix('http')}/v1/notebooks/ws/{session_id}"
        with pytest.raises(InvalidStatus) as stranger:
            async with connect(url, proxy=None):
                pass
        assert stranger.value.response.status_code == 403


@aio
async def test_cells_that_come_go_and_move_are_told_with_the_whole_state(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["a = 1", "a + 1"])
    async with (
        json_service(tmp_path, daemon=False) as service,
        service.peer(path) as peer,
        service.client(peer.id) as ann,
    ):
        await ann.ask("notebook_sync", "notebook_state")
        added = peer.cells.add("a + 2")
        dag = await ann.until("dag_update")
        assert [cell["id"] for cell in dag["cells"]] == ["c0", "c1", added.id]
        state = await ann.until("notebook_state")
        assert [cell["order"] for cell in state["cells"]] == [0, 1, 2]
        added.move(before=peer.cells["c0"])
        state = await ann.until("notebook_state")
        assert [cell["id"] for cell in state["cells"]] == [added.id, "c0", "c1"]
        added.delete()
        state = await ann.until("notebook_state")
        assert [cell["id"] for cell in state["cells"]] == ["c0", "c1"]


@aio
async def test_a_session_is_there_again_at_the_same_address_when_the_hub_is(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["x = 1"])
    async with json_service(tmp_path, daemon=False) as service:
        session_id = await service.open(path)
        async with service.client(session_id) as ann:
            await ann.send("cell_source_update", cell_id="c0", source="x = 2")
            await ann.until("dag_update")
        await service.stop_hub()
        await service.start_hub()
        async with service.client(session_id) as ann:
            state = await ann.ask("notebook_sync", "notebook_state")
            assert state["cells"][0]["source"] == "x = 2"
