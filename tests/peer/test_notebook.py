"""A live notebook for asyncio programs: what is edited, watched and run."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from pathlib import Path

import pytest

from clients.peer.errors import NotAllowed, NotConnected, RequestFailed
from clients.peer.notebook import Notebook
from clients.peer.watching import MAX_UNREAD, EventStream, Watchers
from notebook_doc.errors import UnknownCell
from notebook_doc.events import CellAdded, CellChanged, CellRemoved, KernelChanged, Reset
from relay.errors import ErrorCode
from tests.support.aio import aio
from tests.support.hub import hub_here


@aio
async def test_two_peers_see_each_others_edits_moves_and_deletions(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        async with Notebook.connect(notebook_id, hub.address) as a, Notebook.connect(notebook_id, hub.address) as b:
            first = a.cells[0]
            second = a.cells.add("# two", "markdown", metadata={"tags": ["x"]})
            third = a.cells.add("three", before=first)
            second.move(before=third)
            first.delete()
            assert await b.until(lambda: [cell.id for cell in b.cells] == [second.id, third.id], 60)
            seen = b.cells[second.id]
            assert (seen.source, seen.type, seen.metadata, seen.index) == ("# two", "markdown", {"tags": ["x"]}, 0)
            with pytest.raises(UnknownCell):
                _ = b.cells[first.id].source


@aio
async def test_what_is_edited_together_arrives_together(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        async with Notebook.connect(notebook_id, hub.address) as a, Notebook.connect(notebook_id, hub.address) as b:
            seen: set[int] = set()

            def enough() -> bool:
                seen.add(len(b.cells))
                return len(b.cells) == 11

            waiting = asyncio.create_task(b.until(enough, 60))
            await asyncio.sleep(0)
            with a.edit():
                for number in range(10):
                    a.cells.add(str(number))
            assert await waiting
            assert seen == {1, 11}


@aio
async def test_an_edit_that_fails_leaves_nothing(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub, Notebook.connect(await hub.open(tmp_path / "a.ipynb"), hub.address) as a:
        with pytest.raises(ZeroDivisionError), a.edit():  # noqa: PT012  # the failure comes after the edit
            a.cells.add("never")
            raise ZeroDivisionError
        assert [cell.source for cell in a.cells] == [""]
        assert a.is_saved


@aio
async def test_a_fork_is_edited_at_leisure_and_merged_with_what_came_meanwhile(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        async with Notebook.connect(notebook_id, hub.address) as a, Notebook.connect(notebook_id, hub.address) as b:
            cell = a.cells[0]
            cell.source = "one two three"
            draft = a.fork()
            assert await b.until(lambda: b.cells[0].source == "one two three", 60)
            b.cells[0].source = "one 2 three"
            assert await a.until(lambda: cell.source == "one 2 three", 60)
            with a.on(draft):
                assert cell.source == "one two three"
                cell.source = "ONE two three"
            assert cell.source == "one 2 three"
            a.merge(draft)
            assert cell.source == "ONE 2 three"
            assert await b.until(lambda: b.cells[0].source == "ONE 2 three", 60)


@pytest.mark.parametrize("role", ["viewer", "runner"])
@aio
async def test_who_may_only_read_is_told_so_and_stays_connected(role: str, tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        async with (
            Notebook.connect(notebook_id, hub.address, role=role) as reader,  # type: ignore[arg-type]  # a Role
            Notebook.connect(notebook_id, hub.address) as editor,
        ):
            with pytest.raises(NotAllowed, match=role):
                reader.cells[0].source = "mine"
            editor.cells[0].source = "theirs"
            assert await reader.until(lambda: reader.cells[0].source == "theirs", 60)


@aio
async def test_events_tell_what_happened_from_the_moment_they_were_asked_for(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        async with (
            Notebook.connect(notebook_id, hub.address) as a,
            Notebook.connect(notebook_id, hub.address, role="daemon") as daemon,
        ):
            a.cells[0].source = "before"
            events = a.events()
            a.cells[0].source = "after"
            assert await anext(events) == CellChanged(a.cells[0].id, frozenset(("source",)))
            added = a.cells.add("new")
            assert await anext(events) == CellAdded(added.id)
            added.delete()
            assert await anext(events) == CellRemoved(added.id)
            daemon.runtime.set_kernel(replace(daemon.kernel, lifecycle="ready"))
            daemon.touch()
            assert await anext(events) == KernelChanged()
            events.close()
            assert [event async for event in events] == []


@aio
async def test_a_watcher_that_falls_behind_is_told_to_read_everything_again(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub, Notebook.connect(await hub.open(tmp_path / "a.ipynb"), hub.address) as a:
        events, others = a.events(), a.events()
        cell = a.cells[0]
        for _ in range(MAX_UNREAD + 1):
            cell.append("x")
            await asyncio.wait_for(anext(others), 5)
        assert await anext(events) == Reset()
        cell.append("y")
        assert await anext(events) == CellChanged(cell.id, frozenset(("source",)))


def test_a_stream_that_nobody_holds_any_more_costs_nothing() -> None:
    watchers = Watchers()
    stream: EventStream | None = watchers.watch(lambda: None)
    assert stream is not None
    assert watchers
    stream = None
    gc.collect()
    assert not watchers


@aio
async def test_watchers_of_a_closed_notebook_are_told(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub:
        async with Notebook.connect(await hub.open(tmp_path / "a.ipynb"), hub.address) as a:
            waiting = asyncio.create_task(anext(a.events()))
            await asyncio.sleep(0)
        with pytest.raises(NotConnected, match="closed"):
            await waiting
        with pytest.raises(NotConnected, match="closed"):
            a.cells[0].source = "too late"


@aio
async def test_everyone_sees_who_is_here_and_where(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        async with Notebook.connect(notebook_id, hub.address) as a:
            async with Notebook.connect(notebook_id, hub.address) as b:
                b.set_presence(cell_id="c", head=3)

                def there() -> bool:
                    return any(peer.state == {"cell_id": "c", "head": 3} for peer in a.peers)

                assert await a.until(there, 60)
                assert len(b.peers) == 2
            assert await a.until(lambda: len(a.peers) == 1, 60)


@aio
async def test_closing_hands_over_what_was_edited_in_the_last_moment(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        with pytest.raises(ZeroDivisionError):  # noqa: PT012  # the failure comes after the edit
            async with Notebook.connect(notebook_id, hub.address) as a:
                a.cells[0].source = "last words"
                raise ZeroDivisionError
        async with Notebook.connect(notebook_id, hub.address) as b:
            assert b.cells[0].source == "last words"


@aio
async def test_a_cancelled_opening_leaves_nothing_behind(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        before = asyncio.all_tasks()

        async def stay() -> None:
            async with Notebook.connect(notebook_id, hub.address):
                await asyncio.get_running_loop().create_future()

        for turns in (1, 3, 10, 100, 1000):
            task = asyncio.create_task(stay())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        own = {task for task in asyncio.all_tasks() - before if "link" in task.get_name() or "hub" in task.get_name()}
        assert own == set()


@aio
async def test_save_writes_the_file_with_everything_edited_so_far(tmp_path: Path, state: Path) -> None:
    path = tmp_path / "a.ipynb"
    async with hub_here(state) as hub, Notebook.connect(await hub.open(path), hub.address) as a:
        a.cells[0].source = "saved"
        assert await a.save() == path
        assert '"saved"' in path.read_text()


@aio
async def test_a_request_that_is_refused_says_why(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        async with Notebook.connect(notebook_id, hub.address, role="viewer") as reader:
            with pytest.raises(RequestFailed, match="only read") as failure:
                await reader.run()
            assert failure.value.code == ErrorCode.FORBIDDEN


@aio
async def test_blobs_go_to_the_hub_and_come_back(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub, Notebook.connect(await hub.open(tmp_path / "a.ipynb"), hub.address) as a:
        assert await a.blob(await a.put_blob(b"\0bytes")) == b"\0bytes"
        with pytest.raises(RequestFailed):
            await a.blob("0" * 64)
