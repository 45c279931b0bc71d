"""Editing a notebook: one change at a time, on a fork in many steps, or as a batch made to what was read.

Editing is the part of a Notebook that writes its NotebookDoc. Nothing here waits: an edit is in the local replica when
the call returns, and is sent at the end of the turn. A role that may only read is refused (NotAllowed).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from clients.peer.errors import NotAllowed
from clients.peer.part import Part
from clients.peer.session import EDITORS
from notebook_doc.batch import Check, Committed, Reading, commit
from notebook_doc.edits import Operation
from notebook_doc.errors import BadEdit
from notebook_doc.notebook import NotebookDoc
from notebook_doc.policy import AgentsMayNot, broken_rule
from notebook_doc.replica import author_key
from relay.messages import PeerInfo

if TYPE_CHECKING:
    from notebook_doc.taking_back import Undone


def _nothing(_: NotebookDoc) -> None:
    """No check."""


class Editing(Part):
    """See the module."""

    _authors: dict[bytes, PeerInfo]  # everyone who was here, by what their actors begin with
    _reading: Reading | None = None  # the latest: what has not changed since is not copied again

    @contextmanager
    def edit(self) -> Iterator[None]:
        """Everything inside becomes one change, applied whole or not at all. Do not await inside.

        Raises NotAllowed for a role that may only read.
        """
        self._check_may_edit()
        with self.doc.edit():
            yield
        self.touch()

    def fork(self) -> NotebookDoc:
        """A copy of the document as it is now, to be edited in as many steps as it takes and then given to `merge`.

        What others write meanwhile stays. Raises NotAllowed for a role that may only read.
        """
        self._check_may_edit()
        return self._session.notebook.fork()

    @contextmanager
    def on(self, draft: NotebookDoc) -> Iterator[None]:
        """Inside, this notebook and its cells read and edit `draft`, made by `fork`. Do not await inside."""
        self._draft, outer = draft, self._draft
        try:
            yield
        finally:
            self._draft = outer

    def merge(self, draft: NotebookDoc) -> None:
        """Take in what was edited on a fork."""
        self._check_may_edit()
        self._session.notebook.replica.merge(draft.replica)
        self.touch()

    def _check_may_edit(self) -> None:
        self._check_alive()
        if self.role not in EDITORS:
            message = f"You are in notebook {self.id} as {self.role} and may not edit it."
            raise NotAllowed(message, "Open it with role='editor'.")

    def read(self) -> Reading:
        """What the notebook says now, kept to be edited later with `commit`, however much others write meanwhile."""
        notebook = self._session.notebook
        if self._reading is None or self._reading.heads != notebook.replica.heads():
            self._reading = Reading.of(notebook)
        return self._reading

    def commit(self, reading: Reading, operations: Sequence[Operation], check: Check = _nothing) -> Committed:
        """Apply a batch that was made to what was read: merged with what others did since, whole or not at all.

        `check` may raise for the merged notebook. Raises what it raises, CellDeletedMeanwhile, CellEditedMeanwhile,
        UnknownCell, BadEdit, and NotAllowed for a role that may only read.
        """
        self._check_may_edit()
        committed = commit(self._session.notebook, reading, operations, check)
        self._reading = committed.after
        self.touch()
        return committed

    def undo(self, batch: Committed, check: Check = _nothing) -> Undone:
        """The inverse of a batch as a new edit: what it deleted comes back, what others did since stays. Costs the
        history; raises BadEdit if nothing is left to undo, as of a batch that wrote nothing."""
        if batch.change is None:
            raise BadEdit("the batch has changed nothing.", "There is nothing to undo.")
        return self.take_back(batch.change, check)

    def take_back(self, change: bytes, check: Check = _nothing) -> Undone:
        """Undo one change of the history, by its hash, as a new edit. Costs the history; raises UnknownHeads, and
        AgentsMayNot if this is an agent's peer and people want to be asked for what it would do."""
        from notebook_doc.taking_back import take_back

        def checked(undone: NotebookDoc) -> None:
            self._refuse_agents(undone, "Ask somebody to undo it.")
            check(undone)

        self._check_may_edit()
        undone = take_back(self._session.notebook, change, checked)
        self.touch()
        return undone

    def _refuse_agents(self, wanted: NotebookDoc, hint: str) -> None:
        """Raises AgentsMayNot if this is an agent's peer, and what was done on a fork is for people to do."""
        before = self._session.notebook
        broken = broken_rule(before, wanted, wanted.take_events()) if self._session.peer.kind == "agent" else None
        if broken is not None:
            raise AgentsMayNot(broken.rule, broken.message, hint)

    def author(self, actor: bytes) -> PeerInfo | None:
        """The peer that writes under this actor, if it has been here since this notebook was opened."""
        return self._authors.get(author_key(actor))
