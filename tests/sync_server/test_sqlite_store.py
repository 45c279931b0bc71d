"""The document store keeps what it was given, in order, and shares its commits."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_server.errors import PathTaken, StateInUse, StorageClosed, StorageDamaged, StorageError, StorageTooNew
from sync_server.group_commit import CommitReport
from sync_server.sqlite_schema import DATABASE_NAME, connect
from sync_server.sqlite_store import SqliteStore
from sync_server.store import Checkpoint, DocKey, NotebookRow, StoredDocument

KEY = DocKey("n1", "notebook")


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await story()

    asyncio.run(main())


def row(notebook_id: str, path: str | None = None, checkpoint: Checkpoint | None = None) -> NotebookRow:
    return NotebookRow(notebook_id, path, runtime_epoch=3, checkpoint=checkpoint, created=1.5, updated=2.5)


def test_what_was_appended_is_loaded_in_order_also_after_reopening(tmp_path: Path) -> None:
    async def story() -> None:
        store = await SqliteStore.open(tmp_path)
        assert await store.load(KEY) is None
        await store.append(KEY, [b"a", b""])
        await store.append(KEY, [])
        await store.append(KEY, [b"c"])
        assert await store.load(KEY) == StoredDocument(None, [b"a", b"", b"c"])
        await store.close()
        store = await SqliteStore.open(tmp_path)
        await store.append(KEY, [b"d"])
        assert await store.load(KEY) == StoredDocument(None, [b"a", b"", b"c", b"d"])
        await store.close()

    run(story)


def test_documents_and_epochs_of_one_notebook_are_kept_apart(tmp_path: Path) -> None:
    async def story() -> None:
        store = await SqliteStore.open(tmp_path)
        keys = [KEY, DocKey("n2", "notebook"), *(DocKey("n1", "runtime", epoch) for epoch in range(3))]
        await asyncio.gather(*(store.append(key, [str(key).encode()]) for key in keys))
        for key in keys:
            assert await store.load(key) == StoredDocument(None, [str(key).encode()])
        await store.close()

    run(story)


def test_a_new_epoch_takes_the_place_of_the_others_and_the_index_names_it(tmp_path: Path) -> None:
    async def story() -> None:
        store = await SqliteStore.open(tmp_path)
        await store.put_notebook(row("n1"))
        others = [KEY, DocKey("n2", "runtime", 3)]
        for key in (*others, DocKey("n1", "runtime", 3)):
            await store.append(key, [b"old"])
        fourth = DocKey("n1", "runtime", 4)
        await asyncio.gather(store.append(DocKey("n1", "runtime", 3), [b"late"]), store.begin_epoch(fourth, b"whole"))
        await store.append(fourth, [b"and more"])
        await store.close()
        store = await SqliteStore.open(tmp_path)
        assert await store.load(DocKey("n1", "runtime", 3)) is None
        assert await store.load(fourth) == StoredDocument(b"whole", [b"and more"])
        for key in others:
            assert await store.load(key) == StoredDocument(None, [b"old"])
        index = await store.notebook("n1")
        assert index is not None
        assert index.runtime_epoch == 4
        await store.close()

    run(story)


def test_a_new_epoch_of_a_notebook_that_is_not_in_the_index_changes_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        store = await SqliteStore.open(tmp_path)
        await store.append(DocKey("n1", "runtime", 0), [b"kept"])
        with pytest.raises(StorageError, match="not in the index"):
            await store.begin_epoch(DocKey("n1", "runtime", 1), b"whole")
        assert await store.load(DocKey("n1", "runtime", 0)) == StoredDocument(None, [b"kept"])
        assert await store.load(DocKey("n1", "runtime", 1)) is None
        await store.close()

    run(story)


def test_concurrent_appends_share_commits_and_keep_each_writers_order(tmp_path: Path) -> None:
    async def story() -> None:
        commits: list[CommitReport] = []
        store = await SqliteStore.open(tmp_path, observe=commits.append)

        async def writer(name: int) -> None:
            for number in range(50):
                await store.append(KEY, [f"{name}:{number}".encode()])

        await asyncio.gather(*(writer(name) for name in range(10)))
        stored = await store.load(KEY)
        assert stored is not None
        for name in range(10):
            own = [chunk for chunk in stored.changes if chunk.startswith(f"{name}:".encode())]
            assert own == [f"{name}:{number}".encode() for number in range(50)]
        assert sum(commit.appends for commit in commits) == 500
        assert len(commits) <= 250  # 50 if all ten always travel together; one each would be 500
        await store.close()

    run(story)


def test_appends_that_are_not_awaited_one_by_one_keep_their_order(tmp_path: Path) -> None:
    async def story() -> None:
        store = await SqliteStore.open(tmp_path)
        chunks = [str(number).encode() * 1000 for number in range(300)]
        await asyncio.gather(*(store.append(KEY, [chunk]) for chunk in chunks))
        assert await store.load(KEY) == StoredDocument(None, chunks)
        await store.close()

    run(story)


def test_more_than_the_queue_holds_waits_and_keeps_its_order(tmp_path: Path) -> None:
    async def story() -> None:
        commits: list[CommitReport] = []
        store = await SqliteStore.open(tmp_path, observe=commits.append, queue_bytes=10_000)
        chunks = [bytes([number]) * 3000 for number in range(50)]
        chunks[20] *= 5  # larger than the queue: alone, but not for ever waiting
        await asyncio.gather(*(store.append(KEY, [chunk]) for chunk in chunks))
        assert sum(commit.size for commit in commits) == 49 * 3000 + 15_000
        assert all(commit.size <= 10_000 or (commit.size == 15_000 and commit.appends == 1) for commit in commits)
        assert await store.load(KEY) == StoredDocument(None, chunks)
        await store.close()

    run(story)


def test_a_cancelled_append_is_written_nevertheless(tmp_path: Path) -> None:
    async def story() -> None:
        store = await SqliteStore.open(tmp_path)
        tasks = [asyncio.create_task(store.append(KEY, [str(number).encode()])) for number in range(20)]
        await asyncio.sleep(0)  # each has begun and waits for the disk
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
        await store.append(KEY, [b"last"])
        assert await store.load(KEY) == StoredDocument(None, [*(str(number).encode() for number in range(20)), b"last"])
        await store.close()

    run(story)


def test_closing_finishes_what_was_accepted_and_refuses_what_comes_after(tmp_path: Path) -> None:
    async def story() -> None:
        store = await SqliteStore.open(tmp_path)
        appends = [asyncio.create_task(store.append(KEY, [str(number).encode()])) for number in range(100)]
        await asyncio.sleep(0)
        await asyncio.gather(store.close(), store.close())
        await asyncio.gather(*appends)
        for refused in (store.append(KEY, [b"late"]), store.load(KEY), store.notebooks()):
            with pytest.raises(StorageClosed):
                await refused
        store = await SqliteStore.open(tmp_path)
        assert await store.load(KEY) == StoredDocument(None, [str(number).encode() for number in range(100)])
        await store.close()

    run(story)


def test_a_snapshot_that_claims_more_than_is_stored_changes_nothing_and_fails_nobody_else(tmp_path: Path) -> None:
    async def story() -> None:
        store = await SqliteStore.open(tmp_path)
        await store.append(KEY, [b"a", b"b"])
        before, refusal, after = await asyncio.gather(
            store.append(KEY, [b"c"]),
            store.replace_with_snapshot(KEY, b"S", covers=9),
            store.append(KEY, [b"d"]),
            return_exceptions=True,
        )
        assert (before, after) == (None, None)
        assert isinstance(refusal, StorageError)
        assert "9 chunks" in str(refusal)
        assert await store.load(KEY) == StoredDocument(None, [b"a", b"b", b"c", b"d"])
        await store.close()

    run(story)


class Model:
    """The store's contract in three lines: a snapshot and a list."""

    def __init__(self) -> None:
        self.snapshot: bytes | None = None
        self.changes: list[bytes] = []


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("append"), st.lists(st.binary(max_size=20), min_size=1, max_size=5)),
            st.tuples(st.just("compact"), st.floats(0, 1)),
        ),
        max_size=15,
    )
)
def test_any_sequence_of_appends_and_compactions_loads_what_a_list_would(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, list[bytes] | float]]
) -> None:
    async def story() -> None:
        folder = tmp_path_factory.mktemp("state")
        store = await SqliteStore.open(folder)
        model = Model()
        for number, (_, argument) in enumerate(steps):
            if isinstance(argument, list):
                await store.append(KEY, argument)
                model.changes += argument
            else:
                covers = round(argument * len(model.changes))
                await store.replace_with_snapshot(KEY, f"S{number}".encode(), covers)
                model.snapshot, model.changes = f"S{number}".encode(), model.changes[covers:]
        await store.close()
        store = await SqliteStore.open(folder)
        expected = StoredDocument(model.snapshot, model.changes) if steps else None
        assert await store.load(KEY) == expected
        await store.close()

    run(story)


