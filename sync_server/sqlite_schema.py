"""The SQLite file: its tables, how it is opened, and what its errors mean.

`PRAGMA application_id` says that the file is ours and `PRAGMA user_version` how many of `MIGRATIONS` it has seen; those
it lacks are one transaction. A file of another program or of a later version is refused, never touched. Connections are
opened with WAL and `synchronous=FULL`: a COMMIT that returned is on the disk.

A row of `changes` holds all chunks that one commit brought for one document: a MessagePack list of byte strings with
its CRC-32. SQLite's transactions guard against torn writes; the CRC is there because SQLite does not notice a page that
rots at rest, and a damaged row should be named here and not surface as a parse error far away.
"""

from __future__ import annotations

import shutil
import sqlite3
import zlib
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

from sync_server.errors import (
    StorageBusy,
    StorageDamaged,
    StorageError,
    StorageFull,
    StorageReadOnly,
    StorageTooNew,
)

DATABASE_NAME: Final = "hub.sqlite3"
APPLICATION_ID: Final = 0x51554952  # "QUIR"
BUSY_TIMEOUT_S: Final = 5.0  # a backup tool may hold the write lock for a moment; longer is a fault to report
WAL_SIZE_LIMIT: Final = 16 * 1024 * 1024  # bytes the log keeps after a checkpoint: some 4 of SQLite's automatic ones
_NO_SPACE_BYTES: Final = 64 * 1024  # an I/O error with less than this free is a full disk under another name

MIGRATIONS: Final[Sequence[Sequence[str]]] = (
    (
        """CREATE TABLE notebooks (
            notebook_id TEXT PRIMARY KEY NOT NULL,
            path TEXT UNIQUE,
            runtime_epoch INTEGER NOT NULL,
            checkpoint BLOB,                     -- MessagePack of Checkpoint, or NULL
            created REAL NOT NULL,
            updated REAL NOT NULL
        )""",
        """CREATE TABLE documents (
            document INTEGER PRIMARY KEY,
            notebook_id TEXT NOT NULL,
            doc TEXT NOT NULL,
            epoch INTEGER NOT NULL,
            snapshot BLOB,
            snapshot_crc INTEGER,
            UNIQUE (notebook_id, doc, epoch)
        )""",
        """CREATE TABLE changes (
            seq INTEGER PRIMARY KEY,             -- grows with every append to a document; gaps mean nothing
            document INTEGER NOT NULL REFERENCES documents,
            chunks INTEGER NOT NULL,             -- how many are in body
            body BLOB NOT NULL,
            crc INTEGER NOT NULL
        )""",
        "CREATE INDEX changes_of_document ON changes (document, seq)",
    ),
    (
        """CREATE TABLE authors (
            author INTEGER PRIMARY KEY,          -- the highest of a key is the newest name
            key BLOB NOT NULL,                   -- what all its actors begin with
            peer_id TEXT NOT NULL,
            name TEXT NOT NULL,
            kind TEXT NOT NULL,
            UNIQUE (peer_id, name, kind)
        )""",
        "CREATE INDEX authors_by_key ON authors (key, author)",
        """CREATE TABLE spans (
            notebook_id TEXT NOT NULL,
            actor BLOB NOT NULL,
            from_seq INTEGER NOT NULL,
            sender INTEGER REFERENCES authors,   -- NULL: nobody knows
            time REAL NOT NULL,
            brought INTEGER NOT NULL,
            PRIMARY KEY (notebook_id, actor, from_seq)
        ) WITHOUT ROWID""",
    ),
)

_decode_chunks = msgspec.msgpack.Decoder(list[bytes]).decode
_encode_chunks = msgspec.msgpack.Encoder().encode


def pack_chunks(chunks: Sequence[bytes]) -> tuple[bytes, int]:
    """The body of a row and its CRC."""
    body = _encode_chunks(chunks)
    return body, zlib.crc32(body)


