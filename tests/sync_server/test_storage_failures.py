"""When the disk or another program is in the way, the store says so, writes nothing by halves, and goes on."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clients.peer.errors import RequestFailed
from sync_server.errors import StateInUse, StorageBusy, StorageClosed, StorageError, StorageFull, StorageReadOnly
from sync_server.group_commit import GroupWriter
from sync_server.sqlite_schema import DATABASE_NAME, connect, migrate
from sync_server.sqlite_store import SqliteStore
from sync_server.state_lock import LOCK_NAME
from sync_server.store import DocKey, StoredDocument
from tests.support.hub import hub_here

if TYPE_CHECKING:
    from tests.support.small_disk import SmallDisk

KEY = DocKey("n1", "notebook")
BIG = bytes(300_000)


def test_a_full_disk_fails_the_append_and_spares_what_was_there(small_disk: SmallDisk) -> None:
    async def story() -> None:
        store = await SqliteStore.open(small_disk.folder / "state")
        await store.append(KEY, [b"before"])
        with small_disk.full():
            outcomes = await asyncio.gather(*(store.append(KEY, [BIG]) for _ in range(5)), return_exceptions=True)
            assert all(isinstance(outcome, StorageError) for outcome in outcomes)
            if small_disk.mounted:
                assert all(isinstance(outcome, StorageFull) for outcome in outcomes)
            with pytest.raises(StorageError):
                await store.replace_with_snapshot(KEY, BIG, covers=1)
            assert await store.load(KEY) == StoredDocument(None, [b"before"])
        await store.append(KEY, [b"after"])
        assert await store.load(KEY) == StoredDocument(None, [b"before", b"after"])
        await store.close()
        store = await SqliteStore.open(small_disk.folder / "state")
        assert await store.load(KEY) == StoredDocument(None, [b"before", b"after"])
        await store.close()

    asyncio.run(story())


def test_a_full_disk_refuses_a_new_state_folder_and_lets_go_of_it(small_disk: SmallDisk) -> None:
    async def story() -> None:
        folder = small_disk.folder / "state"
        with small_disk.full(), pytest.raises(StorageError):
            await SqliteStore.open(folder)
        store = await SqliteStore.open(folder)
        await store.append(KEY, [b"a"])
        await store.close()

    asyncio.run(story())


def test_a_notebook_whose_outputs_do_not_fit_on_the_disk_is_refused_and_opens_once_they_do(
    small_disk: SmallDisk, tmp_path: Path
) -> None:
    printed = [{"output_type": "stream", "name": "stdout", "text": f"{number}" * 100_000} for number in range(4)]
    cell = {"id": "a", "cell_type": "code", "source": "1", "metadata": {}, "outputs": printed, "execution_count": 1}
    path = tmp_path / "work.ipynb"
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}))

    async def story() -> None:
        async with hub_here(small_disk.folder / "state") as hub:
            with small_disk.full(), pytest.raises(RequestFailed, match="Free some space"):
                await hub.open(path)
            assert await hub.open(path)

    asyncio.run(story())


def test_a_database_locked_by_another_program_is_reported_and_waited_out_later(tmp_path: Path) -> None:
    async def story() -> None:
        store = await SqliteStore.open(tmp_path, busy_timeout=0.05)
        other = sqlite3.connect(tmp_path / DATABASE_NAME, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageBusy, match="another program"):
            await store.append(KEY, [b"a"])
        other.execute("ROLLBACK")
        other.close()
        await store.append(KEY, [b"b"])
        assert await store.load(KEY) == StoredDocument(None, [b"b"])
        await store.close()

    asyncio.run(story())


def test_a_database_that_is_locked_when_the_hub_starts_is_reported(tmp_path: Path) -> None:
    async def story() -> None:
        await (await SqliteStore.open(tmp_path)).close()
        other = sqlite3.connect(tmp_path / DATABASE_NAME, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageBusy):
            await SqliteStore.open(tmp_path, busy_timeout=0.05)
        other.close()
        await (await SqliteStore.open(tmp_path)).close()

    asyncio.run(story())


def test_a_reader_that_holds_an_old_state_does_not_delay_writes(tmp_path: Path) -> None:
    async def story() -> None:
        store = await SqliteStore.open(tmp_path, busy_timeout=0.05)
        backup = sqlite3.connect(tmp_path / DATABASE_NAME, isolation_level=None)
        backup.execute("BEGIN")
        assert backup.execute("SELECT count(*) FROM changes").fetchone() == (0,)
        for _ in range(20):
            await store.append(KEY, [BIG])
        assert backup.execute("SELECT count(*) FROM changes").fetchone() == (0,)
        backup.close()
        await store.close()

    asyncio.run(story())


def test_a_state_folder_that_may_not_be_made_or_written_is_reported(ordinary_user: Path) -> None:
    ordinary_user.chmod(0o500)

    async def story() -> None:
        with pytest.raises(StorageReadOnly, match="may not be written"):
            await SqliteStore.open(ordinary_user)
        with pytest.raises(StorageReadOnly, match="may not be written"):
            await SqliteStore.open(ordinary_user / "state")

    asyncio.run(story())


def test_a_database_that_may_not_be_written_is_reported_when_the_hub_starts(ordinary_user: Path) -> None:
    async def story() -> None:
        await (await SqliteStore.open(ordinary_user)).close()
        (ordinary_user / DATABASE_NAME).chmod(0o400)
        with pytest.raises(StorageReadOnly, match="may not be written"):
            await SqliteStore.open(ordinary_user)
        (ordinary_user / DATABASE_NAME).chmod(0o600)
        await (await SqliteStore.open(ordinary_user)).close()

    asyncio.run(story())


def test_a_state_folder_that_is_a_file_is_reported(tmp_path: Path) -> None:
    async def story() -> None:
        (tmp_path / "state").write_text("a file")
        with pytest.raises(StorageError, match="cannot be used"):
            await SqliteStore.open(tmp_path / "state")

    asyncio.run(story())


def test_a_lock_file_of_a_hub_that_died_does_not_bar_the_folder(tmp_path: Path) -> None:
    async def story() -> None:
        (tmp_path / LOCK_NAME).write_text("999999999")
        store = await SqliteStore.open(tmp_path)
        with pytest.raises(StateInUse) as caught:
            await SqliteStore.open(tmp_path)
        assert "999999999" not in str(caught.value)
        await store.close()

    asyncio.run(story())


def start_writer(path: Path) -> GroupWriter:
    connection = connect(path)
    migrate(connection, path)
    return GroupWriter(path, connection, lambda: connect(path), lambda _: None)


class Hold:
    """Work that keeps the writing thread busy until it is let go, so that what is written meanwhile makes one group."""

    def __init__(self, then: Exception | None = None) -> None:
        self._then = then
        self._loop = asyncio.get_running_loop()
        self._go = threading.Event()
        self.entered = asyncio.Event()

    def __call__(self, _: sqlite3.Connection) -> None:
        self._loop.call_soon_threadsafe(self.entered.set)
        self._go.wait()
        if self._then is not None:
            raise self._then

    def let_go(self) -> None:
        self._go.set()


def test_a_group_that_fails_in_the_middle_leaves_nothing_and_the_next_one_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        writer = start_writer(tmp_path / DATABASE_NAME)
        hold = Hold()
        busy = asyncio.create_task(writer.run(hold))
        await hold.entered.wait()
        group = [
            asyncio.create_task(job)
            for job in (
                writer.append(KEY, [b"first"]),
                writer.run(lambda connection: connection.execute("INSERT INTO nowhere VALUES (1)")),
                writer.append(KEY, [b"last"]),
            )
        ]
        await asyncio.sleep(0)
        hold.let_go()
        await busy
        assert all(
            isinstance(outcome, StorageError) for outcome in await asyncio.gather(*group, return_exceptions=True)
        )
        await writer.append(KEY, [b"after"])
        await writer.close()

    asyncio.run(story())
    with sqlite3.connect(tmp_path / DATABASE_NAME) as database:
        rows = database.execute("SELECT chunks, body FROM changes").fetchall()
    database.close()
    assert [(chunks, b"after" in body) for chunks, body in rows] == [(1, True)]


def test_a_bug_on_the_writing_thread_reaches_everyone_who_waits(tmp_path: Path) -> None:
    async def story() -> None:
        writer = start_writer(tmp_path / DATABASE_NAME)
        bug = Hold(then=KeyError("a bug"))
        jobs = [asyncio.create_task(writer.run(bug))]
        await bug.entered.wait()
        jobs += [asyncio.create_task(writer.append(KEY, [b"b"])) for _ in range(10)]
        await asyncio.sleep(0)
        bug.let_go()
        async with asyncio.timeout(60):
            outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        assert all(isinstance(outcome, StorageError) for outcome in outcomes)
        with pytest.raises(StorageClosed):
            await writer.append(KEY, [b"c"])
        await writer.close()

    asyncio.run(story())
