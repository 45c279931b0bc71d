"""What is wrong with a cell or between cells, where, and which edit would mend it.

A Problem names the cells it is about and a range in one of them, counted in code points of that cell's source. A Fix is
data, not advice: a list of edits that `apply_fix` carries out on a NotebookDoc, as one change. This module decides
nothing; the analyzers and the graph do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from notebook_doc.errors import BadEdit
from notebook_doc.notebook import NotebookDoc

ProblemCode = Literal["syntax_error", "star_import", "multiply_defined", "cycle", "setup_reads_others"]


@dataclass(frozen=True, slots=True)
class Range:
    """From the code point `start` up to `end` of a source."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ReplaceText:
    """Replace a range, which says `old` now, of a cell's source."""

    cell_id: str
    range: Range
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class DeleteCell:
    """Delete a cell."""

    cell_id: str


@dataclass(frozen=True, slots=True)
class MergeCells:
    """Append the other cells' sources to the first cell's, in this order, and delete them."""

    cell_ids: tuple[str, ...]


FixEdit = ReplaceText | DeleteCell | MergeCells


@dataclass(frozen=True, slots=True)
class Fix:
    """One way to mend a problem: what it does, for people, and the edits that do it."""

    title: str
    edits: tuple[FixEdit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with a cell: for programs (`code`), for people (`message`), where (`range`), and what mends it.

    `names` are the variables it is about, `cells` every cell that is involved, in notebook order.
    """

    code: ProblemCode
    message: str
    range: Range | None = None
    names: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()


def apply_fix(doc: NotebookDoc, fix: Fix) -> None:
    """Carry out a fix as one change. Raises UnknownCell, and BadEdit if the source is not what it was made for."""
    with doc.edit():
        replaced = [edit for edit in fix.edits if isinstance(edit, ReplaceText)]
        for one in sorted(replaced, key=lambda one: -one.range.start):  # from behind, so that ranges stay right
            start, end = one.range.start, one.range.end
            if doc.source(one.cell_id)[start:end] != one.old:
                message = f"cell {one.cell_id!r} was edited meanwhile: there is no {one.old!r} at {start} any more."
                raise BadEdit(message, "Look at the problem again; its fix is made anew.")
            doc.splice_source(one.cell_id, start, end - start, one.new)
        for edit in fix.edits:
            if isinstance(edit, DeleteCell):
                doc.delete_cell(edit.cell_id)
            elif isinstance(edit, MergeCells):
                _merge(doc, edit.cell_ids)


def _merge(doc: NotebookDoc, cell_ids: Sequence[str]) -> None:
    first, *others = cell_ids
    for other in others:
        doc.merge_cells(first, other)
