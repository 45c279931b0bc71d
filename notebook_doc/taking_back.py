"""A change of the notebook's history, taken back as a new edit.

The history has every batch as one change. `take_back` finds what that change did to each cell, by reading the notebook
before and after it, and makes the inverse: deleted cells come back under their ids and where they stood, sources get
their text back character by character, and what others did since stays. It costs the history, once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from notebook_doc.batch import (
    Check,
    Create,
    Delete,
    Move,
    Operation,
    Reading,
    SetMetadata,
    SetNotebookMetadata,
    SetSource,
    SetType,
    Undone,
    undo_to,
)
from notebook_doc.errors import UnknownHeads
from notebook_doc.history.past import PastNotebook
from notebook_doc.notebook import Cell, NotebookDoc
from notebook_doc.replica import RecordedChange


def take_back(notebook: NotebookDoc, change_hash: bytes, check: Check) -> Undone:
    """Undo one change. Raises UnknownHeads if it is not in the history, and what `check` raises for the result."""
    return _take_back(notebook, _change(notebook, change_hash), check)


def take_back_latest(notebook: NotebookDoc, changes: Sequence[RecordedChange], check: Check) -> Undone | None:
    """Undo the latest of these changes (oldest first) of which anything is left; None if of none there is."""
    for change in reversed(changes):
        attempt = notebook.fork()
        heads = attempt.replica.heads()
        _take_back(attempt, change, check)
        if attempt.replica.heads() != heads:
            return _take_back(notebook, change, check)
    return None


def _take_back(notebook: NotebookDoc, change: RecordedChange, check: Check) -> Undone:
    before, after = PastNotebook(notebook, change.deps), PastNotebook(notebook, (change.hash,))
    reading = Reading(
        NotebookDoc(notebook.replica.fork_at((change.hash,), notebook.replica.fork().actor)), (change.hash,)
    )
    return undo_to(notebook, reading, list(_inverse(before, after)), check)


def _change(notebook: NotebookDoc, change_hash: bytes) -> RecordedChange:
    for change in notebook.replica.recorded_since(()):
        if change.hash == change_hash:
            return change
    raise UnknownHeads(f"there is no change {change_hash.hex()} in this notebook.", "List its history again.")


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
