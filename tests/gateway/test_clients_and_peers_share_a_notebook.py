"""JSON clients are members of the room: nobody's edit is lost, nobody's mistake costs more than an error frame."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from clients.peer.notebook import Notebook
from tests.daemon.service import notebook_file
from tests.gateway.json_clients import JsonClient, json_service, wait_for
from tests.support.aio import aio

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


async def all_type(folder: Path, rounds: int) -> None:
    """Two clients and a peer type into one cell at once, each round anew; every word is there once, in order."""
    path = notebook_file(folder, ["start\n"])
    async with (
        json_service(folder, daemon=False) as service,
        service.peer(path) as peer,
        service.client(peer.id) as first,
        service.client(peer.id) as second,
    ):
        for number in range(rounds):
            await one_round(peer, {"ann": first, "bob": second}, Random(number))


async def one_round(peer: Notebook, clients: dict[str, JsonClient], random: Random) -> None:
    def source() -> str:
        return peer.cells["c0"].source

    peer.cells["c0"].source = "start\n"
    typists: list[Typist] = []
    for name, client in clients.items():
        text = ""
        while text != "start\n":
            text = (await client.ask("notebook_sync", "notebook_state"))["cells"][0]["source"]
        typists.append(Typist(name, client, text, random))

    async def type_as_a_peer() -> None:
        for number in range(WORDS):
            peer.cells["c0"].splice(6, 0, f"<peer{number}>")
            await asyncio.sleep(random.random() * 0.03)

    await asyncio.gather(*(typist.type(WORDS) for typist in typists), type_as_a_peer())
    words = [f"<{name}{number}>" for name in (*clients, "peer") for number in range(WORDS)]
    await wait_for(lambda: all(word in source() for word in words))
    assert sorted(source().removeprefix("start\n").replace("><", ">|<").split("|")) == sorted(words)
    for name, client in clients.items():
        places = [source().index(f"<{name}{number}>") for number in range(WORDS)]
        assert places == sorted(places), "one author's words are in order"
        assert (await client.ask("notebook_sync", "notebook_state"))["cells"][0]["source"] == source()


@aio
async def test_two_clients_and_a_peer_in_one_cell_lose_no_word(tmp_path: Path) -> None:
    await all_type(tmp_path, rounds=1)


@pytest.mark.slow
@aio
async def test_two_clients_and_a_peer_type_for_minutes_and_lose_no_word(tmp_path: Path) -> None:
    await all_type(tmp_path, rounds=100)


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
async def test_the_rest_companions_do_what_their_names_say(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["a = 1", "a + 1", "# c"])
    async with json_service(tmp_path, daemon=False) as service, service.http() as http:

        async def ask(method: str, where: str, status: int = 200, **body: Any) -> Any:
            answer = await http.request(method, where, content=json.dumps(body) if body else None)
            assert answer.status_code == status, answer.text
            return answer.json()

        assert (await ask("GET", "/config"))["default_parent_path"]
        opened = await ask("POST", "/open", path=str(path))
        sid = opened["session_id"]
        assert (opened["path"], opened["name"]) == (str(path), "notebook")
        created = await ask("POST", "/create", parent_path=str(tmp_path), name="fresh")
        assert created["path"] == str(tmp_path / "fresh.ipynb")
        listed = await ask("GET", "/sessions")
        assert {one["session_id"] for one in listed["sessions"]} == {sid, created["session_id"]}
        assert {one["session_id"] for one in (await ask("GET", "/discover"))["notebooks"]} == {
            sid,
            created["session_id"],
        }
        assert (await ask("PUT", f"/{sid}/name", name="A title"))["name"] == "A title"

        new = await ask("POST", f"/{sid}/cells", 201, after_cell_id="c0", language="markdown")
        assert (new["order"], new["cell_type"]) == (1, "markdown")
        put = await ask("PUT", f"/{sid}/cells/{new['id']}", source="# head")
        assert put["cell"]["source"] == "# head"
        order = await ask("PUT", f"/{sid}/cells/reorder", cell_ids=["c2", "c0"])
        assert [cell["id"] for cell in order["cells"]] == ["c2", new["id"], "c1", "c0"]
        assert [edge["variable"] for edge in (await ask("GET", f"/{sid}/dag"))["edges"]] == ["a"]
        left = await ask("DELETE", f"/{sid}/cells/{new['id']}")
        assert [cell["id"] for cell in left["cells"]] == ["c2", "c1", "c0"]
        prompt = await ask("POST", f"/{sid}/cells/c1/execute?mode=normal", 202)
        assert prompt["cascade_prompt"]["cells_to_run"] == ["c0", "c1"]
        assert (await ask("GET", f"/{sid}/environment"))["environment"]["sync_state"] == "ready"
        assert await ask("GET", f"/{sid}/dependencies") == {"dependencies": [], "resolved_dependencies": []}

        assert (await ask("GET", f"/{sid}/export?fmt=ipynb"))["cells"][2]["source"] == ["a = 1"]
        script = await http.get(f"/{sid}/export?fmt=py")
        assert script.text == "# %%\n# c\n\n# %%\na + 1\n\n# %%\na = 1\n"
        archive = zipfile.ZipFile(io.BytesIO((await http.get(f"/{sid}/export?fmt=zip")).content))
        assert len(archive.namelist()) == 3

        for method, where, status in (
            ("GET", "/6f1c2a4e-0000-4000-8000-00000000dead/cells", 404),
            ("PUT", f"/{sid}/cells/gone", 422),
            ("DELETE", f"/{sid}/cells/gone", 404),
            ("POST", f"/{sid}/cells/c1/execute?mode=fast", 400),
            ("POST", f"/{sid}/cells/gone/execute", 404),
            ("GET", f"/{sid}/export?fmt=docx", 400),
        ):
            answer = await http.request(method, where, content="{}" if method == "PUT" else None)
            assert (answer.status_code, bool(answer.json()["detail"]["message"])) == (status, True), where
        assert (await http.post("/open", content="{")).status_code == 400
        assert (await http.post("/open", json={"path": str(tmp_path / "no.ipynb")})).status_code in (400, 422)


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
