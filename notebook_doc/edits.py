"""What a batch may want of a notebook: the closed union of operations, as data. They name cells by id. Pure values."""

from __future__ import annotations

from dataclasses import dataclass

from notebook_doc.json_values import Json


@dataclass(frozen=True, slots=True)
class Create:
    """A new cell after or before another, at the end if neither is named; or at a `position`, as an undo makes it."""

    cell_id: str
    source: str
    cell_type: str = "code"
    after: str | None = None
    before: str | None = None
    metadata: dict[str, Json] | None = None
    attachments: dict[str, Json] | None = None
    position: str | None = None


@dataclass(frozen=True, slots=True)
class SetSource:
    """Make a cell's source this: the difference to what was read is what is written."""

    cell_id: str
    source: str


@dataclass(frozen=True, slots=True)
class SetType:
    """Make a cell code, markdown or raw."""

    cell_id: str
    cell_type: str


@dataclass(frozen=True, slots=True)
class SetMetadata:
    """Make a cell's metadata equal to this; keys that are the same as in what was read are not written."""

    cell_id: str
    metadata: dict[str, Json]


@dataclass(frozen=True, slots=True)
class SetAttachments:
    """The same for its attachments; None takes them away."""

    cell_id: str
    attachments: dict[str, Json] | None


@dataclass(frozen=True, slots=True)
class SetNotebookMetadata:
    """The same for the notebook's."""

    metadata: dict[str, Json]


@dataclass(frozen=True, slots=True)
class Move:
    """Put a cell after or before another, at the end if neither is named; or at a `position`, as an undo does."""

    cell_id: str
    after: str | None = None
    before: str | None = None
    position: str | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a cell. Refused if somebody wrote in it meanwhile, unless `despite_edits`."""

    cell_id: str
    despite_edits: bool = False


Operation = Create | SetSource | SetType | SetMetadata | SetAttachments | SetNotebookMetadata | Move | Delete
