"""kill -9 of the hub and of peers while everybody types: what was acknowledged is there, once."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from clients.peer.keeper import keeping
from clients.peer.notebook import Notebook
from clients.peer.replica_file import ReplicaFile
from tests.support.hub import HubProcess, open_notebook
from tests.support.typist import Typist, check_typed, of_author, typed

# More tokens than a typist gets to before it is told to end.
MANY = 1_000_000


def check_file(path: Path) -> None:
    """The notebook's file is whole."""
    assert json.loads(path.read_bytes())["nbformat"] == 4


async def first_cell(hub: HubProcess, notebook_id: str) -> str:
    """The id of the notebook's first cell."""
    async with Notebook.connect(notebook_id, hub.address) as notebook:
        return notebook.cells[0].id


async def source_of(hub: HubProcess, notebook_id: str, cell: str) -> str:
    """What a newcomer gets."""
    async with Notebook.connect(notebook_id, hub.address) as notebook:
        return notebook.cells[cell].source


def kill_hub(hub: HubProcess, path: Path, rounds: int, seed: int) -> None:
    """Two typists type; the hub is killed and started again at random moments; in the end all must be there."""
    random = Random(seed)
    notebook_id = asyncio.run(open_notebook(hub.address, path))

    cell = asyncio.run(first_cell(hub, notebook_id))
    count = 20 * rounds
    total = len(typed(0, count)) + len(typed(1, count))
    with ExitStack() as processes:
        typists = [
            processes.enter_context(
                Typist.at(hub, notebook_id, cell, author=author, count=count, total=total, pause=0.002)
            )
            for author in (0, 1)
        ]
        for typist in typists:
            typist.until("joined")
        for _ in range(rounds):
            time.sleep(random.uniform(0.05, 0.4))  # a random moment is what is wanted
            hub.kill()
            check_file(path)
            hub.start()
        told = [typist.until("text") for typist in typists]
        for typist in typists:
            typist.end()
    check_typed(told[0]["text"], {0: count, 1: count})
    assert told[0]["text"] == told[1]["text"]
    hub.kill()  # everything was acknowledged
    check_file(path)
    hub.start()
    assert asyncio.run(source_of(hub, notebook_id, cell)) == told[0]["text"]


def kill_everybody(hub: HubProcess, folder: Path, rounds: int, seed: int) -> None:
    """Hub and typist are killed together, so that nobody can send again what only the other had acknowledged."""
    random = Random(seed)
    path = folder / "a.ipynb"
    notebook_id = asyncio.run(open_notebook(hub.address, path))

    cell = asyncio.run(first_cell(hub, notebook_id))
    done = 0
    for _ in range(rounds):
        typist = Typist.at(hub, notebook_id, cell, author=0, first=done, count=MANY, pause=0.001)
        least = done + random.randrange(1, 40)
        typist.until(lambda told, least=least: told.get("saved", 0) >= least)
        hub.kill()
        saved = typist.kill()["saved"]
        check_file(path)
        hub.start()
        text = asyncio.run(source_of(hub, notebook_id, cell))
        assert text.startswith(typed(0, saved)), "an acknowledged token is gone"
        assert typed(0, text.count(".") + 1).startswith(text), "there is something else"
        done = text.count(".")
        asyncio.run(set_source(hub, notebook_id, cell, text[: text.rfind(".") + 1]))  # without the part of a token


def kill_peer(hub: HubProcess, folder: Path, rounds: int, seed: int) -> None:
    """A typist with a copy on disk is killed again and again, with the hub now there and now not."""
    random = Random(seed)
    notebook_id = asyncio.run(open_notebook(hub.address, folder / "a.ipynb"))

    cell = asyncio.run(first_cell(hub, notebook_id))
    done = 0
    for number in range(rounds):
        typist = Typist.at(
            hub, notebook_id, cell, author=0, first=done, count=MANY, keep=str(folder / "copy"), pause=0.001
        )
        typist.until("joined")
        if number % 2:
            hub.kill()
        least = done + random.randrange(1, 40)
        typist.until(lambda told, least=least: told.get("kept", 0) >= least)
        kept = typist.kill()["kept"]
        if number % 2:
            hub.start()
        text = asyncio.run(source_with_copy(hub, notebook_id, cell, folder / "copy"))
        assert of_author(text, 0) == text
        assert text.startswith(typed(0, kept)), "a token that was kept is gone"
        assert asyncio.run(source_of(hub, notebook_id, cell)) == text[: text.rfind(".") + 1]
        done = text.count(".")


async def set_source(hub: HubProcess, notebook_id: str, cell: str, text: str) -> None:
    """Edit the cell and see it saved."""
    async with Notebook.connect(notebook_id, hub.address) as notebook:
        notebook.cells[cell].source = text
        assert await notebook.saved(20)


async def source_with_copy(hub: HubProcess, notebook_id: str, cell: str, copy: Path) -> str:
    """What the returning peer has; it sends it to the hub, and removes the part of a token at its end."""
    file = ReplicaFile(copy)
    try:
        async with (
            Notebook.connect(notebook_id, hub.address, notebook=file.notebook, unsaved=file.unsaved()) as notebook,
            keeping(notebook, file),
        ):
            text = notebook.cells[cell].source
            notebook.cells[cell].source = text[: text.rfind(".") + 1]
            assert await notebook.saved(20)
            return text
    finally:
        file.close()


def test_a_killed_hub_loses_nothing_that_its_peers_have(hub: HubProcess, tmp_path: Path) -> None:
    kill_hub(hub, tmp_path / "a.ipynb", rounds=5, seed=1)


@pytest.mark.slow
def test_a_hub_killed_fifty_times_loses_nothing_that_its_peers_have(hub: HubProcess, tmp_path: Path) -> None:
    kill_hub(hub, tmp_path / "a.ipynb", rounds=50, seed=2)


def test_what_was_acknowledged_survives_the_death_of_hub_and_author(hub: HubProcess, tmp_path: Path) -> None:
    kill_everybody(hub, tmp_path, rounds=3, seed=3)


@pytest.mark.slow
def test_what_was_acknowledged_survives_fifty_deaths_of_hub_and_author(hub: HubProcess, tmp_path: Path) -> None:
    kill_everybody(hub, tmp_path, rounds=50, seed=4)


def test_what_a_killed_peer_kept_is_there_on_its_return(hub: HubProcess, tmp_path: Path) -> None:
    kill_peer(hub, tmp_path, rounds=4, seed=5)


@pytest.mark.slow
def test_what_a_peer_killed_fifty_times_kept_is_there(hub: HubProcess, tmp_path: Path) -> None:
    kill_peer(hub, tmp_path, rounds=50, seed=6)
