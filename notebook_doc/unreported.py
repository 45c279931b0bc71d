"""What was touched in a notebook since its events were last taken, and the events that tell of it.

An Unreported knows the cells that whoever takes the events has heard of, so that a cell which came and went in between
is not mentioned, and one that came and was changed is added once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from notebook_doc.events import (
    CellAdded,
    CellChanged,
    CellField,
    CellRemoved,
    CommentsChanged,
    MetadataChanged,
    NotebookEvent,
    ProposalChanged,
    Reset,
)
from notebook_doc.shared_dict import SharedDict


class Unreported:
    """See the module. Add to `metadata` (keys), `threads` and `proposals` (ids) what was touched of them."""

    def __init__(self, known: SharedDict[str, Any]) -> None:
        self._known: SharedDict[str, Any] = known.copy()
        self._nothing()

    def cell(self, cell_id: str, fields: Iterable[CellField]) -> None:
        """These fields of a cell were touched, or it came, or went."""
        self._cells.setdefault(cell_id, set()).update(fields)

    def everything(self) -> None:
        """All may be different: whoever takes the events is told to read everything again."""
        self._reset = True

    def take(self, present: Collection[str]) -> list[NotebookEvent]:
        """The events since the last call, each thing once; `present` are the cells that there are."""
        events: list[NotebookEvent] = []
        if self._reset:
            events.append(Reset())
        else:
            told = (self._event(cell_id, fields, cell_id in present) for cell_id, fields in self._cells.items())
            events += [event for event in told if event is not None]
            if self.metadata:
                events.append(MetadataChanged(frozenset(self.metadata)))
            if self.threads:
                events.append(CommentsChanged(frozenset(self.threads)))
            events += [ProposalChanged(proposal_id) for proposal_id in sorted(self.proposals)]
        if self._reset:
            self._known = SharedDict(dict.fromkeys(present))
        for cell_id in self._cells:
            if cell_id in present:
                self._known[cell_id] = None
            else:
                self._known.pop(cell_id, None)
        self._nothing()
        return events

    def _nothing(self) -> None:
        self._cells: dict[str, set[CellField]] = {}
        self.metadata: set[str] = set()
        self.threads: set[str] = set()
        self.proposals: set[str] = set()
        self._reset = False

    def _event(self, cell_id: str, fields: set[CellField], is_there: bool) -> NotebookEvent | None:
        if is_there:
            return CellChanged(cell_id, frozenset(fields)) if cell_id in self._known else CellAdded(cell_id)
        return CellRemoved(cell_id) if cell_id in self._known else None