def unpack_chunks(body: bytes, crc: int, what: object) -> list[bytes]:
    """The chunks of a row. Raises StorageDamaged, naming `what`."""
    check_crc(body, crc, what)
    try:
        return _decode_chunks(body)
    except msgspec.DecodeError as error:
        raise damaged(what) from error


def check_crc(body: bytes, crc: int, what: object) -> None:
    """Raise StorageDamaged, naming `what`, unless these are the bytes that were written."""
    if zlib.crc32(body) != crc:
        raise damaged(what)


def damaged(what: object) -> StorageDamaged:
    """The error for stored bytes that are not what was written."""
    return StorageDamaged(
        f"the {what} is damaged on disk: its stored bytes are not what was written.",
        "Restore the state folder from a backup; the notebook's file is untouched.",
    )


def _check_ours(connection: sqlite3.Connection, path: Path) -> None:
    """Raise before anything is changed in a file that is another program's or a later version's."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (application or version or tables):
        raise StorageDamaged(f"{path} is a database of another program.", "Start the hub with another state folder.")
    if version > len(MIGRATIONS):
        raise StorageTooNew(
            f"{path} has version {version}; this hub knows versions up to {len(MIGRATIONS)}.",
            "Update Quire, or start this hub with another state folder.",
        )


def connect(path: Path, busy_timeout: float = BUSY_TIMEOUT_S) -> sqlite3.Connection:
    """A connection with our settings, in autocommit mode. Creates the file if it is missing.

    Raises StorageTooNew, StorageDamaged (not a database, or another program's) or another StorageError. Any one thread
    at a time may use the connection; `busy_timeout` (seconds) is how long it waits for another program's lock.
    """
    try:
        connection = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise translated(error, path) from error
    try:
        _check_ours(connection, path)
        (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA fullfsync=ON")  # macOS: fsync alone stops at the drive's cache
        connection.execute(f"PRAGMA journal_size_limit={WAL_SIZE_LIMIT}")
        connection.execute("PRAGMA foreign_keys=ON")
    except sqlite3.Error as error:
        connection.close()
        raise translated(error, path) from error
    except StorageError:
        connection.close()
        raise
    if mode != "wal":
        connection.close()
        raise StorageError(
            f"the database {path} cannot use a write-ahead log (it stays in mode {mode!r}).",
            "Put the state folder on a local disk; network file systems do not support it.",
        )
    return connection


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file to the present version. Raises StorageError; then nothing was changed."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version < len(MIGRATIONS):
            for statement in chain.from_iterable(MIGRATIONS[version:]):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise translated(error, path) from error


def translated(error: Exception, path: Path) -> StorageError:
    """Our error for one of SQLite's, with what to do about it.

    Result codes: https://www.sqlite.org/rescode.html; the low byte is the primary code.
    """
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    said = f"{error} ({name})"
    if primary == sqlite3.SQLITE_FULL or (primary == sqlite3.SQLITE_IOERR and _disk_is_full(path)):
        return StorageFull(
            f"there is no space on the disk for the database {path}: {said}.",
            "Free some space; changes that were not acknowledged are sent again.",
        )
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return StorageReadOnly(
            f"the database {path} may not be written: {said}.", "Give this user the right to write the state folder."
        )
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StorageBusy(
            f"another program holds the database {path} locked: {said}.",
            "Close the program that has it open (a backup, a database browser).",
        )
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StorageDamaged(
            f"{path} is not a database or is damaged: {said}.",
            "Restore the state folder from a backup, or move it aside and start again; notebook files are untouched.",
        )
    if primary == sqlite3.SQLITE_CANTOPEN:
        return StorageError(
            f"the database {path} cannot be opened: {said}.", "Check that its folder exists and may be written."
        )
    return StorageError(f"the database {path} failed: {said}.", "Check the disk; see the hub's log for more.")


def _disk_is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _NO_SPACE_BYTES
    except OSError:
        return False
