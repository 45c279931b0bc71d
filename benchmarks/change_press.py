"""Automerge changes at the cost of a hash: one typed character each, on whatever its author has seen.

A Press learns from the notebook, once and with the binding, what the change "insert one character at the beginning of
this cell" looks like; pressing a change then fills in author, number and dependencies and computes the hash. So the
load generator can type for hundreds of peers in one process, each change building on what its peer had received, as
real ones do, while the server under test gets exactly the bytes of real changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from itertools import count
from typing import Final

from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import Replica
from notebook_doc.sync_message import CHUNK_MAGIC, Reader, change_body, uleb

_CHANGE: Final = b"\x01"
# Characters typed into one cell before going on to the next: texts stay as short as people's cells are.
_RUN: Final = 40


class Press:
    """What all authors of one notebook share. The operation counter is one Lamport clock for all of them."""

    def __init__(self, snapshot: bytes) -> None:
        notebook = NotebookDoc(Replica.load(snapshot))
        self.heads = notebook.replica.heads()
        self._tails = [_tail(notebook, cell_id) for cell_id in notebook.cell_ids()]
        # Above every operation of the snapshot: a document has fewer operations than bytes, times what runs save.
        self._counter = count(1_000_000)

    def change(self, actor: bytes, seq: int, deps: Iterable[bytes], cell: int) -> tuple[bytes, bytes]:
        """(hash, chunk) of a change in which `actor` types one character into a cell."""
        tail = self._tails[(cell + seq // _RUN) % len(self._tails)]
        sorted_deps = sorted(deps)
        body = b"".join(
            (uleb(len(sorted_deps)), *sorted_deps, uleb(len(actor)), actor, uleb(seq), uleb(next(self._counter)), tail)
        )
        hashed = b"".join((_CHANGE, uleb(len(body)), body))
        digest = sha256(hashed).digest()
        return digest, b"".join((CHUNK_MAGIC, digest[:4], hashed))


def _tail(notebook: NotebookDoc, cell_id: str) -> bytes:
    """What follows the operation counter in such a change: it is the same for every author and every time."""
    fork = notebook.fork()
    heads = fork.replica.heads()
    fork.splice_source(cell_id, 0, 0, "x")
    (chunk,) = fork.replica.changes_since(heads)
    reader = Reader(change_body(chunk))
    reader.hashes()
    reader.take(reader.uleb())
    reader.uleb()
    reader.uleb()
    return reader.data[reader.position :]
