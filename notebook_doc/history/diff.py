"""What differs between a notebook at two times, cell by cell and line by line.

A cell is the same when its id is. It has moved if it stands elsewhere among the cells that are in both; as few cells as
possible count as moved, and of those that would do, the ones whose position was written. Lines are compared as the text
diff does (`text_diff`); a changed line says which of its characters changed. Pure; the cost is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from notebook_doc.cells import Cell
from notebook_doc.json_values import Json, same_scalar
from notebook_doc.matching import matches
from notebook_doc.text_diff import splices

Field = Literal["cell_type", "source", "metadata", "attachments"]
_FIELDS: Final[tuple[Field, ...]] = ("cell_type", "source", "metadata", "attachments")


class Readable(Protocol):
    """A notebook as it is or was."""

    def cells(self) -> list[Cell]:
        """Its cells, in order."""

    def metadata(self) -> dict[str, Json]:
        """Its metadata."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line, without its line feed. `old` and `new` are its numbers, from 1, in the texts that it is in.

    `marks` are the ranges (in code points) that differ from the line it is paired with; without any, a line that was
    added or deleted differs as a whole.
    """

    kind: Literal["same", "added", "deleted"]
    text: str
    old: int | None
    new: int | None
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class CellDiff:
    """One cell that differs. `old` or `new` is None where there is no such cell; `fields` are what differs of it."""

    cell_id: str
    kind: Literal["added", "deleted", "changed"]
    old: Cell | None
    new: Cell | None
    moved: bool
    fields: frozenset[Field]

    def lines(self) -> list[Line]:
        """The source, line by line."""
        return line_diff("" if self.old is None else self.old.source, "" if self.new is None else self.new.source)


@dataclass(frozen=True, slots=True)
class NotebookDiff:
    """What differs, in the order of the newer notebook, deleted cells where they stood; `metadata` are the keys."""

    cells: tuple[CellDiff, ...]
    metadata: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.cells or self.metadata)


def diff(old: Readable, new: Readable) -> NotebookDiff:
    """What is to be done to make `new` of `old`."""
    before, after = {c.id: c for c in old.cells()}, {c.id: c for c in new.cells()}
    moved = _moved(before, after)
    found = {d.cell_id: d for c in after.values() if (d := _cell_diff(before.get(c.id), c, c.id in moved)) is not None}
    cells: list[CellDiff] = []
    deleted_after: dict[str | None, list[CellDiff]] = {}
    last: str | None = None
    for cell in before.values():
        if cell.id in after:
            last = cell.id
        else:
            gone = CellDiff(cell.id, "deleted", cell, None, False, frozenset(("source",)))
            deleted_after.setdefault(last, []).append(gone)
    cells += deleted_after.get(None, [])
    for cell_id in after:
        if cell_id in found:
            cells.append(found[cell_id])
        cells += deleted_after.get(cell_id, [])
    one, other = old.metadata(), new.metadata()
    keys = {key for key in one.keys() | other.keys() if not same_scalar(one.get(key), other.get(key))}
    return NotebookDiff(tuple(cells), frozenset(keys))


def _cell_diff(old: Cell | None, new: Cell, moved: bool) -> CellDiff | None:
    if old is None:
        return CellDiff(new.id, "added", None, new, False, frozenset(("source",)))
    if old is new:
        return CellDiff(new.id, "changed", old, new, True, frozenset()) if moved else None
    fields = frozenset(f for f in _FIELDS if not same_scalar(getattr(old, f), getattr(new, f)))
    return CellDiff(new.id, "changed", old, new, moved, fields) if fields or moved else None


def _moved(before: dict[str, Cell], after: dict[str, Cell]) -> set[str]:
    """The cells that are out of order: all but a heaviest series in the same order on both sides, in which a cell whose
    position was not written weighs more than all others together."""
    common = [cell_id for cell_id in before if cell_id in after]
    written = {cell_id for cell_id in common if before[cell_id].position != after[cell_id].position}
    if not written:
        return set()
    place = {cell_id: number for number, cell_id in enumerate(c for c in after if c in before)}
    best: list[tuple[int, str | None]] = [(0, None)] * (len(common) + 1)  # a Fenwick tree of prefix maxima
    before_it: dict[str, str | None] = {}
    heaviest: tuple[int, str | None] = (0, None)
    for cell_id in common:
        weight, previous = _prefix_best(best, place[cell_id])
        before_it[cell_id] = previous
        reached = (weight + (1 if cell_id in written else len(common) + 1), cell_id)
        _raise_to(best, place[cell_id], reached)
        heaviest = max(heaviest, reached, key=lambda one: one[0])
    stay: set[str] = set()
    at = heaviest[1]
    while at is not None:
        stay.add(at)
        at = before_it[at]
    return set(common) - stay


def _prefix_best(tree: Sequence[tuple[int, str | None]], end: int) -> tuple[int, str | None]:
    found: tuple[int, str | None] = (0, None)
    while end > 0:
        found = max(found, tree[end], key=lambda one: one[0])
        end -= end & -end
    return found


def _raise_to(tree: list[tuple[int, str | None]], index: int, value: tuple[int, str | None]) -> None:
    index += 1
    while index < len(tree):
        tree[index] = max(tree[index], value, key=lambda one: one[0])
        index += index & -index


def line_diff(old: str, new: str) -> list[Line]:
    """Both texts as one series of lines, each there once: kept, deleted or added."""
    return list(_lines(old.split("\n") if old else [], new.split("\n") if new else []))


def _lines(old: list[str], new: list[str]) -> Iterator[Line]:
    i = j = 0
    for run in [*matches(old, new), None]:
        i_end, j_end = (len(old), len(new)) if run is None else (run.old, run.new)
        pairs = list(zip(range(i, i_end), range(j, j_end), strict=False))
        marks = {a: (b, *_marks(old[a], new[b])) for a, b in pairs}
        for a in range(i, i_end):
            yield Line("deleted", old[a], a + 1, None, marks[a][1] if a in marks else ())
        of_new = {b: added for b, _, added in marks.values()}
        for b in range(j, j_end):
            yield Line("added", new[b], None, b + 1, of_new.get(b, ()))
        if run is not None:
            for k in range(run.length):
                yield Line("same", old[run.old + k], run.old + k + 1, run.new + k + 1)
            i, j = run.old + run.length, run.new + run.length


Marks = tuple[tuple[int, int], ...]


def _marks(old: str, new: str) -> tuple[Marks, Marks]:
    """Which characters of either line the other lacks; none if they have too little in common to say it so."""
    deleted: list[tuple[int, int]] = []
    added: list[tuple[int, int]] = []
    shift = 0
    for splice in splices(old, new):
        at = splice.index - shift
        if splice.delete:
            deleted.append((at, at + splice.delete))
        if splice.insert:
            added.append((splice.index, splice.index + len(splice.insert)))
        shift += len(splice.insert) - splice.delete
    kept = len(old) - sum(end - start for start, end in deleted)
    return (tuple(deleted), tuple(added)) if 3 * kept >= max(len(old), len(new)) else ((), ())
