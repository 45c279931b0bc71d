"""A notebook as a batch would make it: what was read, and over it what the batch says. Nothing is written anywhere.

A Draft reads as a NotebookDoc does and takes a batch's operations one by one; it refuses what a NotebookDoc refuses,
and then nothing has changed. It costs what the batch says, where a fork's first write costs the document (15 ms for
1,000 cells: a new writer is entered into every column of it). It merges nothing: what others write meanwhile is not in
it. Owns what differs from what was read, which nobody may write to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from notebook_doc.cell_order import place_for
from notebook_doc.cells import Cell, check_cell_type
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
from notebook_doc.errors import BadEdit, UnknownCell
from notebook_doc.json_values import Json
from notebook_doc.notebook import NotebookDoc
from notebook_doc.plain import plain, well_formed


class CellsOfNotebook(Protocol):
    """What a notebook and a draft of it can both be asked."""

    def __len__(self) -> int: ...

    def __contains__(self, cell_id: object) -> bool: ...

    def cell_ids(self) -> list[str]:
        """The ids of all cells, in order."""

    def cell(self, cell_id: str) -> Cell:
        """Everything of a cell. Raises UnknownCell."""

    def source(self, cell_id: str) -> str:
        """A cell's source. Raises UnknownCell."""

    def cell_type(self, cell_id: str) -> str:
        """A cell's type. Raises UnknownCell."""

    def position(self, cell_id: str) -> str:
        """A cell's fractional index. Raises UnknownCell."""

    def metadata(self) -> dict[str, Json]:
        """The notebook's metadata."""


class Draft:
    """See the module."""

    def __init__(self, read: NotebookDoc) -> None:
        self._read = read
        self._order = read.order()
        self._cells: dict[str, Cell | None] = {}  # that differ; None: deleted
        self._metadata: dict[str, Json] | None = None

    # --- reading ------------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, cell_id: object) -> bool:
        return self._cells[cell_id] is not None if cell_id in self._cells else cell_id in self._read

    def cell_ids(self) -> list[str]:
        """The ids of all cells, in order."""
        return self._order.cell_ids()

    def cell(self, cell_id: str) -> Cell:
        """Everything of a cell. Raises UnknownCell."""
        if cell_id not in self._cells:
            return self._read.cell(cell_id)
        cell = self._cells[cell_id]
        if cell is None:
            raise UnknownCell(cell_id)
        return cell

    def source(self, cell_id: str) -> str:
        """A cell's source. Raises UnknownCell."""
        return self.cell(cell_id).source if cell_id in self._cells else self._read.source(cell_id)

    def cell_type(self, cell_id: str) -> str:
        """A cell's type. Raises UnknownCell."""
        return self.cell(cell_id).cell_type if cell_id in self._cells else self._read.cell_type(cell_id)

    def position(self, cell_id: str) -> str:
        """A cell's fractional index. Raises UnknownCell."""
        return self.cell(cell_id).position if cell_id in self._cells else self._read.position(cell_id)

    def metadata(self) -> dict[str, Json]:
        """The notebook's metadata."""
        return self._read.metadata() if self._metadata is None else dict(self._metadata)

    # --- writing ------------------------------------------------------------------------------------------------------

    def apply(self, operations: Sequence[Operation]) -> None:
        """Carry out a batch, whole or not at all. Raises BadEdit, UnknownCell."""
        before = self._order.copy(), dict(self._cells), self._metadata
        try:
            for operation in operations:
                self._apply(operation)
        except BaseException:
            self._order, self._cells, self._metadata = before
            raise

    def _apply(self, operation: Operation) -> None:
        match operation:
            case Create():
                self._create(operation)
            case SetSource(cell_id, source):
                self._put(replace(self.cell(cell_id), source=well_formed(source)))
            case SetType(cell_id, cell_type):
                check_cell_type(cell_type)
                self._put(replace(self.cell(cell_id), cell_type=cell_type))
            case SetMetadata(cell_id, metadata):
                self._put(replace(self.cell(cell_id), metadata=plain(metadata)))
            case SetAttachments(cell_id, attachments):
                self._put(replace(self.cell(cell_id), attachments=plain(attachments)))
            case SetNotebookMetadata(metadata):
                self._metadata = plain(metadata)
            case Move(cell_id, after, before, None):
                self._move(cell_id, after, before)
            case Move(cell_id, position=str(position)):
                self._place(cell_id, position)
            case Delete(cell_id):
                self._order.remove(self.position(cell_id), cell_id)
                self._cells[cell_id] = None
            case unknown:
                raise BadEdit(f"{unknown!r} is no operation on a notebook.")

    def _create(self, wanted: Create) -> None:
        check_cell_type(wanted.cell_type)
        if wanted.cell_id in self:
            raise BadEdit(f"there is a cell {wanted.cell_id!r} already.", "Leave the id out to get a fresh one.")
        position = wanted.position
        if position is None:
            position = self._room(wanted.after, wanted.before)
        self._cells[wanted.cell_id] = Cell(
            wanted.cell_id,
            wanted.cell_type,
            position,
            well_formed(wanted.source),
            plain(wanted.metadata or {}),
            plain(wanted.attachments),
        )
        self._order.add(position, wanted.cell_id)

    def _move(self, cell_id: str, after: str | None, before: str | None) -> None:
        position = self.position(cell_id)
        if cell_id in (after, before):
            return
        self._order.remove(position, cell_id)
        try:
            wanted = self._room(after, before)
        finally:
            self._order.add(position, cell_id)
        self._place(cell_id, wanted)

    def _room(self, after: str | None, before: str | None) -> str:
        """A position after or before a cell, once there is room for it."""
        placement = place_for(self._order, self.position, after, before)
        for cell_id, position in placement.others:
            self._place(cell_id, position)
        return placement.position

    def _place(self, cell_id: str, position: str) -> None:
        cell = self.cell(cell_id)
        self._order.remove(cell.position, cell_id)
        self._order.add(position, cell_id)
        self._put(replace(cell, position=position))

    def _put(self, cell: Cell) -> None:
        self._cells[cell.id] = cell
