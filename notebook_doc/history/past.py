"""The notebook as it was at some heads: its cells in order and its metadata, to be read.

A PastNotebook reads the replica's own history and stays as it is, whatever is written later. It costs what reading the
notebook costs; each cell is read when it is first asked for. It cannot be edited: `restore` makes new edits of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import cast

from notebook_doc.cell_order import CellOrder, readable
from notebook_doc.cells import Cell, read_cell
from notebook_doc.errors import UnknownCell
from notebook_doc.json_values import Json
from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import ROOT, ObjectId


class PastNotebook:
    """See the module. Raises UnknownHeads for heads that the replica does not contain.

    `like` is the same notebook at other heads, and `touched` are the cells that the changes between the two touched:
    then those are looked at, and the others are the very cells that it has read.
    """

    def __init__(
        self,
        notebook: NotebookDoc,
        heads: Iterable[bytes],
        like: PastNotebook | None = None,
        touched: Collection[str] = (),
    ) -> None:
        self.view = notebook.replica.at(heads)
        self.heads = self.view.heads
        cells = self.view.child(ROOT, "cells")
        if like is None:
            found = [] if cells is None else self.view.objects_in(cells)
            objects = [(cell_id, obj) for cell_id, obj in found if cell_id is not None]
        else:
            here = [(cell_id, None if cells is None else self.view.child(cells, cell_id)) for cell_id in touched]
            objects = [(cell_id, obj) for cell_id, obj in here if obj is not None]
        self._objects = dict(objects)
        self._positions = {cell_id: readable(self.view.string(obj, "position")) for cell_id, obj in objects}
        self._read: dict[str, Cell] = {}
        if like is not None:
            self._objects |= {cell_id: obj for cell_id, obj in like._objects.items() if cell_id not in touched}
            self._positions |= {cell_id: at for cell_id, at in like._positions.items() if cell_id not in touched}
            self._read |= {cell_id: cell for cell_id, cell in like._read.items() if cell_id not in touched}
        self._ids = CellOrder((at, cell_id) for cell_id, at in self._positions.items()).cell_ids()

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
