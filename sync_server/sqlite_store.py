"""The document store of a single machine: one SQLite file in the state folder.

Writing goes through one thread that commits in groups (`group_commit`), reading through another with a connection of
its own, so a long load delays no acknowledgement. The folder is locked for one hub at a time (`state_lock`). What the
store promises is in `sync_server.store`; the tables and the settings that make a commit durable are in `sqlite_schema`.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from sync_server.atomic_file import fsync_directory
from sync_server.attribution import StoredSpan
from sync_server.errors import PathTaken, StorageClosed, StorageError
from sync_server.group_commit import QUEUE_BYTES, CommitReport, GroupWriter, document_number
from sync_server.sqlite_schema import (
    BUSY_TIMEOUT_S,
    DATABASE_NAME,
    check_crc,
    connect,
    damaged,
    migrate,
    pack_chunks,
    translated,
    unpack_chunks,
)
from sync_server.sqlite_spans import note_spans, read_spans
from sync_server.state_lock import StateLock, state_folder_error
from sync_server.store import Checkpoint, DocKey, NotebookRow, StoredDocument

T = TypeVar("T")

LARGEST_VALUE: Final = 512 * 1024 * 1024  # bytes of a chunk or snapshot; SQLite's own limit is 1e9 for a whole row
_COLUMNS: Final = "notebook_id, path, runtime_epoch, checkpoint, created, updated"
_decode_checkpoint = msgspec.msgpack.Decoder(Checkpoint).decode
_encode_checkpoint = msgspec.msgpack.Encoder().encode


def _ignore(_: CommitReport) -> None:
    pass


class SqliteStore:
    """A `DocumentStore` in `<folder>/hub.sqlite3`. Made by `open` on the event loop that will use it, ended by `close`.

    Owns the folder's lock, the writer and the reading connection.
    """

    def __init__(self, path: Path, lock: StateLock, writer: GroupWriter, reading: sqlite3.Connection) -> None:
        self._path = path
        self._lock = lock
        self._writer = writer
        self._reading = reading
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="quire-store-reader")
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        folder: Path,
        *,
        observe: Callable[[CommitReport], None] = _ignore,
        busy_timeout: float = BUSY_TIMEOUT_S,
        queue_bytes: int = QUEUE_BYTES,
    ) -> SqliteStore:
        """Lock the folder (made with mode 0700 if missing), open the database, bring it to the present version.

        `observe` is called on the loop after every commit; `busy_timeout` (seconds) is how long a write waits for
        another program that has the database locked; `queue_bytes` is how much may wait for the disk before appends
        have to. Raises StateInUse, StorageReadOnly, StorageFull, StorageBusy, StorageDamaged, StorageTooNew or another
        StorageError; then nothing stays open.
        """
        path = folder / DATABASE_NAME
        lock, writing, reading = await asyncio.to_thread(_open, folder, path, busy_timeout)
        writer = GroupWriter(path, writing, lambda: connect(path, busy_timeout), observe, queue_bytes)
        return cls(path, lock, writer, reading)

    # --- documents --------------------------------------------------------------------------------------------------

    async def load(self, key: DocKey) -> StoredDocument | None:
        """See DocumentStore.load. Raises StorageDamaged if the stored bytes are not what was written."""
        _check_text(key.notebook_id, "notebook id")
        return await self._read(lambda connection: _load(connection, key))

    async def append(self, key: DocKey, changes: Sequence[bytes]) -> None:
        """See DocumentStore.append. `changes` must not be altered until this returns."""
        _check_text(key.notebook_id, "notebook id")
        for change in changes:
            _check_size(change, key)
        await self._writer.append(key, changes)

    async def replace_with_snapshot(self, key: DocKey, snapshot: bytes, covers: int) -> None:
        """See DocumentStore.replace_with_snapshot."""
        _check_text(key.notebook_id, "notebook id")
        _check_size(snapshot, key)
        await self._writer.run(lambda connection: _replace(connection, key, snapshot, covers), len(snapshot))

    async def begin_epoch(self, key: DocKey, snapshot: bytes) -> None:
        """See DocumentStore.begin_epoch."""
        _check_text(key.notebook_id, "notebook id")
        _check_size(snapshot, key)
        await self._writer.run(lambda connection: _begin_epoch(connection, key, snapshot), len(snapshot))

    # --- who wrote what when ------------------------------------------------------------------------------------------

    async def note_spans(self, notebook_id: str, spans: Sequence[StoredSpan]) -> None:
        """See DocumentStore.note_spans."""
        _check_text(notebook_id, "notebook id")
        await self._writer.run(lambda connection: note_spans(connection, notebook_id, spans))

    async def spans(self, notebook_id: str, since: float) -> list[StoredSpan]:
        """See DocumentStore.spans."""
        return await self._read(lambda connection: read_spans(connection, notebook_id, since))

    # --- the index --------------------------------------------------------------------------------------------------

    async def notebooks(self) -> list[NotebookRow]:
        """See DocumentStore.notebooks."""
        query = f"SELECT {_COLUMNS} FROM notebooks ORDER BY created, notebook_id"
        return await self._read(lambda connection: [_row(values) for values in connection.execute(query)])

    async def notebook(self, notebook_id: str) -> NotebookRow | None:
        """See DocumentStore.notebook."""
        return await self._one("notebook_id = ?", notebook_id)

    async def find(self, path: str) -> NotebookRow | None:
        """See DocumentStore.find."""
        return await self._one("path = ?", path)

    async def put_notebook(self, row: NotebookRow) -> None:
        """See DocumentStore.put_notebook."""
        _check_text(row.notebook_id, "notebook id")
        _check_text(row.path or "", f"path of notebook {row.notebook_id}")
        await self._writer.run(lambda connection: _put(connection, row))

    async def set_checkpoint(self, notebook_id: str, checkpoint: Checkpoint, updated: float) -> None:
        """See DocumentStore.set_checkpoint."""
        _check_text(notebook_id, "notebook id")
        await self._writer.run(lambda connection: _set_checkpoint(connection, notebook_id, checkpoint, updated))

    # --- ending -----------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """See DocumentStore.close. A second call waits for the first; cancelling a caller does not stop the closing."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="close the document store")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._writer.close()
        await asyncio.to_thread(self._reader.shutdown)
        self._reading.close()
        self._lock.release()

    # --- reading ----------------------------------------------------------------------------------------------------

    async def _one(self, condition: str, value: str) -> NotebookRow | None:
        query = f"SELECT {_COLUMNS} FROM notebooks WHERE {condition}"

        def read(connection: sqlite3.Connection) -> NotebookRow | None:
            values = connection.execute(query, (value,)).fetchone()
            return None if values is None else _row(values)

        return await self._read(read) if _is_text(value) else None  # such a row cannot have been put

    async def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        if self._closing is not None:
            raise StorageClosed("the document store is closed; nothing more is read.", "Reconnect to the hub.")
        return await asyncio.get_running_loop().run_in_executor(self._reader, self._reading_one_state, read)

    def _reading_one_state(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """On the reader's thread: all of `read`'s queries see the same commit."""
        try:
            self._reading.execute("BEGIN")
            try:
                return read(self._reading)
            finally:
                self._reading.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise translated(error, self._path) from error


def _open(folder: Path, path: Path, busy_timeout: float) -> tuple[StateLock, sqlite3.Connection, sqlite3.Connection]:
    lock = StateLock(folder)
    try:
        _make_private(path)
        writing = connect(path, busy_timeout)
        try:
            migrate(writing, path)
            fsync_directory(folder)
            reading = connect(path, busy_timeout)
            reading.execute("PRAGMA query_only=ON")
        except BaseException:
            writing.close()
            raise
    except OSError as error:
        lock.release()
        raise state_folder_error(folder, error) from error
    except BaseException:
        lock.release()
        raise
    return lock, writing, reading


def _make_private(path: Path) -> None:
    """Let SQLite find a file of mode 0600 (it gives the same to the log beside it) that may be written.

    SQLite would open one that may not, and leave a log beside it that stays unwritable when the file no longer is.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _load(connection: sqlite3.Connection, key: DocKey) -> StoredDocument | None:
    found = connection.execute(
        "SELECT document, snapshot, snapshot_crc FROM documents WHERE notebook_id = ? AND doc = ? AND epoch = ?",
        (key.notebook_id, key.doc, key.epoch),
    ).fetchone()
    if found is None:
        return None
    document, snapshot, crc = found
    if snapshot is not None:
        check_crc(snapshot, crc, key)
    changes: list[bytes] = []
    for body, crc in connection.execute("SELECT body, crc FROM changes WHERE document = ? ORDER BY seq", (document,)):
        changes += unpack_chunks(body, crc, key)
    return StoredDocument(snapshot, changes)


def _replace(connection: sqlite3.Connection, key: DocKey, snapshot: bytes, covers: int) -> None:
    """Drop the rows that are covered whole, cut the one that is covered in part, put the snapshot in their place."""
    rows = connection.execute(
        "SELECT seq, changes.chunks FROM changes JOIN documents USING (document) "
        "WHERE notebook_id = ? AND doc = ? AND epoch = ? ORDER BY seq",
        (key.notebook_id, key.doc, key.epoch),
    ).fetchall()
    stored = sum(chunks for _, chunks in rows)
    if not 0 <= covers <= stored:
        raise StorageError(
            f"a snapshot of the {key} claims to cover {covers} chunks, but {stored} are stored.",
            "Nothing was changed. Load the document again before compacting it.",
        )
    cut: tuple[int, list[bytes]] | None = None
    covered: list[tuple[int]] = []
    for seq, chunks in rows:
        if covers < chunks:
            if covers:
                body, crc = connection.execute("SELECT body, crc FROM changes WHERE seq = ?", (seq,)).fetchone()
                cut = (seq, unpack_chunks(body, crc, key)[covers:])
            break
        covers -= chunks
        covered.append((seq,))
    document = document_number(connection, key)
    connection.executemany("DELETE FROM changes WHERE seq = ?", covered)
    if cut is not None:
        seq, rest = cut
        connection.execute(
            "UPDATE changes SET chunks = ?, body = ?, crc = ? WHERE seq = ?", (len(rest), *pack_chunks(rest), seq)
        )
    connection.execute(
        "UPDATE documents SET snapshot = ?, snapshot_crc = ? WHERE document = ?",
        (snapshot, zlib.crc32(snapshot), document),
    )


def _begin_epoch(connection: sqlite3.Connection, key: DocKey, snapshot: bytes) -> None:
    indexed = connection.execute("SELECT 1 FROM notebooks WHERE notebook_id = ?", (key.notebook_id,)).fetchone()
    if indexed is None:
        raise StorageError(f"notebook {key.notebook_id} is not in the index.", "Open the notebook again.")
    old = connection.execute(
        "SELECT document FROM documents WHERE notebook_id = ? AND doc = ?", (key.notebook_id, key.doc)
    ).fetchall()
    connection.executemany("DELETE FROM changes WHERE document = ?", old)
    connection.executemany("DELETE FROM documents WHERE document = ?", old)
    connection.execute(
        "UPDATE documents SET snapshot = ?, snapshot_crc = ? WHERE document = ?",
        (snapshot, zlib.crc32(snapshot), document_number(connection, key)),
    )
    connection.execute("UPDATE notebooks SET runtime_epoch = ? WHERE notebook_id = ?", (key.epoch, key.notebook_id))


def _put(connection: sqlite3.Connection, row: NotebookRow) -> None:
    if row.path is not None:
        other = connection.execute(
            "SELECT notebook_id FROM notebooks WHERE path = ? AND notebook_id <> ?", (row.path, row.notebook_id)
        ).fetchone()
        if other is not None:
            raise PathTaken(
                f"the file {row.path} already belongs to notebook {other[0]}, so not to {row.notebook_id}.",
                "Open the notebook by its path, or save this one elsewhere.",
            )
    connection.execute(
        f"INSERT INTO notebooks ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (notebook_id) DO UPDATE SET "
        "path = excluded.path, runtime_epoch = excluded.runtime_epoch, checkpoint = excluded.checkpoint, "
        "created = excluded.created, updated = excluded.updated",
        (
            row.notebook_id,
            row.path,
            row.runtime_epoch,
            None if row.checkpoint is None else _encode_checkpoint(row.checkpoint),
            row.created,
            row.updated,
        ),
    )


def _set_checkpoint(connection: sqlite3.Connection, notebook_id: str, checkpoint: Checkpoint, updated: float) -> None:
    done = connection.execute(
        "UPDATE notebooks SET checkpoint = ?, updated = ? WHERE notebook_id = ?",
        (_encode_checkpoint(checkpoint), updated, notebook_id),
    )
    if done.rowcount == 0:
        raise StorageError(f"notebook {notebook_id} is not in the index.", "Open the notebook again.")


def _row(values: tuple[str, str | None, int, bytes | None, float, float]) -> NotebookRow:
    notebook_id, path, runtime_epoch, checkpoint, created, updated = values
    try:
        decoded = None if checkpoint is None else _decode_checkpoint(checkpoint)
    except msgspec.DecodeError as error:
        raise damaged(f"index row of notebook {notebook_id}") from error
    return NotebookRow(notebook_id, path, runtime_epoch, decoded, created, updated)


def _check_size(value: bytes, key: DocKey) -> None:
    if len(value) > LARGEST_VALUE:
        raise StorageError(
            f"{len(value)} bytes for the {key} at once; the store takes {LARGEST_VALUE}.",
            "Keep large contents as blobs and refer to them.",
        )


def _is_text(value: str) -> bool:
    """Whether SQLite can keep it: not so for a file name that is no Unicode, which Python spells with surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_text(value: str, what: str) -> None:
    if not _is_text(value):
        raise StorageError(f"the {what} is not valid Unicode: {value!r}.", "Rename the file.")
