"""The notebook as it was at some heads: its cells in order and its metadata, to be read.

A PastNotebook reads the replica's own history and stays as it is, whatever is written later. It costs what reading the
notebook costs; each cell is read when it is first asked for. It cannot be edited: `restore` makes new edits of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from notebook_doc.cell_order import CellOrder, readable
from notebook_doc.cells import Cell, read_cell
from notebook_doc.errors import UnknownCell
from notebook_doc.json_values import Json
from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import ROOT, ObjectId


class PastNotebook:
    """See the module. Raises UnknownHeads for heads that the replica does not contain."""

    def __init__(self, notebook: NotebookDoc, heads: Iterable[bytes]) -> None:
        self.view = notebook.replica.at(heads)
        self.heads = self.view.heads
        cells = self.view.child(ROOT, "cells")
        objects = [] if cells is None else self.view.objects_in(cells)
        self._objects = {cell_id: obj for cell_id, obj in objects if cell_id is not None}
        order = CellOrder(
            (readable(self.view.string(obj, "position")), cell_id) for cell_id, obj in self._objects.items()
        )
        self._ids = order.cell_ids()
        self._read: dict[str, Cell] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, cell_id: object) -> bool:
        return cell_id in self._objects

    def cell_ids(self) -> list[str]:
        """The ids of the cells there were, in order."""
        return list(self._ids)

    def cell(self, cell_id: str) -> Cell:
        """A cell as it was. Raises UnknownCell if there was none."""
        if cell_id not in self._read:
            self._read[cell_id] = read_cell(self.view, cell_id, self.object_of(cell_id))
        return self._read[cell_id]

    def cells(self) -> list[Cell]:
        """All cells as they were, in order."""
        return [self.cell(cell_id) for cell_id in self._ids]

    def metadata(self) -> dict[str, Json]:
        """The notebook's metadata as it was."""
        obj = self.view.child(ROOT, "metadata")
        return {} if obj is None else cast("dict[str, Json]", self.view.json(obj))

    def object_of(self, cell_id: str) -> ObjectId:
        """The cell's object. Raises UnknownCell."""
        if (obj := self._objects.get(cell_id)) is None:
            message = f"there was no cell {cell_id!r} in the notebook at that moment."
            raise UnknownCell(cell_id, message, "Look for a moment when there was: `history` lists them.")
        return obj
