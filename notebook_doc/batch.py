"""Edits relative to what was read, applied as one change or not at all.

Somebody reads a notebook, thinks for half a minute, and writes. A `Reading` keeps what was read (a cheap fork); a batch
of operations is applied to that and merged with what others did meanwhile, so that what they typed, moved and inserted
stays, character by character. `commit` refuses a batch, and then leaves nothing behind, when it changes a cell that
somebody deleted, deletes one that somebody wrote in, or when the merged notebook fails the caller's `check`. New and
moved cells go next to where their neighbours are now. Its result says what was merged and by
which hash it can be taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

from notebook_doc.cells import CellType
from notebook_doc.draft import Draft
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
from notebook_doc.errors import BadEdit, CellDeletedMeanwhile, CellEditedMeanwhile, UnknownCell
from notebook_doc.events import CellAdded, CellChanged, CellRemoved
from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import Heads

# --- what was read, and what came of it -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reading:
    """A notebook as somebody read it. `notebook` is a fork that nobody writes to."""

    notebook: NotebookDoc
    heads: Heads

    @classmethod
    def of(cls, notebook: NotebookDoc) -> Reading:
        """What the notebook says at this moment."""
        return cls(notebook.fork(), notebook.replica.heads())


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What others did to one cell between the reading and the commit. `actors` are who, as the document knows them."""

    cell_id: str
    what: Literal["added", "changed", "deleted"]
    fields: frozenset[str] = frozenset()  # of a changed one: source, position, metadata, cell_type, attachments
    actors: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Committed:
    """A batch that was applied. `meanwhile` is what it was merged with; `heads` contain it."""

    created: tuple[str, ...]
    edited: tuple[str, ...]
    moved: tuple[str, ...]
    deleted: tuple[str, ...]
    already_deleted: tuple[str, ...]  # the batch wanted them deleted, and somebody was faster
    meanwhile: tuple[Meanwhile, ...]
    heads: Heads
    after: Reading
    change: bytes | None  # its hash, by which it can be taken back; None if there was nothing to write

    @property
    def shared(self) -> tuple[Meanwhile, ...]:
        """Of `meanwhile`, the cells that the batch edited as well: their text holds both."""
        return tuple(one for one in self.meanwhile if one.cell_id in self.edited)


Check = Callable[[NotebookDoc], None]  # raises what is wrong with a notebook


def apply(operations: Sequence[Operation], notebook: NotebookDoc) -> None:
    """Carry out a batch on a notebook as it is, as one change. Raises BadEdit, UnknownCell, and nothing has changed."""
    with notebook.edit():
        for operation in operations:
            _apply(operation, notebook)


def commit(notebook: NotebookDoc, reading: Reading, operations: Sequence[Operation], check: Check) -> Committed:
    """Apply a batch, made to what was read, to the notebook as it is now. Awaits nothing and is whole or not at all.

    Raises CellDeletedMeanwhile, CellEditedMeanwhile, UnknownCell and BadEdit, and what `check` raises for the merged
    notebook.
    """
    as_read = notebook.replica.heads() == reading.heads
    before = reading.notebook if as_read else notebook.fork()
    meanwhile = changed_meanwhile(notebook, reading)
    wanted = tuple(operations)
    operations = _settled(wanted, before, meanwhile)
    if not as_read:
        work, heads = _fork_to_write(reading, notebook), reading.heads
        apply(where_they_are(operations, before), work)
        merged = notebook.fork()
        merged.replica.merge(work.replica)
        check(merged)
        written = work.replica.heads() != heads
        (change,) = work.replica.heads() if written else (None,)
        if written:
            notebook.replica.merge(work.replica)
    else:
        with notebook.edit():
            for operation in operations:
                _apply(operation, notebook)
            check(notebook)
        heads = notebook.replica.heads()
        (change,) = heads if heads != reading.heads else (None,)
    return _committed(wanted, operations, before, notebook, meanwhile, change)


def _fork_to_write(reading: Reading, notebook: NotebookDoc) -> NotebookDoc:
    """A fork of what was read, to be written once and merged into the notebook at once.

    It writes as the notebook does, if that has written nothing since: it is then the next change of the same actor. An
    actor of its own would cost the document at every replica (15 ms for 1,000 cells), and stay in it for ever.
    """
    actor = notebook.replica.actor
    return reading.notebook.fork(None if notebook.replica.own_changes_since(reading.heads) else actor)


def changed_meanwhile(notebook: NotebookDoc, reading: Reading) -> tuple[Meanwhile, ...]:
    """What others did since the reading, cell by cell, in the order of their ids."""
    if notebook.replica.heads() == reading.heads:
        return ()
    follower = reading.notebook.fork()
    follower.replica.merge(notebook.replica)
    writers = notebook.writers_since(reading.heads)
    found: list[Meanwhile] = []
    for event in follower.take_events():
        match event:
            case CellAdded(cell_id):
                found.append(Meanwhile(cell_id, "added", actors=frozenset(writers.get(cell_id, ()))))
            case CellChanged(cell_id, fields):
                found.append(Meanwhile(cell_id, "changed", frozenset(fields), frozenset(writers.get(cell_id, ()))))
            case CellRemoved(cell_id):
                found.append(Meanwhile(cell_id, "deleted", actors=frozenset(writers.get(cell_id, ()))))
            case _:
                pass
    return tuple(sorted(found, key=lambda one: one.cell_id))