def test_chunks_appended_while_a_snapshot_is_written_stay(tmp_path: Path) -> None:
    async def story() -> None:
        store = await SqliteStore.open(tmp_path)
        await asyncio.gather(*(store.append(KEY, [bytes([number])]) for number in range(10)))
        await asyncio.gather(
            store.append(KEY, [b"before"]),
            store.replace_with_snapshot(KEY, b"S", covers=7),
            store.append(KEY, [b"after"]),
        )
        assert await store.load(KEY) == StoredDocument(b"S", [b"\x07", b"\x08", b"\x09", b"before", b"after"])
        await store.close()

    run(story)


def test_a_snapshot_may_cover_chunks_that_are_on_their_way_to_the_disk(tmp_path: Path) -> None:
    async def story() -> None:
        store = await SqliteStore.open(tmp_path)
        appends = [store.append(KEY, [bytes([number])]) for number in range(100)]
        await asyncio.gather(
            *appends, store.replace_with_snapshot(KEY, b"S", covers=100), store.append(KEY, [b"after"])
        )
        assert await store.load(KEY) == StoredDocument(b"S", [b"after"])
        await store.replace_with_snapshot(KEY, b"T", covers=1)
        assert await store.load(KEY) == StoredDocument(b"T", [])
        await store.close()

    run(story)
    with sqlite3.connect(tmp_path / DATABASE_NAME) as database:
        assert database.execute("SELECT count(*) FROM changes").fetchone() == (0,)
    database.close()


