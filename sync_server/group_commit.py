"""The one thread that writes to SQLite, and how many waiting writes become one commit.

Whoever writes puts a job into a queue on the event loop and awaits its future. The thread takes everything that has
queued up while it was busy, carries it out in order as one transaction, and tells the loop once, after COMMIT: under
load a commit is shared by hundreds of appends, and a lone one waits for nobody. Appends to one document in one commit
become one row, because each SQLite statement lets go of the interpreter lock and must win it back from a busy loop.

Promises: those of `sync_server.store`. A group that fails is rolled back and all its jobs raise; the next group is
tried on its own. The queue is bounded in bytes; beyond that `append` waits, first come first served.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from sync_server.errors import StorageClosed, StorageError
from sync_server.sqlite_schema import pack_chunks, translated
from sync_server.store import DocKey

log = logging.getLogger(__name__)
T = TypeVar("T")

QUEUE_BYTES: Final = 64 * 1024 * 1024  # what may wait for the disk: the largest frame there is
ROW_BYTES: Final = 4 * 1024 * 1024  # chunks of one commit share a row up to this; a later split copies the row
JOB_OVERHEAD: Final = 256  # bytes a job costs beside its chunks, so that empty ones are bounded too


@dataclass(frozen=True, slots=True)
class CommitReport:
    """One transaction, for metrics. `seconds` is what it took, to its COMMIT; `failed` says that it was rolled back."""

    appends: int
    chunks: int
    size: int
    seconds: float
    failed: bool


@dataclass(slots=True, eq=False)
class _Append:
    key: DocKey
    changes: Sequence[bytes]
    size: int
    future: asyncio.Future[Any]


@dataclass(slots=True, eq=False)
class _Work:
    """`work` may raise StorageError, but only before it has written: then the job alone fails, not its group."""

    work: Callable[[sqlite3.Connection], Any]
    size: int
    future: asyncio.Future[Any]
    result: Any = None
    refusal: StorageError | None = None


_Job = _Append | _Work


@dataclass(slots=True)
class _Group:
    """What one commit carries; `error` is set if it could not be committed, `last` if the thread ends after it."""

    jobs: list[_Job] = field(default_factory=list)
    error: StorageError | None = None
    seconds: float = 0.0
    last: bool = False


class GroupWriter:
    """Owns the write connection and its thread.

    Its methods belong to the event loop that is running when it is made. The thread owns the connection and the cache
    of document numbers; the loop owns everything else.
    """

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        reconnect: Callable[[], sqlite3.Connection],
        observe: Callable[[CommitReport], None],
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        """Start the thread.

        It takes over `connection` to the database at `path`, and makes another with `reconnect` (which raises
        StorageError) if that one breaks. `observe` is called on the loop. At most
        `queue_bytes` wait for the disk.
        """
        self._path = path
        self._connection: sqlite3.Connection | None = connection
        self._reconnect = reconnect
        self._documents: dict[DocKey, int] = {}
        self._observe = observe
        self._most_bytes = queue_bytes
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()  # None ends the thread; bounded by _queued_bytes
        self._queued_bytes = 0
        self._space = asyncio.Event()
        self._gate = asyncio.Lock()  # first come, first served, also when waiting for space
        self._closing = False
        self._ended = self._loop.create_future()
        # A daemon thread: a program that forgot to close the store must not hang at exit; what was acknowledged is on
        # disk.
        self._thread = threading.Thread(target=self._serve, name="quire-store-writer", daemon=True)
        self._thread.start()

    # --- on the loop ------------------------------------------------------------------------------------------------

    async def append(self, key: DocKey, changes: Sequence[bytes]) -> None:
        """Return when the chunks are on disk. Raises StorageError. What else is promised: `sync_server.store`."""
        if changes:
            size = JOB_OVERHEAD + sum(map(len, changes))
            await self._submit(_Append(key, changes, size, self._loop.create_future()))

    async def run(self, work: Callable[[sqlite3.Connection], T], size: int = 0) -> T:
        """Carry out `work` in the next transaction, in its turn; return what it returned once that is on disk.

        `work` runs on the thread and may raise StorageError as long as it has not written anything; `size` is what it
        will write.
        """
        result: T = await self._submit(_Work(work, JOB_OVERHEAD + size, self._loop.create_future()))
        return result

    async def close(self) -> None:
        """Commit what was accepted, end the thread, close the connection. Idempotent."""
        if not self._closing:
            self._closing = True
            self._space.set()
            self._queue.put(None)
        await asyncio.shield(self._ended)

    async def _submit(self, job: _Job) -> Any:
        async with self._gate:
            while self._queued_bytes and self._queued_bytes + job.size > self._most_bytes and not self._closing:
                self._space.clear()
                await self._space.wait()
            if self._closing:
                raise StorageClosed("the document store is closed; nothing more is written.", "Reconnect to the hub.")
            self._queued_bytes += job.size
            self._queue.put(job)
        return await job.future

    def _resolve(self, group: _Group) -> None:
        """After the commit, or after its failure: tell everyone who waits. One call per group."""
        if group.last:
            self._closing = True
            while not self._queue.empty():  # only after the thread has failed
                if (left := self._queue.get_nowait()) is not None:
                    group.jobs.append(left)
            if not self._ended.done():
                self._ended.set_result(None)
        for job in group.jobs:
            self._queued_bytes -= job.size
            error = group.error or (job.refusal if isinstance(job, _Work) else None)
            if (
                job.future.done()
            ):  # who awaited it was cancelled: the write counts nevertheless, and its loss is not silent
                if error is not None:
                    log.error("a write that nobody awaited any more failed: %s", error)
            elif error is not None:
                job.future.set_exception(error)
            else:
                job.future.set_result(job.result if isinstance(job, _Work) else None)
        self._space.set()
        appends = [job for job in group.jobs if isinstance(job, _Append)]
        if group.jobs:
            self._observe(
                CommitReport(
                    appends=len(appends),
                    chunks=sum(len(job.changes) for job in appends),
                    size=sum(job.size for job in group.jobs) - JOB_OVERHEAD * len(group.jobs),
                    seconds=group.seconds,
                    failed=group.error is not None,
                )
            )

    # --- on the thread ----------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        last = False
        while not last:
            group = self._next_group()
            last = group.last
            began = time.perf_counter()
            try:
                self._commit(group.jobs)
            except StorageError as error:
                group.error = error
            except (
                BaseException
            ) as error:  # a bug of ours, and the thread's end: nobody may wait for ever because of it
                log.exception("the thread that writes %s failed", self._path)
                group.error = StorageError(f"the writer of {self._path} failed: {error!r}.", "Restart the hub.")
                group.last = last = True
            group.seconds = time.perf_counter() - began
            if last:
                self._disconnect()
            self._tell(group)

    def _tell(self, group: _Group) -> None:
        try:
            self._loop.call_soon_threadsafe(self._resolve, group)
        except RuntimeError:  # the loop is closed: whoever waited is gone
            log.warning("the event loop ended before the document store was closed")

    def _next_group(self) -> _Group:
        group = _Group()
        job = self._queue.get()
        try:
            while job is not None:
                group.jobs.append(job)
                job = self._queue.get_nowait()
            group.last = True
        except Empty:
            pass
        return group

    def _commit(self, jobs: Sequence[_Job]) -> None:
        """Carry out the jobs as one transaction, or raise StorageError and leave the database as it was."""
        if not jobs:
            return
        try:
            if self._connection is None:
                self._connection = self._reconnect()
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            gathered: dict[DocKey, list[bytes]] = {}
            for job in jobs:
                if isinstance(job, _Append):
                    gathered.setdefault(job.key, []).extend(job.changes)
                    continue
                self._insert(connection, gathered)
                gathered.clear()
                try:
                    job.result = job.work(connection)
                except StorageError as refusal:
                    job.refusal = refusal
                self._documents.clear()  # the work may have removed documents
            self._insert(connection, gathered)
            connection.execute("COMMIT")
        except (sqlite3.Error, OverflowError) as error:
            self._roll_back()
            raise translated(error, self._path) from error
        except BaseException:
            self._roll_back()
            raise

    def _insert(self, connection: sqlite3.Connection, gathered: dict[DocKey, list[bytes]]) -> None:
        for key, chunks in gathered.items():
            document = self._documents.get(key)
            if document is None:
                document = self._documents[key] = document_number(connection, key)
            for row in _rows(chunks):
                connection.execute(
                    "INSERT INTO changes (document, chunks, body, crc) VALUES (?, ?, ?, ?)",
                    (document, len(row), *pack_chunks(row)),
                )

    def _roll_back(self) -> None:
        """Leave no transaction open. A connection that cannot roll back is dropped; the next group opens another."""
        self._documents.clear()
        connection = self._connection
        if connection is None or not connection.in_transaction:
            return
        try:
            connection.execute("ROLLBACK")
        except sqlite3.Error:
            log.exception("could not roll back in %s; opening it anew", self._path)
            self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.close()
        except sqlite3.Error:
            log.exception("could not close %s cleanly; what was acknowledged is in its log", self._path)


def document_number(connection: sqlite3.Connection, key: DocKey) -> int:
    """The row number of a document, which is made if there is none. To be called inside a write transaction."""
    name = (key.notebook_id, key.doc, key.epoch)
    found = connection.execute(
        "SELECT document FROM documents WHERE notebook_id = ? AND doc = ? AND epoch = ?", name
    ).fetchone()
    if found is not None:
        return int(found[0])
    made = connection.execute("INSERT INTO documents (notebook_id, doc, epoch) VALUES (?, ?, ?)", name)
    assert made.lastrowid is not None  # it was an INSERT
    return made.lastrowid


def _rows(chunks: list[bytes]) -> list[list[bytes]]:
    """Cut chunks into rows of at most ROW_BYTES; a larger chunk has a row to itself."""
    rows: list[list[bytes]] = []
    room = 0
    for chunk in chunks:
        if not rows or len(chunk) > room:
            rows.append([])
            room = ROW_BYTES
        rows[-1].append(chunk)
        room -= len(chunk)
    return rows
