"""A change of the notebook's history, taken back as a new edit.

The history has every batch as one change. `take_back` finds what that change did to each cell, by reading the notebook
before and after it, and makes the inverse: deleted cells come back under their ids and where they stood, sources get
their text back character by character, and what others did since stays. It costs the history, once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from notebook_doc.batch import Check, Reading, Undone, undo_to
from notebook_doc.edits import Create, Delete, Move, Operation, SetMetadata, SetNotebookMetadata, SetSource, SetType
from notebook_doc.errors import BadEdit, UnknownHeads
from notebook_doc.history.past import PastNotebook
from notebook_doc.notebook import Cell, NotebookDoc
from notebook_doc.replica import RecordedChange, actor_of, author_key, author_key_of


def take_back(notebook: NotebookDoc, change_hash: bytes, check: Check) -> Undone:
    """Undo one change. Raises UnknownHeads if it is not in the history, BadEdit if it was taken back already, and what
    `check` raises for the result."""
    changes = notebook.replica.recorded_since(())
    found = [change for change in changes if change.hash == change_hash]
    if not found:
        raise UnknownHeads(f"there is no change {change_hash.hex()} in this notebook.", "List its history again.")
    if _undoers_of(change_hash) in {author_key(change.actor) for change in changes}:
        raise BadEdit(f"the change {change_hash.hex()[:16]} was taken back already.", "Nothing is left to do.")
    return _take_back(notebook, found[0], check)


def take_back_latest(notebook: NotebookDoc, changes: Sequence[RecordedChange], check: Check) -> Undone | None:
    """Undo the latest of these changes (oldest first) that was not taken back yet and changed a cell or the metadata;
    None if there is none."""
    undoers = {author_key(change.actor) for change in notebook.replica.recorded_since(())}
    for change in reversed(changes):
        if _undoers_of(change.hash) not in undoers and any(_inverse(*_around(notebook, change))):
            return _take_back(notebook, change, check)
    return None


def _take_back(notebook: NotebookDoc, change: RecordedChange, check: Check) -> Undone:
    reading = Reading(NotebookDoc(notebook.replica.fork_at((change.hash,), _undoer(change.hash))), (change.hash,))
    attempt = NotebookDoc(notebook.replica.fork(_undoer(change.hash)))
    undone = undo_to(attempt, reading, list(_inverse(*_around(notebook, change))), check)
    notebook.replica.merge(attempt.replica)
    return undone


def _around(notebook: NotebookDoc, change: RecordedChange) -> tuple[PastNotebook, PastNotebook]:
    return PastNotebook(notebook, change.deps), PastNotebook(notebook, (change.hash,))


def _undoers_of(change_hash: bytes) -> bytes:
    """What the actors begin with that take this change back: by that it is known to be taken back."""
    return author_key_of(f"undo {change_hash.hex()}")


def _undoer(change_hash: bytes) -> bytes:
    return actor_of(f"undo {change_hash.hex()}")


def _inverse(before: PastNotebook, after: PastNotebook) -> Iterator[Operation]:
    """What makes `before` of `after`."""
    for cell in before.cells():
        if cell.id not in after:
            yield Create(
                cell.id,
                cell.source,
                cell.cell_type,
                metadata=cell.metadata,
                attachments=cell.attachments,
                position=cell.position,
            )
        else:
            yield from _back(cell, after.cell(cell.id))
    if before.metadata() != after.metadata():
        yield SetNotebookMetadata(before.metadata())
    for cell_id in after.cell_ids():
        if cell_id not in before:
            yield Delete(cell_id)


def _back(old: Cell, new: Cell) -> Iterator[Operation]:
    if old.source != new.source:
        yield SetSource(old.id, old.source)
    if old.cell_type != new.cell_type:
        yield SetType(old.id, old.cell_type)
    if old.metadata != new.metadata:
        yield SetMetadata(old.id, old.metadata)
    if old.position != new.position:
        yield Move(old.id, position=old.position)
