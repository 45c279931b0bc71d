"""Bringing back what was, as a new edit: nothing is undone, something is written.

What is to be written is a batch (`notebook_doc.batch`) of no more than what differs: sources are spliced where they
differ, a cell that stands elsewhere gets its position, values are diffed into place. A cell that was deleted comes back
under its id, and so to its outputs and comments. Comments and named versions stay as they are. Being a batch it is one
change by whoever makes it, is merged with what others write meanwhile, and is undone as a batch is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from notebook_doc.batch import apply
from notebook_doc.cell_order import UNREADABLE
from notebook_doc.cells import Cell
from notebook_doc.edits import (
    Create,
    Delete,
    Move,
    Operation,
    SetAttachments,
    SetMetadata,
    SetNotebookMetadata,
    SetSource,
    SetType,
)
from notebook_doc.history.diff import Readable
from notebook_doc.history.past import PastNotebook
from notebook_doc.json_values import Json, same_scalar
from notebook_doc.notebook import NotebookDoc


class Past(Readable, Protocol):
    """A notebook as it was, cell by cell."""

    def cell(self, cell_id: str) -> Cell:
        """Raises UnknownCell."""


def restoring(now: Readable, past: Past, cells: Iterable[str] | None = None) -> list[Operation]:
    """What makes `now` what it was: these cells (they stay where they stand; those that are gone come back to where
    they stood), or all of it, with the order of the cells and the metadata. Raises UnknownCell if there was none."""
    here = {cell.id: cell for cell in now.cells()}
    if cells is not None:
        return [one for cell_id in dict.fromkeys(cells) for one in _cell(here.get(cell_id), past.cell(cell_id))]
    wanted = past.cells()
    names = {cell.id for cell in wanted}
    found: list[Operation] = [Delete(cell_id) for cell_id in here if cell_id not in names]
    for cell in wanted:
        found += _cell(here.get(cell.id), cell, move=True)
    if not _same(now.metadata(), past.metadata()):
        found.append(SetNotebookMetadata(past.metadata()))
    return found


def restore_cell(notebook: NotebookDoc, past: PastNotebook, cell_id: str) -> None:
    """Make one cell what it was. Raises UnknownCell if there was none."""
    apply(restoring(notebook, past, [cell_id]), notebook)


def restore_notebook(notebook: NotebookDoc, past: PastNotebook) -> None:
    """Make the notebook what it was: its cells, their order, its metadata."""
    apply(restoring(notebook, past), notebook)


def _cell(now: Cell | None, then: Cell, *, move: bool = False) -> list[Operation]:
    position = None if then.position == UNREADABLE else then.position
    if now is None:
        return [
            Create(
                then.id,
                then.source,
                then.cell_type,
                metadata=then.metadata,
                attachments=then.attachments,
                position=position,
            )
        ]
    found: list[Operation] = []
    if now.cell_type != then.cell_type:
        found.append(SetType(then.id, then.cell_type))
    if now.source != then.source:
        found.append(SetSource(then.id, then.source))
    if not _same(now.metadata, then.metadata):
        found.append(SetMetadata(then.id, then.metadata))
    if not _same(now.attachments, then.attachments):
        found.append(SetAttachments(then.id, then.attachments))
    if move and position is not None and now.position != position:
        found.append(Move(then.id, position=position))
    return found


def _same(one: dict[str, Json] | None, other: dict[str, Json] | None) -> bool:
    return same_scalar(one, other)