def _settled(operations: Sequence[Operation], now: NotebookDoc, meanwhile: Sequence[Meanwhile]) -> list[Operation]:
    """The operations that are still to be done. Raises for those that would undo what somebody did meanwhile."""
    by_cell = {one.cell_id: one for one in meanwhile}
    own = {operation.cell_id for operation in operations if isinstance(operation, Create)}
    settled: list[Operation] = []
    for operation in operations:
        if isinstance(operation, Create | SetNotebookMetadata) or operation.cell_id in own:
            settled.append(operation)
            continue
        if operation.cell_id in now:
            if isinstance(operation, Delete) and not operation.despite_edits:
                other = by_cell.get(operation.cell_id)
                if other is not None and other.fields & {"source", "attachments", "metadata"}:
                    raise CellEditedMeanwhile(operation.cell_id, other.actors)
            settled.append(operation)
        elif not isinstance(operation, Delete):
            other = by_cell.get(operation.cell_id)
            if other is None:
                raise UnknownCell(operation.cell_id)
            raise CellDeletedMeanwhile(operation.cell_id, other.actors)
    return settled


def where_they_are(operations: Sequence[Operation], now: NotebookDoc) -> list[Operation]:
    """The same with neighbours replaced by positions: a cell goes next to where its neighbour is now, not where it was
    when it was read. A neighbour that is gone leaves its place."""
    plan = Draft(now)
    placed: list[Operation] = []
    for operation in operations:
        if isinstance(operation, Create | Move) and operation.position is None:
            gone = {name for name in (operation.after, operation.before) if name is not None and name not in plan}
            if gone:
                placed.append(operation)
                continue
            plan.apply([operation])
            placed.append(replace(operation, after=None, before=None, position=plan.position(operation.cell_id)))
        else:
            placed.append(operation)
            if not isinstance(operation, SetNotebookMetadata) and operation.cell_id in plan:
                plan.apply([operation])
    return placed


def _apply(operation: Operation, notebook: NotebookDoc) -> None:
    match operation:
        case Create():
            notebook.add_cell(
                operation.source,
                cast(CellType, operation.cell_type),
                after=operation.after,
                before=operation.before,
                cell_id=operation.cell_id,
                metadata=operation.metadata,
                position=operation.position,
            )
            if operation.attachments is not None:
                notebook.set_attachments(operation.cell_id, operation.attachments)
        case SetSource(cell_id, source):
            notebook.set_source(cell_id, source)
        case SetType(cell_id, cell_type):
            notebook.set_cell_type(cell_id, cast(CellType, cell_type))
        case SetMetadata(cell_id, metadata):
            notebook.set_cell_metadata(cell_id, metadata)
        case SetAttachments(cell_id, attachments):
            notebook.set_attachments(cell_id, attachments)
        case SetNotebookMetadata(metadata):
            notebook.set_metadata(metadata)
        case Move(cell_id, after, before, None):
            notebook.move_cell(cell_id, after=after, before=before)
        case Move(cell_id, position=str(position)):
            notebook.place_cell(cell_id, position)
        case Delete(cell_id):
            notebook.delete_cell(cell_id)
        case unknown:
            raise BadEdit(f"{unknown!r} is no operation on a notebook.")


# --- what came of it --------------------------------------------------------------------------------------------------


def _committed(
    wanted: Sequence[Operation],
    operations: Sequence[Operation],
    before: NotebookDoc,
    notebook: NotebookDoc,
    meanwhile: tuple[Meanwhile, ...],
    change: bytes | None,
) -> Committed:
    created = [one.cell_id for one in operations if isinstance(one, Create) and one.cell_id in notebook]
    deleted = [one.cell_id for one in operations if isinstance(one, Delete) and one.cell_id in before]
    changing = (SetSource, SetType, SetMetadata, SetAttachments)
    edited = [one.cell_id for one in operations if isinstance(one, changing) and one.cell_id in before]
    moved = [one.cell_id for one in operations if isinstance(one, Move) and one.cell_id in before]
    gone = [one.cell_id for one in wanted if isinstance(one, Delete) and one not in operations]
    return Committed(
        created=tuple(created),
        edited=tuple(dict.fromkeys(edited)),
        moved=tuple(dict.fromkeys(moved)),
        deleted=tuple(deleted),
        already_deleted=tuple(gone),
        meanwhile=meanwhile,
        heads=notebook.replica.heads(),
        after=Reading.of(notebook),
        change=change,
    )
