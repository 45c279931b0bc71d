"""Errors of the documents.

    NotebookDocError               internal         what happened, to which notebook or cell, and what to do next
    ├── ReplicaError               internal         a replica refused bytes or an edit
    │   ├── CorruptDocument        storage          saved bytes that cannot be read as a document
    │   ├── ReplicaPanic           internal         the Automerge binding panicked inside a call
    │   ├── UnreadableValue        internal         a value of a kind that the binding cannot read
    │   ├── BadSyncMessage         bad_sync         bytes that are no sync message, or more than is let in
    │   ├── UnknownHeads           unknown_heads    heads that this replica has not seen
    │   └── WrongGenesis           wrong_genesis    a document of another notebook, or of another life of this one
    ├── SchemaTooNew               schema_version   a document written by a later Quire
    ├── UnknownCell                unknown_cell     there is no such cell (any more)
    ├── UnknownThread              unknown_thread   there is no such thread of comments (any more)
    ├── UnknownMoment              unknown_moment   no moment of the notebook's history is named so
    ├── UnknownProposal            unknown_proposal  no proposal of the notebook is named so
    ├── AgentsMayNot               agents_may_not   (in `policy`) the notebook's people want to be asked first
    ├── CellDeletedMeanwhile       deleted_meanwhile  a batch changes a cell that somebody deleted since it was read
    ├── CellEditedMeanwhile        edited_meanwhile   a batch deletes a cell that somebody wrote in since it was read
    ├── BadEdit                    bad_edit         an edit that makes no sense where it is applied
    └── NotANotebook               not_a_notebook   a file that cannot be read as .ipynb; says where it breaks

The second column is `code`, which travels over the wire as it is. Programs may branch on it; `message` and `hint` are
for people, and `str(error)` is both. This module knows nothing of the wire: the codes are plain strings here.
"""

from __future__ import annotations

from typing import ClassVar


class NotebookDocError(Exception):
    """What happened and to what (`message`), and what to do next (`hint`); `code` is the same for a whole class."""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".rstrip())
        self.message = message
        self.hint = hint


class ReplicaError(NotebookDocError):
    """A replica could not do what it was asked; its document is as it was before the call."""


class CorruptDocument(ReplicaError):
    """Saved bytes cannot be read as an Automerge document of this kind."""

    code: ClassVar[str] = "storage"


class ReplicaPanic(ReplicaError):
    """The Automerge binding panicked; the replica that raised this must be reloaded from what is on disk."""


class UnreadableValue(ReplicaError):
    """The binding panicked over one value, a counter that some other program wrote; the document stays usable."""


class BadSyncMessage(ReplicaError):
    """Bytes from a peer are no sync message, or carry more than a peer may send at once."""

    code: ClassVar[str] = "bad_sync"


class UnknownHeads(ReplicaError):
    """Heads were named that this replica does not contain; they may still arrive."""

    code: ClassVar[str] = "unknown_heads"


class WrongGenesis(ReplicaError):
    """Two documents do not begin with the same genesis change; merging them would mix two notebooks."""

    code: ClassVar[str] = "wrong_genesis"


class SchemaTooNew(NotebookDocError):
    """The document's `schema_version` is above the one this program knows."""

    code: ClassVar[str] = "schema_version"


class UnknownCell(NotebookDocError):
    """No cell of this id is in the document: it never was, has not arrived yet, or was deleted."""

    code: ClassVar[str] = "unknown_cell"

    def __init__(
        self, cell_id: str, message: str = "", hint: str = "List the cells again; it may have been deleted."
    ) -> None:
        super().__init__(message or f"there is no cell {cell_id!r} in this notebook.", hint)
        self.cell_id = cell_id


class UnknownThread(NotebookDocError):
    """No thread of comments of this id is in the document: it never was, has not arrived yet, or was deleted."""

    code: ClassVar[str] = "unknown_thread"

    def __init__(self, thread_id: str) -> None:
        super().__init__(f"there is no thread {thread_id!r} in this notebook.", "Look at its comments again.")
        self.thread_id = thread_id


class UnknownMoment(NotebookDocError):
    """A name that fits no moment of the notebook's history, or several."""

    code: ClassVar[str] = "unknown_moment"


class UnknownProposal(NotebookDocError):
    """No proposal of this id is in the document."""

    code: ClassVar[str] = "unknown_proposal"


class _Meanwhile(NotebookDocError):
    """What somebody did to a cell since it was read stands against a batch; nothing of the batch was applied.

    `actors` are who did, as the document knows them.
    """

    def __init__(self, message: str, hint: str, cell_id: str, actors: frozenset[bytes]) -> None:
        super().__init__(message, hint)
        self.cell_id = cell_id
        self.actors = actors


class CellDeletedMeanwhile(_Meanwhile):
    """A batch changes a cell that somebody deleted since it was read. It stays deleted."""

    code: ClassVar[str] = "deleted_meanwhile"

    def __init__(self, cell_id: str, actors: frozenset[bytes] = frozenset(), by: str = "somebody") -> None:
        message = f"cell {cell_id!r} was deleted by {by} after you read it, so nothing was changed."
        super().__init__(message, "Read the notebook again; create a new cell if it is still wanted.", cell_id, actors)


class CellEditedMeanwhile(_Meanwhile):
    """A batch deletes a cell that somebody wrote in since it was read. It stays as they left it."""

    code: ClassVar[str] = "edited_meanwhile"

    def __init__(self, cell_id: str, actors: frozenset[bytes] = frozenset(), by: str = "somebody") -> None:
        message = f"cell {cell_id!r} was edited by {by} after you read it, so it was not deleted."
        super().__init__(message, "Read it again, and delete it if that is still right.", cell_id, actors)


class BadEdit(NotebookDocError):
    """An edit that cannot be applied as it was asked: a splice past the end, an order that contradicts itself."""

    code: ClassVar[str] = "bad_edit"


class NotANotebook(NotebookDocError):
    """A file cannot be read as a notebook.

    `place` says where it breaks: "line 12, column 3" when the JSON does, a path such as "cells[3].outputs[0].data" when
    the JSON is well formed but no notebook, "" when it is the file as a whole.
    """

    code: ClassVar[str] = "not_a_notebook"

    def __init__(self, message: str, hint: str = "", *, place: str = "") -> None:
        super().__init__(f"at {place}: {message}" if place else message, hint)
        self.place = place
