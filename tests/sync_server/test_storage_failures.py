"""When the disk or another program is in the way, the store says so, writes nothing by halves, and goes on."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sync_server.errors import StateInUse, StorageBusy, StorageClosed, StorageError, StorageFull, StorageReadOnly
from sync_server.group_commit import CommitReport, GroupWriter
from sync_server.sqlite_schema import DATABASE_NAME, connect, migrate
from sync_server.sqlite_store import SqliteStore
from sync_server.state_lock import LOCK_NAME
from sync_server.store import DocKey, StoredDocument

if TYPE_CHECKING:
    from tests.sync_server.conftest import SmallDisk

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


def test_a_bug_on_the_writing_thread_reaches_everyone_who_waits(tmp_path: Path) -> None:
    async def story() -> None:
        path = tmp_path / DATABASE_NAME
        connection = connect(path)
        migrate(connection, path)
        reports: list[CommitReport] = []
        writer = GroupWriter(path, connection, lambda: connect(path), reports.append)
        outcomes = await asyncio.gather(
            writer.append(KEY, [b"a"]),
            writer.run(lambda _: {}["a bug"]),
            *(writer.append(KEY, [b"b"]) for _ in range(100)),
            return_exceptions=True,
        )
        assert all(isinstance(outcome, StorageError) for outcome in outcomes[1:])
        with pytest.raises(StorageClosed):
            await writer.append(KEY, [b"c"])
        await writer.close()

    asyncio.run(story())
