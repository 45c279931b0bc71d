"""What an agent wants done, as data. Cells are named by id here; `planner` says what each means for the document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from notebook_doc.cells import CellType


@dataclass(frozen=True, slots=True)
class CreateCell:
    """A new cell after or before another, at the end if neither is named."""

    cell_id: str
    code: str
    cell_type: CellType = "code"
    after: str | None = None
    before: str | None = None
    name: str | None = None
    hide_code: bool = False


@dataclass(frozen=True, slots=True)
class EditCell:
    """Make a cell's source this."""

    cell_id: str
    code: str


@dataclass(frozen=True, slots=True)
class ReplaceText:
    """Replace a text that is in the cell exactly once (`every`: at least once)."""

    cell_id: str
    old: str
    new: str
    every: bool = False


@dataclass(frozen=True, slots=True)
class DeleteCell:
    """Delete a cell; refused if somebody writes in it meanwhile."""

    cell_id: str


@dataclass(frozen=True, slots=True)
class MoveCell:
    """Put a cell after or before another, at the end if neither is named."""

    cell_id: str
    after: str | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class ConfigureCell:
    """Change what a cell is called, how it is shown, or of which type it is; None leaves it as it is."""

    cell_id: str
    name: str | None = None
    hide_code: bool | None = None
    hide_output: bool | None = None
    cell_type: CellType | None = None
    tags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ConfigureNotebook:
    """Set keys of the notebook's metadata under `quire`; None takes a key away."""

    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunCell:
    """Run a cell once the batch is committed."""

    cell_id: str


@dataclass(frozen=True, slots=True)
class SetWidget:
    """Set traits of a widget of the kernel, after the runs."""

    comm_id: str
    traits: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChangePackages:
    """Add and remove packages that the notebook declares, before anything else is done."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Say:
    """Show people a line of text, and where to look."""

    text: str = ""
    cell_id: str | None = None


AgentOperation = (
    CreateCell
    | EditCell
    | ReplaceText
    | DeleteCell
    | MoveCell
    | ConfigureCell
    | ConfigureNotebook
    | RunCell
    | SetWidget
    | ChangePackages
    | Say
)
