"""The seam between the hub and wherever documents are kept.

A store keeps three things: for each document an optional snapshot and the chunks appended after it, an index of
notebooks, and who wrote what of them when. It knows nothing of Automerge: chunks and snapshots are bytes, returned as
they were given, in order. It is small on purpose, so that a server's database can implement it as well as the SQLite
file does (`sqlite_store`).

What every implementation promises:

1. `append`, `note_spans`, `replace_with_snapshot`, `begin_epoch` and the index's writes return only after the disk
   has them; a crash at any instant after that loses nothing, and a crash before it leaves each of them done whole or
   not at all.
2. Appends to one document are kept in the order in which they began, whether or not the caller awaited each.
3. A write that was accepted happens even if the task that awaits it is cancelled.
4. A write that raises is not known to be on disk. Later writes may succeed, so whoever appends a chunk that
   needs an earlier one appends the one that failed again first; appending a change twice is harmless to Automerge.

Everything raises `StorageError` (see `sync_server.errors`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sync_server.attribution import StoredSpan

DocumentKind = Literal["notebook", "runtime"]


@dataclass(frozen=True, slots=True)
class DocKey:
    """Which document: one of the two of a notebook, and which fresh start of it (always 0 for the notebook's own)."""

    notebook_id: str
    doc: DocumentKind
    epoch: int = 0

    def __str__(self) -> str:
        return f"{self.doc} document of notebook {self.notebook_id}, epoch {self.epoch}"


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """What is on disk of one document: the snapshot, if there is one, and the chunks after it in append order."""

    snapshot: bytes | None
    changes: list[bytes]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The file as the hub last wrote or read it: the base against which an edit from outside is merged.

    `file_sha256` is lower-case hex; `heads` and `runtime_heads` are the change hashes (32 bytes each) that the file
    holds; `mtime_ns` and `size` tell cheaply that a file was not touched. `announced_…` are of a file that the hub is
    about to put in its place: after a crash, a file of that hash is the hub's own and not somebody's edit.
    """

    file_sha256: str
    heads: list[bytes]
    mtime_ns: int
    size: int
    announced_sha256: str = ""
    announced_heads: list[bytes] = field(default_factory=list)
    runtime_heads: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class NotebookRow:
    """A notebook in the index. `path` is None for one that has no file; times are seconds since the epoch, UTC."""

    notebook_id: str
    path: str | None
    runtime_epoch: int
    checkpoint: Checkpoint | None
    created: float
    updated: float


class DocumentStore(Protocol):
    """See the module's docstring for what all of these promise."""

    async def load(self, key: DocKey) -> StoredDocument | None:
        """Everything acknowledged of this document, or None if there is nothing."""

    async def append(self, key: DocKey, changes: Sequence[bytes]) -> None:
        """Keep these chunks after those already there. Concurrent appends share a commit; no chunks, no write."""

    async def replace_with_snapshot(self, key: DocKey, snapshot: bytes, covers: int) -> None:
        """Put `snapshot` in the place of the present one and of the first `covers` chunks that `load` would return now.

        Chunks after those stay. Raises StorageError, changing nothing, if there are fewer than `covers`.
        """

    async def begin_epoch(self, key: DocKey, snapshot: bytes) -> None:
        """Keep a fresh start of a document, forget its other epochs, and make it the one that the index names: all of
        it or nothing. Raises StorageError if the notebook is not in the index.
        """

    async def note_spans(self, notebook_id: str, spans: Sequence[StoredSpan]) -> None:
        """Keep who wrote what when; one of the same actor and number takes the place of the earlier one. `owner` is not
        kept but found again, by the actor, among all senders that were ever noted."""

    async def spans(self, notebook_id: str, since: float) -> list[StoredSpan]:
        """What was noted of a notebook at this time (seconds since 1970) or later, oldest first."""

    async def notebooks(self) -> list[NotebookRow]:
        """The whole index, oldest first."""

    async def notebook(self, notebook_id: str) -> NotebookRow | None:
        """The notebook of this id."""

    async def find(self, path: str) -> NotebookRow | None:
        """The notebook whose file is at this path (compared as the string it was put with)."""

    async def put_notebook(self, row: NotebookRow) -> None:
        """Add or replace the row of this id. Raises PathTaken if another notebook has its path."""

    async def set_checkpoint(self, notebook_id: str, checkpoint: Checkpoint, updated: float) -> None:
        """Record what the file now holds. Raises StorageError if the notebook is not in the index."""

    async def close(self) -> None:
        """Finish what was accepted, then let go of the disk. Afterwards everything raises StorageClosed. Idempotent."""