def test_the_index_finds_notebooks_by_id_and_by_path(tmp_path: Path) -> None:
    async def story() -> None:
        store = await SqliteStore.open(tmp_path)
        checkpoint = Checkpoint("ab" * 32, [b"h" * 32, b"i" * 32], mtime_ns=2**62, size=5)
        await store.put_notebook(row("n1", "/home/ü/a.ipynb"))
        await store.put_notebook(row("n2"))
        await store.put_notebook(row("n3"))
        await store.set_checkpoint("n1", checkpoint, updated=9.25)
        found = await store.find("/home/ü/a.ipynb")
        assert found == NotebookRow("n1", "/home/ü/a.ipynb", 3, checkpoint, 1.5, 9.25)
        assert await store.notebook("n1") == found
        assert await store.find("/elsewhere") is None
        assert await store.notebook("n9") is None
        await store.put_notebook(row("n1", "/moved.ipynb", checkpoint))
        assert await store.find("/home/ü/a.ipynb") is None
        assert [each.notebook_id for each in await store.notebooks()] == ["n1", "n2", "n3"]
        with pytest.raises(StorageError, match="n9 is not in the index"):
            await store.set_checkpoint("n9", checkpoint, updated=9.25)
        await store.close()

    run(story)


def test_a_path_belongs_to_one_notebook(tmp_path: Path) -> None:
    async def story() -> None:
        store = await SqliteStore.open(tmp_path)
        await store.put_notebook(row("n1", "/a.ipynb"))
        with pytest.raises(PathTaken, match="already belongs to notebook n1"):
            await store.put_notebook(row("n2", "/a.ipynb"))
        assert await store.notebook("n2") is None
        await store.close()

    run(story)


