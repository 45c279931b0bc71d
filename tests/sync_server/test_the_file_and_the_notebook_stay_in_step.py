"""The notebook's file against a real hub: written, edited outside, and never applied to itself twice."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from notebook_doc.errors import NotANotebook
from notebook_doc.notebook import NotebookDoc
from relay.errors import WireError
from sync_server import checkpoints
from sync_server.blobs import DirectoryBlobStore
from sync_server.errors import FileError
from sync_server.hub import Hub
from sync_server.live_room import LiveRoom
from sync_server.sqlite_store import SqliteStore
from tests.support.aio import aio


def write(path: Path, *sources: str, minor: int = 5) -> None:
    cells: list[dict[str, Any]] = []
    for number, source in enumerate(sources):
        cell: dict[str, Any] = {"cell_type": "markdown", "source": source, "metadata": {}}
        cells.append({"id": f"c{number}", **cell} if minor >= 5 else cell)
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": minor, "metadata": {}, "cells": cells}))


def sources(path: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]]


@asynccontextmanager
async def a_hub(folder: Path) -> AsyncIterator[Hub]:
    store = await SqliteStore.open(folder / "state")
    try:
        async with Hub.running(store, DirectoryBlobStore(folder / "blobs"), "token") as hub:
            yield hub
    finally:
        await store.close()


async def opened(hub: Hub, path: Path) -> LiveRoom:
    return await hub.room((await hub.open_path(path)).notebook_id)


async def edit(room: LiveRoom, cell_id: str, text: str) -> None:
    """As a peer would: on a copy, merged by its changes."""
    doc = NotebookDoc(room.room.notebook.replica.fork())
    doc.splice_source(cell_id, 0, 0, text)
    room.offer(doc.replica.changes_since(room.room.notebook.replica.heads()))
    assert await room.until_stored(doc.replica.heads(), 10)


def shown(room: LiveRoom) -> list[str]:
    return [cell.source for cell in NotebookDoc(room.room.notebook.replica).cells()]


@aio
async def test_an_edit_of_the_file_from_outside_merges_with_what_people_did_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    write(path, "one", "two")
    async with a_hub(tmp_path) as hub:
        room = await opened(hub, path)
        await edit(room, "c0", "live ")
        write(path, "one", "two and more", "three")
        await hub.save(room.notebook_id)
        assert shown(room) == ["live one", "two and more", "three"]
        assert sources(path) == shown(room)


@aio
@pytest.mark.parametrize("minor", [4, 5])
async def test_an_edit_made_while_no_hub_ran_is_taken_in_when_it_opens(tmp_path: Path, minor: int) -> None:
    path = tmp_path / "a.ipynb"
    write(path, "first cell", "second cell", minor=minor)
    async with a_hub(tmp_path) as hub:
        await opened(hub, path)
    write(path, "first cell", "second cell, edited", "third", minor=minor)
    async with a_hub(tmp_path) as hub:
        assert shown(await opened(hub, path)) == ["first cell", "second cell, edited", "third"]


@aio
async def test_a_hub_that_ends_before_it_noted_its_own_file_does_not_apply_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.ipynb"
    write(path, "text")
    async with a_hub(tmp_path) as hub:
        room = await opened(hub, path)
        await edit(room, "c0", "more ")

        async def dies(*_: object) -> None:
            raise FileError("the hub ends here")

        monkeypatch.setattr(checkpoints.Checkpointer, "_remember", dies)
        with pytest.raises(FileError):
            await hub.save(room.notebook_id)
    monkeypatch.undo()
    assert sources(path) == ["more text"]
    async with a_hub(tmp_path) as hub:
        assert shown(await opened(hub, path)) == ["more text"]


@aio
async def test_a_hub_that_ends_before_it_noted_an_outside_edit_makes_the_same_change_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.ipynb"
    write(path, "text")
    async with a_hub(tmp_path) as hub:
        room = await opened(hub, path)
        write(path, "text, edited outside")

        async def dies(*_: object) -> None:
            raise FileError("the hub ends here")

        monkeypatch.setattr(checkpoints.Checkpointer, "_remember", dies)
        with pytest.raises(FileError):
            await hub.save(room.notebook_id)
        assert shown(room) == ["text, edited outside"]
    monkeypatch.undo()
    async with a_hub(tmp_path) as hub:
        assert shown(await opened(hub, path)) == ["text, edited outside"]


@aio
async def test_what_was_stored_but_not_written_is_written_when_the_notebook_opens_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.ipynb"
    write(path, "text")

    async def fails(*_: object) -> None:
        raise FileError("no space")

    monkeypatch.setattr(checkpoints.Checkpointer, "_write", fails)
    async with a_hub(tmp_path) as hub:
        await edit(await opened(hub, path), "c0", "more ")
    assert sources(path) == ["text"]
    monkeypatch.undo()
    async with a_hub(tmp_path) as hub:
        await opened(hub, path)
    assert sources(path) == ["more text"]


@aio
async def test_opening_and_closing_without_an_edit_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    write(path, "text")
    before = path.read_bytes(), path.stat().st_mtime_ns
    for _ in range(2):
        async with a_hub(tmp_path) as hub:
            await opened(hub, path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


@aio
async def test_a_file_that_something_else_broke_is_reported_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    write(path, "text")
    async with a_hub(tmp_path) as hub:
        room = await opened(hub, path)
        path.write_text("{ half a file")
        await edit(room, "c0", "kept ")
        with pytest.raises(NotANotebook, match="line 1"):
            await hub.save(room.notebook_id)
        assert path.read_text() == "{ half a file"
        assert shown(room) == ["kept text"]


@aio
async def test_what_cannot_be_a_notebook_says_so(tmp_path: Path) -> None:
    (tmp_path / "folder.ipynb").mkdir()
    (tmp_path / "text.txt").write_text("text")
    async with a_hub(tmp_path) as hub:
        with pytest.raises(FileError, match="folder"):
            await hub.open_path(tmp_path / "folder.ipynb")
        with pytest.raises(NotANotebook, match="ipynb"):
            await hub.open_path(tmp_path / "text.txt")
        with pytest.raises(WireError, match="no file"):
            await hub.open_path(tmp_path / "missing.ipynb")
        assert (await hub.open_path(tmp_path / "missing.ipynb", create=True)).path == str(tmp_path / "missing.ipynb")


@aio
async def test_a_read_only_file_is_left_alone_and_the_edits_are_kept(ordinary_user: Path) -> None:
    path = ordinary_user / "a.ipynb"
    write(path, "text")
    path.chmod(0o444)
    async with a_hub(ordinary_user) as hub:
        room = await opened(hub, path)
        await edit(room, "c0", "more ")
        with pytest.raises(FileError, match="read-only"):
            await hub.save(room.notebook_id)
        assert sources(path) == ["text"]
    path.chmod(0o644)
    async with a_hub(ordinary_user) as hub:
        await opened(hub, path)
    assert sources(path) == ["more text"]
