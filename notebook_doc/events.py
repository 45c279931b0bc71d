"""What happened to a document, in its own words: the closed union that `NotebookDoc` and `RuntimeDoc` report.

Events say what to look at again, never what the new value is: read that from the document, which may be further on.
Several changes to one thing between two readings make one event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CellField = Literal["cell_type", "position", "source", "metadata", "attachments"]


@dataclass(frozen=True, slots=True)
class CellAdded:
    """A cell is there that was not."""

    cell_id: str


@dataclass(frozen=True, slots=True)
class CellRemoved:
    """A cell is gone."""

    cell_id: str


@dataclass(frozen=True, slots=True)
class CellChanged:
    """Something of a cell changed: which fields."""

    cell_id: str
    fields: frozenset[CellField]


@dataclass(frozen=True, slots=True)
class MetadataChanged:
    """The notebook's metadata changed: which top-level keys."""

    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class CommentsChanged:
    """Something was said about a cell, or resolved: in which threads."""

    thread_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class ProposalChanged:
    """A proposal was made or decided."""

    proposal_id: str


@dataclass(frozen=True, slots=True)
class ExecutionChanged:
    """An execution was recorded, moved on, or has new output."""

    execution_id: str
    outputs: bool  # whether its outputs changed
    status: bool  # whether anything else of it changed


@dataclass(frozen=True, slots=True)
class PromptChanged:
    """An execution asks for input, or no longer does."""

    execution_id: str


@dataclass(frozen=True, slots=True)
class LatestChanged:
    """Another execution is now the one whose outputs a cell shows."""

    cell_id: str


@dataclass(frozen=True, slots=True)
class KernelChanged:
    """The kernel's state changed."""


@dataclass(frozen=True, slots=True)
class QueueChanged:
    """The order of waiting executions changed."""


@dataclass(frozen=True, slots=True)
class DataflowChanged:
    """Something else is true of these cells' dataflow (fresh, stale, problems …); of none if only the mode changed."""

    cell_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class EnvironmentChanged:
    """The environment, what may be installed into it, or the modules that were missing changed."""


@dataclass(frozen=True, slots=True)
class CommOpened:
    """The kernel has a comm (a widget) that was not there."""

    comm_id: str


@dataclass(frozen=True, slots=True)
class CommChanged:
    """A widget's state changed: which keys; "outputs" for what an Output widget captured."""

    comm_id: str
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class CommClosed:
    """A comm is gone."""

    comm_id: str


@dataclass(frozen=True, slots=True)
class Reset:
    """Too much happened to name it, or another document took this one's place: read everything again."""


NotebookEvent = CellAdded | CellRemoved | CellChanged | MetadataChanged | CommentsChanged | ProposalChanged | Reset
CommEvent = CommOpened | CommChanged | CommClosed
RuntimeEvent = (
    ExecutionChanged
    | PromptChanged
    | LatestChanged
    | KernelChanged
    | QueueChanged
    | DataflowChanged
    | EnvironmentChanged
    | CommEvent
    | Reset
)
Event = NotebookEvent | RuntimeEvent