def test_a_file_name_that_is_no_unicode_is_refused_and_the_store_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        store = await SqliteStore.open(tmp_path)
        bad = os.fsdecode(b"/caf\xe9.ipynb")
        assert await store.find(bad) is None
        with pytest.raises(StorageError, match="not valid Unicode"):
            await store.put_notebook(row("n1", bad))
        with pytest.raises(StorageError, match="not valid Unicode"):
            await store.append(DocKey("\udc80", "notebook"), [b"a"])
        await store.append(KEY, [b"a"])
        await store.close()

    run(story)


def test_a_commit_waits_for_the_disk_and_not_only_for_the_system(tmp_path: Path) -> None:
    # Only a loss of power shows the difference, so the settings are what can be checked: WAL, and FULL (2).
    connection = connect(tmp_path / DATABASE_NAME)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()


def test_two_hubs_cannot_open_the_same_state_folder(tmp_path: Path) -> None:
    async def story() -> None:
        store = await SqliteStore.open(tmp_path)
        with pytest.raises(StateInUse, match=f"process {os.getpid()}"):
            await SqliteStore.open(tmp_path)
        await store.close()
        store = await SqliteStore.open(tmp_path)
        await store.close()

    run(story)


def test_nobody_else_can_read_the_state_folder(tmp_path: Path) -> None:
    async def story() -> None:
        folder = tmp_path / "deep" / "state"
        store = await SqliteStore.open(folder)
        await store.append(KEY, [b"a"])
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
        await store.close()

    run(story)


@pytest.mark.parametrize("content", [b"SQLite format 3\0" + b"nonsense" * 1000, b"this is no database\n" * 100])
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    async def story() -> None:
        (tmp_path / DATABASE_NAME).write_bytes(content)
        with pytest.raises(StorageDamaged, match=DATABASE_NAME):
            await SqliteStore.open(tmp_path)
        assert (tmp_path / DATABASE_NAME).read_bytes() == content

    run(story)


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    async def story() -> None:
        with sqlite3.connect(tmp_path / DATABASE_NAME) as foreign:
            foreign.execute("CREATE TABLE theirs (x)")
        foreign.close()
        content = (tmp_path / DATABASE_NAME).read_bytes()
        with pytest.raises(StorageDamaged, match="another program"):
            await SqliteStore.open(tmp_path)
        assert (tmp_path / DATABASE_NAME).read_bytes() == content

    run(story)


def test_a_store_of_a_later_version_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        await (await SqliteStore.open(tmp_path)).close()
        with sqlite3.connect(tmp_path / DATABASE_NAME) as later:
            later.execute("PRAGMA user_version=99")
        later.close()
        with pytest.raises(StorageTooNew, match="version 99"):
            await SqliteStore.open(tmp_path)

    run(story)


@pytest.mark.parametrize(
    "rot", ["UPDATE changes SET body = zeroblob(length(body))", "UPDATE documents SET snapshot = x'00'"]
)
def test_a_rotten_row_is_reported_with_its_notebook(tmp_path: Path, rot: str) -> None:
    async def story() -> None:
        store = await SqliteStore.open(tmp_path)
        await store.replace_with_snapshot(KEY, b"S", covers=0)
        await store.append(KEY, [b"abc"])
        await store.close()
        with sqlite3.connect(tmp_path / DATABASE_NAME) as database:
            database.execute(rot)
        database.close()
        store = await SqliteStore.open(tmp_path)
        with pytest.raises(StorageDamaged, match="notebook n1"):
            await store.load(KEY)
        await store.close()

    run(story)
