"""A notebook's past and its comments, from Python, through a real hub: who, when, what, and back."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from clients.peer.errors import NotAllowed
from clients.peer.notebook import Notebook
from notebook_doc.errors import BadEdit, UnknownMoment, UnknownThread
from relay.messages import PeerInfo
from tests.support.aio import aio
from tests.support.hub import hub_here

ADA = PeerInfo(peer_id="ada-1", name="Ada", kind="person")
BOT = PeerInfo(peer_id="bot-1", name="Bot", kind="agent")


@aio
async def test_who_opens_the_notebook_later_sees_who_wrote_and_when_also_after_the_hub_was_restarted(
    tmp_path: Path, state: Path
) -> None:
    before = time.time()
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        async with Notebook.connect(notebook_id, hub.address, peer=ADA) as ada:
            cell_id = ada.cells[0].id
            ada.cells[0].source = "x = 1"
            assert await ada.saved(5)
        async with Notebook.connect(notebook_id, hub.address, peer=BOT) as bot:
            bot.cells[0].append("  # one")
            assert await bot.saved(5)
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        async with Notebook.connect(notebook_id, hub.address) as later:
            told = await later.history()
            pieces = await later.blame(cell_id)
    assert [[(author.name, author.kind) for author in m.authors] for m in told] == [
        [("the file", "file")],
        [("Ada", "person")],
        [("Bot", "agent")],
    ]
    assert [m.cells for m in told[1:]] == [{cell_id}, {cell_id}]
    assert all(m.began is not None and before <= m.began <= time.time() for m in told)
    assert [(p.text, p.by.author.name) for p in pieces] == [("x = 1", "Ada"), ("  # one", "Bot")]


@aio
async def test_typing_costs_the_hub_one_row_a_minute_not_one_an_edit(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        async with Notebook.connect(notebook_id, hub.address, peer=ADA) as ada:
            for _ in range(30):
                ada.cells[0].append("x")
                await asyncio.sleep(0)
            assert await ada.saved(5)
            spans = await hub.hub.store.spans(notebook_id, 0.0)
    assert [span.sender.name for span in spans if span.sender is not None] == ["the file", "Ada"]


@aio
async def test_what_was_written_offline_is_its_authors_and_was_brought(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        async with Notebook.connect(notebook_id, hub.address, peer=ADA) as ada:
            fork = ada.fork()
        fork.add_cell("on the train", after=fork.cell_ids()[-1])
        unsaved = [change.chunk for change in fork.replica.recorded_since(ada.doc.replica.heads())]
        async with Notebook.connect(notebook_id, hub.address, peer=ADA, notebook=fork, unsaved=unsaved) as back:
            assert await back.saved(5)
            last = (await back.history())[-1]
    assert ([author.name for author in last.authors], last.brought) == (["Ada"], True)


@aio
async def test_what_a_peer_brings_of_somebody_else_is_not_taken_for_its_own(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        async with Notebook.connect(notebook_id, hub.address, peer=ADA) as ada:
            theirs = ada.fork()
            theirs.add_cell("hers")
        async with Notebook.connect(notebook_id, hub.address, peer=BOT, notebook=theirs.fork()) as bot:
            assert await bot.until(lambda: bot.is_saved and len(bot.hub_heads) > 0, 60)
            assert (await bot.history())[-1].authors[0].name.startswith("somebody")
        async with Notebook.connect(notebook_id, hub.address, peer=ADA) as ada:
            ada.cells[0].append("#")  # now the hub knows whose actors those are
            assert await ada.saved(5)
            assert [author.name for author in (await ada.history())[-1].authors] == ["Ada"]


@aio
async def test_a_viewer_may_look_at_the_past_and_not_bring_it_back(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        async with Notebook.connect(notebook_id, hub.address, role="viewer") as viewer:
            assert len(await viewer.history()) == 1
            with pytest.raises(NotAllowed):
                await viewer.restore(1)
            with pytest.raises(NotAllowed):
                viewer.cells[0].comments.add("?")


@aio
async def test_the_past_is_named_read_compared_restored_and_the_restoring_undone(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        async with Notebook.connect(notebook_id, hub.address, peer=ADA) as nb:
            cell = nb.cells[0]
            cell.source = "good = 1"
            await nb.name_version("before lunch")
            cell.source = "bad = 1"
            extra = nb.cells.add("more")
            assert (await nb.at("before lunch")).cell(cell.id).source == "good = 1"
            found = await nb.diff("before lunch")
            assert [(d.cell_id, d.kind) for d in found.cells] == [(cell.id, "changed"), (extra.id, "added")]
            done = await nb.restore("before lunch", [cell])
            assert (cell.source, len(nb.cells)) == ("good = 1", 2)
            nb.undo(done)
            assert cell.source == "bad = 1"
            await nb.restore("before lunch")
            assert ([c.source for c in nb.cells], len(nb.versions())) == (["good = 1"], 1)
            with pytest.raises(UnknownMoment, match="version"):
                await nb.at("after lunch")


@aio
async def test_comments_are_live_and_say_who_and_when(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        async with (
            Notebook.connect(notebook_id, hub.address, peer=ADA) as ada,
            Notebook.connect(notebook_id, hub.address, peer=BOT) as bot,
        ):
            ada.cells[0].source = "total = 3"
            thread = ada.cells[0].comments.add("why 3?", quote="3")
            assert await bot.until(lambda: len(bot.comments) == 1, 60)
            seen = bot.cells[0].comments[0]
            seen.reply("it was the default")
            seen.resolve()
            assert await ada.until(lambda: thread.resolved is not None, 60)
            assert [(m.author.name, m.author.kind, m.text) for m in thread.messages] == [
                ("Ada", "person", "why 3?"),
                ("Bot", "agent", "it was the default"),
            ]
            assert abs(thread.messages[0].time - time.time()) < 60
            ada.cells[0].splice(0, 0, "# the sum\n")
            assert (thread.quote, thread.span) == ("3", (18, 19))
            ada.cells[0].delete()
            assert (thread.cell, len(ada.comments)) == (None, 1)
            thread.delete()
            with pytest.raises(UnknownThread):
                _ = thread.text


@aio
async def test_a_passage_that_is_not_there_cannot_be_commented_on(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub, Notebook.connect(await hub.open(tmp_path / "a.ipynb"), hub.address) as nb:
        with pytest.raises(BadEdit, match="does not contain 'nowhere'"):
            nb.cells[0].comments.add("?", quote="nowhere")
