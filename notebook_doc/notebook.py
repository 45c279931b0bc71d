"""NotebookDoc: what people and agents wrote. Cells in order, their sources, and the notebook's metadata.

A NotebookDoc is a view on a replica that it owns together with whoever syncs it; it keeps an index of cells (order,
object ids) that follows the replica at the cost of what changed. Every edit is one change, or part of the enclosing
`edit()`, applied whole or not at all. Edits name cells by id; a cell that is gone raises UnknownCell. It knows nothing
of files, peers or execution.

Invariants: a cell is ordered by (position, id); a move writes positions alone; source is edited by splices, never
replaced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, cast

from notebook_doc import comments
from notebook_doc.cell_order import UNREADABLE, CellOrder, place_for, readable
from notebook_doc.cells import UNKNOWN_TYPE, Cell, CellType, cell_values, check_cell_type, new_cell_id, read_cell
from notebook_doc.change_writer import ChangeWriter
from notebook_doc.document import Document
from notebook_doc.errors import BadEdit, CorruptDocument, UnknownCell
from notebook_doc.events import CellField, NotebookEvent
from notebook_doc.json_values import Json
from notebook_doc.object_index import ObjectIndex
from notebook_doc.plain import well_formed
from notebook_doc.replica import ROOT, Heads, ObjectId, Replica, Transaction
from notebook_doc.seed import give_birth, seed
from notebook_doc.shared_dict import SharedDict
from notebook_doc.text_diff import Splice, splices
from notebook_doc.touched import ROOT_KEY, ObjectKey
from notebook_doc.unreported import Unreported

DEFAULT_NBFORMAT_MINOR: Final = 5

_FIELDS: Final[frozenset[CellField]] = frozenset(("cell_type", "position", "source", "metadata", "attachments"))


@dataclass(frozen=True, slots=True)
class _Entry:
    """Frozen, so that forks share them."""

    obj: ObjectId
    source: ObjectId | None
    position: str


@cache
def notebook_seed() -> bytes:
    """The bytes with which every NotebookDoc begins."""

    def roots(transaction: Transaction) -> None:
        for name in ("cells", "metadata", "proposals", "comments", "versions"):
            transaction.make_map(ROOT, name)

    return seed(roots)


class NotebookDoc(Document):
    """The notebook as one replica has it."""

    def __init__(self, replica: Replica) -> None:
        super().__init__(replica)
        cells, metadata = replica.child(ROOT, "cells"), replica.child(ROOT, "metadata")
        proposals = replica.child(ROOT, "proposals")
        if cells is None or metadata is None or proposals is None:
            raise CorruptDocument("this NotebookDoc lacks its root maps.", "Restore it from a backup or its file.")
        self._cells, self._metadata, self._proposals = cells, metadata, proposals
        self._objects = ObjectIndex(replica)
        self._objects.place(ROOT, "cells", cells)
        self._objects.place(ROOT, "metadata", metadata)
        self._objects.place(ROOT, "proposals", proposals)
        for name in ("comments", "versions"):
            if (obj := replica.child(ROOT, name)) is not None:
                self._objects.place(ROOT, name, obj)
        self._entries: SharedDict[str, _Entry] = SharedDict()
        self._order = CellOrder()
        self._reindex()
        self._unreported = Unreported(self._entries)

    @classmethod
    def blank(cls, actor: bytes | None = None) -> NotebookDoc:
        """A replica that holds only the seed: where a peer starts that will receive the rest."""
        return cls(Replica.load(notebook_seed(), actor))

    @classmethod
    def create(cls, notebook_id: str) -> NotebookDoc:
        """A new notebook without cells."""

        def fill(writer: ChangeWriter, _: Mapping[str, ObjectKey]) -> None:
            writer.put_uint(ROOT_KEY, "nbformat_minor", DEFAULT_NBFORMAT_MINOR)

        return cls(give_birth(notebook_seed(), notebook_id, b"", fill))

    # --- identity -----------------------------------------------------------------------------------------------------

    @property
    def nbformat_minor(self) -> int:
        """The minor version of nbformat in which the notebook is saved."""
        minor = self.replica.scalar(ROOT, "nbformat_minor")
        return minor if isinstance(minor, int) else DEFAULT_NBFORMAT_MINOR

    def fork(self, actor: bytes | None = None) -> NotebookDoc:
        """An independent copy, to edit what was read and merge later; with an actor of its own unless one is given.

        Cheap, however many cells there are: the index is copied, not read again. The first write of an actor that is
        new costs the document.
        """
        self._refresh()
        fork = copy(self)
        fork.replica = self.replica.fork(actor)
        fork._objects = self._objects.for_fork(fork.replica)
        fork._entries = self._entries.copy()
        fork._order = self._order.copy()
        fork._unreported = Unreported(self._entries)
        return fork

    # --- reading ------------------------------------------------------------------------------------------------------

    def cell_ids(self) -> list[str]:
        """The ids of all cells, in order."""
        self._refresh()
        return self._order.cell_ids()

    def order(self) -> CellOrder:
        """A copy of the order of all cells, to see what an edit would do to it."""
        self._refresh()
        return self._order.copy()

    def __len__(self) -> int:
        self._refresh()
        return len(self._order)

    def __contains__(self, cell_id: object) -> bool:
        self._refresh()
        return cell_id in self._entries

    def cell(self, cell_id: str) -> Cell:
        """Everything of a cell. Raises UnknownCell."""
        return read_cell(self._view, cell_id, self._entry(cell_id).obj)

    def writers_since(self, heads: Heads) -> dict[str, set[bytes]]:
        """The cells that were written to, made or deleted since these heads, and the actors that did."""
        self._refresh()
        found: dict[str, set[bytes]] = {}
        for path, actors in self._objects.writers_since(heads).items():
            if len(path) > 1 and path[0] == "cells":
                found.setdefault(path[1], set()).update(actors)
        return found

    def cells(self) -> list[Cell]:
        """All cells, in order."""
        return [self.cell(cell_id) for cell_id in self.cell_ids()]

    def source_text(self, cell_id: str) -> ObjectId | None:
        """The Text that is a cell's source; None for a cell that a foreign program made without. Raises UnknownCell."""
        return self._entry(cell_id).source

    def source(self, cell_id: str) -> str:
        """A cell's source. Raises UnknownCell."""
        entry = self._entry(cell_id)
        return "" if entry.source is None else self._view.text(entry.source)

    def cell_type(self, cell_id: str) -> str:
        """ "code", "markdown" or "raw"; what a later version may add reads as it is written. Raises UnknownCell."""
        return self._view.string(self._entry(cell_id).obj, "cell_type") or UNKNOWN_TYPE

    def cell_metadata(self, cell_id: str) -> dict[str, Json]:
        """A cell's metadata, at a third of the cost of all of the cell. Raises UnknownCell."""
        found = self._view.child(self._entry(cell_id).obj, "metadata")
        return {} if found is None else cast(dict[str, Json], self._view.json(found))

    def position(self, cell_id: str) -> str:
        """A cell's fractional index. Raises UnknownCell."""
        return self._entry(cell_id).position

    def metadata(self) -> dict[str, Json]:
        """The notebook's metadata."""
        return cast(dict[str, Json], self._view.json(self._metadata))

    # --- editing ------------------------------------------------------------------------------------------------------

    def add_cell(
        self,
        source: str = "",
        cell_type: CellType = "code",
        *,
        after: str | None = None,
        before: str | None = None,
        cell_id: str | None = None,
        metadata: Mapping[str, Json] | None = None,
        position: str | None = None,
    ) -> str:
        """Insert a cell after or before another, at the end if neither is named; return its id. `position` is a
        fractional index that it had or was given elsewhere, instead of a neighbour.

        Raises UnknownCell for the neighbour, BadEdit for an id that is taken or an unknown cell type.
        """
        check_cell_type(cell_type)
        cell_id = new_cell_id() if cell_id is None else cell_id
        with self.edit():
            if cell_id in self._entries:
                raise BadEdit(f"there is a cell {cell_id!r} already.", "Leave the id out to get a fresh one.")
            position = self._place(after, before) if position is None else position
            return self._create(cell_id, cell_type, position, well_formed(source), metadata or {})

    def delete_cell(self, cell_id: str) -> None:
        """Remove a cell. Raises UnknownCell."""
        with self.edit():
            entry = self._entry(cell_id)
            self._tx.delete(self._cells, cell_id)
            del self._entries[cell_id]
            self._order.remove(entry.position, cell_id)

    def move_cell(self, cell_id: str, *, after: str | None = None, before: str | None = None) -> None:
        """Put a cell after or before another, at the end if neither is named. Raises UnknownCell."""
        with self.edit():
            entry = self._entry(cell_id)
            if cell_id in (after, before):
                return
            self._order.remove(entry.position, cell_id)
            try:
                position = self._place(after, before)
            finally:
                self._order.add(entry.position, cell_id)
            self._set_position(cell_id, position)

    def place_cell(self, cell_id: str, position: str) -> None:
        """Give a cell a fractional index that it had or was given elsewhere. Raises UnknownCell."""
        with self.edit():
            self._entry(cell_id)
            self._set_position(cell_id, position)

    def split_cell(self, cell_id: str, at: int) -> str:
        """Cut a cell's source at a code point; what follows becomes a new cell after it, whose id is returned.

        Raises UnknownCell, BadEdit outside the text.
        """
        with self.edit():
            source = self.source(cell_id)
            if not 0 <= at <= len(source):
                raise BadEdit(f"cell {cell_id!r} has {len(source)} characters and cannot be split at {at}.")
            self.splice_source(cell_id, at, len(source) - at, "")
            kind = cast(CellType, self.cell_type(cell_id))
            new_id = self.add_cell(source[at:], kind, after=cell_id, metadata=self.cell(cell_id).metadata)
            comments.split(self, cell_id, source, at, new_id)
            return new_id

    def merge_cells(self, cell_id: str, other_id: str, separator: str = "\n") -> None:
        """Append another cell's source to this one's and delete the other. Raises UnknownCell, BadEdit."""
        if cell_id == other_id:
            raise BadEdit(f"cell {cell_id!r} cannot be merged with itself.")
        with self.edit():
            source, other = self.source(cell_id), self.source(other_id)
            self.splice_source(cell_id, len(source), 0, separator + other if source and other else other)
            self.delete_cell(other_id)
            comments.merged(self, cell_id, other_id)

    def splice_source(self, cell_id: str, index: int, delete: int, insert: str) -> None:
        """Replace `delete` code points at `index` of a cell's source. Raises UnknownCell, BadEdit outside the text."""
        self._splice(cell_id, [Splice(index, delete, well_formed(insert))])

    def set_source(self, cell_id: str, source: str) -> None:
        """Make a cell's source this text by a minimal edit, so that what others type beside it survives."""
        with self.edit():
            self._splice(cell_id, splices(self.source(cell_id), well_formed(source)))

    def set_cell_type(self, cell_id: str, cell_type: CellType) -> None:
        """Change a cell's type. Raises UnknownCell, BadEdit."""
        check_cell_type(cell_type)
        with self.edit():
            self._tx.put(self._entry(cell_id).obj, "cell_type", cell_type)

    def set_cell_metadata(self, cell_id: str, metadata: Mapping[str, Json]) -> None:
        """Make a cell's metadata equal to this, writing only what differs. Raises UnknownCell."""
        with self.edit():
            self._tx.put_json(self._entry(cell_id).obj, "metadata", dict(metadata))

    def set_attachments(self, cell_id: str, attachments: Mapping[str, Json] | None) -> None:
        """Make a cell's attachments equal to this (file name -> MIME type -> content). Raises UnknownCell."""
        with self.edit():
            obj = self._entry(cell_id).obj
            if attachments is not None:
                self._tx.put_json(obj, "attachments", dict(attachments))
            elif self._tx.child(obj, "attachments") is not None:
                self._tx.delete(obj, "attachments")

    def put_cell(self, cell: Cell, *, move: bool) -> None:
        """Make a cell what `cell` says, writing only what differs; it is made if there is none of that id.

        With `move` it gets the position of `cell` too.
        """
        with self.edit():
            if cell.id not in self._entries:
                position = cell.position if cell.position != UNREADABLE else self._place(None, None)
                self._create(cell.id, cell.cell_type, position, cell.source, cell.metadata)
            else:
                self._tx.put(self._entry(cell.id).obj, "cell_type", cell.cell_type)
                self.set_source(cell.id, cell.source)
                self.set_cell_metadata(cell.id, cell.metadata)
                if move and cell.position != UNREADABLE:
                    self._set_position(cell.id, cell.position)
            self.set_attachments(cell.id, cell.attachments)

    def set_metadata(self, metadata: Mapping[str, Json]) -> None:
        """Make the notebook's metadata equal to this, writing only what differs."""
        with self.edit():
            self._tx.merge_json(self._metadata, dict(metadata))

    # --- proposals (what they mean: `proposals`) ----------------------------------------------------------------------

    def proposal_values(self) -> dict[str, Json]:
        """The proposals by their ids, as they are in the document."""
        return cast(dict[str, Json], self._view.json(self._proposals))

    def put_proposal(self, proposal_id: str, value: Json) -> None:
        """Make a proposal what `value` says, writing only what differs."""
        with self.edit():
            self._tx.put_json(self._proposals, proposal_id, value)

    # --- events -------------------------------------------------------------------------------------------------------

    def take_events(self) -> list[NotebookEvent]:
        """What happened since the last call, local edits included, each thing once."""
        self._refresh()
        return self._unreported.take(self._entries)

    # --- the index ----------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._refresh()

    def _undone(self) -> None:
        self._reindex()  # entries made inside are gone with the transaction

    def _entry(self, cell_id: str) -> _Entry:
        self._refresh()
        entry = self._entries.get(cell_id)
        if entry is None:
            raise UnknownCell(cell_id)
        return entry

    def _refresh(self) -> None:
        """Follow the replica: look again at the cells that were touched since the last time."""
        if self._transaction is not None or self._objects.current:
            return
        written: dict[str, set[CellField]] = {}
        for path in self._objects.changed_paths():
            match path:
                case ():
                    self._reindex()
                    self._unreported.everything()
                case ("cells", cell_id):
                    written.setdefault(cell_id, set()).update(_FIELDS)
                case ("cells", cell_id, field, *_):
                    written.setdefault(cell_id, set()).update(_FIELDS & {cast(CellField, field)})
                case ("metadata", key, *_):
                    self._unreported.metadata.add(key)
                case ("comments", thread_id, *_):
                    self._unreported.threads.add(thread_id)
                case ("proposals", proposal_id, *_):
                    self._unreported.proposals.add(proposal_id)
                case _:
                    pass  # notebook_id and the seed's own keys: nothing that an event names
        for cell_id, fields in written.items():
            self._look_again(cell_id, fields)

    def _look_again(self, cell_id: str, fields: set[CellField]) -> None:
        self._unreported.cell(cell_id, fields)
        if (known := self._entries.pop(cell_id, None)) is not None:
            self._order.remove(known.position, cell_id)
        if (obj := self.replica.child(self._cells, cell_id)) is not None:
            entry = self._entries[cell_id] = self._read_entry(cell_id, obj)
            self._order.add(entry.position, cell_id)

    def _reindex(self) -> None:
        self._objects.skip_to_now()
        objects = self.replica.objects_in(self._cells)
        entries = {cell_id: self._read_entry(cell_id, obj) for cell_id, obj in objects if cell_id is not None}
        self._entries = SharedDict(entries)
        self._order = CellOrder((entry.position, cell_id) for cell_id, entry in entries.items())

    def _read_entry(self, cell_id: str, obj: ObjectId) -> _Entry:
        source = self.replica.child(obj, "source")
        self._objects.place(self._cells, cell_id, obj)
        if source is not None:
            self._objects.place(obj, "source", source)
        return _Entry(obj, source, readable(self.replica.string(obj, "position")))

    # --- writing helpers, inside edit() -------------------------------------------------------------------------------

    def _create(self, cell_id: str, cell_type: str, position: str, source: str, metadata: Mapping[str, Json]) -> str:
        obj = self._tx.make_map(self._cells, cell_id)
        text = self._tx.make_text(obj, "source", source)
        self._tx.fill(obj, cell_values(cell_id, cell_type, position, metadata, None))
        self._entries[cell_id] = _Entry(obj, text, position)
        self._order.add(position, cell_id)
        return cell_id

    def _splice(self, cell_id: str, edits: Sequence[Splice]) -> None:
        with self.edit():
            entry = self._entry(cell_id)
            if entry.source is None:
                text = self._tx.make_text(entry.obj, "source")
                self._entries[cell_id] = replace(entry, source=text)
            else:
                text = entry.source
            self._tx.splice(text, edits)

    def _set_position(self, cell_id: str, position: str) -> None:
        entry = self._entries[cell_id]
        if entry.position != position:
            self._tx.put(entry.obj, "position", position)
            self._order.remove(entry.position, cell_id)
            self._entries[cell_id] = replace(entry, position=position)
            self._order.add(position, cell_id)

    def _place(self, after: str | None, before: str | None) -> str:
        """A position for a cell that goes after or before another, once there is room for it."""
        placement = place_for(self._order, lambda cell_id: self._entry(cell_id).position, after, before)
        for cell_id, position in placement.others:
            self._set_position(cell_id, position)
        return placement.position
