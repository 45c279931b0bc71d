"""Another implementation of Automerge is a peer like ours: in both directions, from nothing or from the seed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from clients.peer.notebook import Notebook
from notebook_doc.json_values import Json
from notebook_doc.notebook import notebook_seed
from notebook_doc.position import between
from notebook_doc.rotation import next_epoch
from notebook_doc.runtime import runtime_seed
from notebook_doc.runtime_records import Execution
from tests.conformance.foreign import ForeignPeer, a_foreign_peer, a_hub, agree, on_uvloop, opened

WAVE = "👋🏽"  # two code points, four UTF-16 code units
SEEDS = {"notebook": notebook_seed(), "runtime": runtime_seed()}


@asynccontextmanager
async def both(folder: Path, seeds: dict[str, bytes] | None = None) -> AsyncIterator[tuple[Notebook, ForeignPeer]]:
    """One notebook with two cells, a Python peer and a JavaScript peer in it, at the same point."""
    async with a_hub(folder / "state") as hub:
        notebook_id = await opened(hub, folder / "shared.ipynb")
        async with Notebook.connect(notebook_id, hub) as notebook:
            for cell in list(notebook.cells):
                cell.delete()
            notebook.cells.add(f"print('{WAVE} hello')")
            notebook.cells.add("second")
            async with a_foreign_peer(hub, notebook_id, seeds=seeds) as foreign:
                await agree(notebook, foreign)
                yield notebook, foreign


@pytest.mark.parametrize("seeds", [None, SEEDS], ids=["from nothing", "from the seed"])
def test_it_receives_the_notebook(tmp_path: Path, seeds: dict[str, bytes] | None) -> None:
    async def story() -> None:
        async with both(tmp_path, seeds) as (_, foreign):
            cells = await foreign.ask("cells")
            assert [cell["source"] for cell in cells] == [f"print('{WAVE} hello')", "second"]

    on_uvloop(story())


@pytest.mark.parametrize("seeds", [None, SEEDS], ids=["from nothing", "from the seed"])
def test_its_edits_arrive_and_ours_arrive_there(tmp_path: Path, seeds: dict[str, bytes] | None) -> None:
    async def story() -> None:
        async with both(tmp_path, seeds) as (notebook, foreign):
            await foreign.ask("splice", cell=notebook.cells[1].id, index=0, remove=6, insert="their second")
            await agree(notebook, foreign)
            assert notebook.cells[1].source == "their second"
            notebook.cells[1].append(", ours")
            await agree(notebook, foreign)

    on_uvloop(story())


def test_positions_in_text_mean_the_same_behind_an_emoji(tmp_path: Path) -> None:
    async def story() -> None:
        async with both(tmp_path) as (notebook, foreign):
            cell = notebook.cells[0]
            after_wave = len(f"print('{WAVE}".encode("utf-16-le")) // 2
            await foreign.ask("splice", cell=cell.id, index=after_wave, remove=0, insert=" 🎉")
            await agree(notebook, foreign)
            assert cell.source == f"print('{WAVE} 🎉 hello')"
            cell.splice(cell.source.index("hello"), 5, "🌍")
            await agree(notebook, foreign)
            assert (await foreign.ask("cells"))[0]["source"] == f"print('{WAVE} 🎉 🌍')"

    on_uvloop(story())


def test_a_cell_it_adds_is_a_cell_like_ours(tmp_path: Path) -> None:
    async def story() -> None:
        async with both(tmp_path) as (notebook, foreign):
            first, second = (notebook.doc.position(cell.id) for cell in notebook.cells)
            await foreign.ask("add", cell="theirs", cell_type="markdown", position=between(first, second), source="# 1")
            await agree(notebook, foreign)
            assert [cell.source for cell in notebook.cells][1] == "# 1"
            notebook.cells["theirs"].append(f" {WAVE}")
            notebook.cells["theirs"].type = "code"
            await agree(notebook, foreign)
            saved = json.loads((await notebook.save()).read_text())
            assert [cell["source"] for cell in saved["cells"]][1] in (f"# 1 {WAVE}", [f"# 1 {WAVE}"])
            assert saved["cells"][1]["cell_type"] == "code"

    on_uvloop(story())


def test_it_moves_and_deletes_cells(tmp_path: Path) -> None:
    async def story() -> None:
        async with both(tmp_path) as (notebook, foreign):
            first, second = notebook.cells
            await foreign.ask("move", cell=first.id, position=between(notebook.doc.position(second.id), None))
            await agree(notebook, foreign)
            assert [cell.id for cell in notebook.cells] == [second.id, first.id]
            second.move(after=first)
            await agree(notebook, foreign)
            await foreign.ask("remove", cell=first.id)
            await agree(notebook, foreign)
            assert [cell.id for cell in notebook.cells] == [second.id]

    on_uvloop(story())


def test_both_type_into_one_cell_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with both(tmp_path) as (notebook, foreign):
            cell = notebook.cells[1]
            for number in range(30):
                await foreign.ask("splice", cell=cell.id, index=0, remove=0, insert=f"<j{number}>")
                cell.append(f"<p{number}{WAVE}>")
            await agree(notebook, foreign)
            tokens = [f"<j{number}>" for number in range(30)] + [f"<p{number}{WAVE}>" for number in range(30)]
            assert all(cell.source.count(token) == 1 for token in tokens)

    on_uvloop(story())


def test_it_follows_the_runtime_document_also_into_the_next_epoch(tmp_path: Path) -> None:
    async def story() -> None:
        async with both(tmp_path) as (notebook, foreign):
            hub = notebook._hub
            assert hub is not None, "it is connected to one"
            async with Notebook.connect(notebook.id, hub.address, role="daemon") as daemon:
                execution = Execution(
                    id="e1",
                    cell_id=notebook.cells[1].id,
                    status="running",
                    source="second",
                    seq=1,
                )
                daemon.runtime.record(execution)
                daemon.touch()
                text: Json = [{"inline": f"{WAVE} out", "encoding": "text"}]
                daemon.runtime.append_output("e1", {"output_type": "stream", "name": "stdout", "text": text})
                daemon.touch()
                await foreign.has("runtime", daemon.runtime.replica.heads())
                said = await foreign.ask("executions")
                assert said == [{"id": "e1", "status": "running", "outputs": [f"{WAVE} out"]}]

                daemon.begin_epoch(next_epoch(daemon.runtime))
                daemon.runtime.append_output("e1", {"output_type": "stream", "name": "stdout", "text": text})
                daemon.touch()
                await foreign.has("runtime", daemon.runtime.replica.heads())
                said = await foreign.ask("executions")
                assert said == [{"id": "e1", "status": "running", "outputs": [f"{WAVE} out"] * 2}]

    on_uvloop(story())


def test_it_may_not_write_the_runtime_document(tmp_path: Path) -> None:
    async def story() -> None:
        async with both(tmp_path) as (notebook, foreign):
            before = notebook.runtime.replica.heads()
            await foreign.ask("meddle")
            said = await foreign.says("heads", lambda said: said["error"] is not None and said["closed"])
            assert said["error"]["code"] == "read_only"
            notebook.cells[0].append("still here")
            assert await notebook.saved(5)
            assert notebook.runtime.replica.heads() == before

    on_uvloop(story())
