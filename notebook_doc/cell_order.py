"""The order of cells, and where a new one fits.

A CellOrder owns the sorted list of (position, cell id). It says what position a cell gets that goes after or before
another, and which other cells must get a new one first because two stand at the same position or one has none that can
be read. It writes nothing: its owner puts positions into the document and tells it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from notebook_doc import position as positions
from notebook_doc.errors import BadEdit

# A position sorted after every real one, for cells whose position cannot be read.
UNREADABLE: Final = "\uffff"

Place = tuple[str, str]  # position, cell id: by these cells are ordered


@dataclass(frozen=True, slots=True)
class Placement:
    """The position a cell gets, once these others have been given theirs."""

    position: str
    others: tuple[tuple[str, str], ...] = ()  # (cell id, its new position)


def readable(position: str | None) -> str:
    """The position if it is one, else the one of cells that sort last."""
    return position if position is not None and positions.is_position(position) else UNREADABLE


class CellOrder:
    """See the module."""

    def __init__(self, places: Iterable[Place] = ()) -> None:
        self._places = sorted(places)
        self._ids = [cell_id for _, cell_id in self._places]
        self._is_shared = False  # with copies: both lists are copied before they are written

    def __len__(self) -> int:
        return len(self._places)

    def copy(self) -> CellOrder:
        """An order of the same cells."""
        other = CellOrder()
        self._is_shared = True
        other._places, other._ids, other._is_shared = self._places, self._ids, True
        return other

    def cell_ids(self) -> list[str]:
        """The ids of all cells, in order."""
        return list(self._ids)

    def add(self, position: str, cell_id: str) -> None:
        """A cell is there."""
        self._to_write()
        index = bisect_left(self._places, (position, cell_id))
        self._places.insert(index, (position, cell_id))
        self._ids.insert(index, cell_id)

    def remove(self, position: str, cell_id: str) -> None:
        """A cell is gone from this position."""
        index = bisect_left(self._places, (position, cell_id))
        if index < len(self._places) and self._places[index] == (position, cell_id):
            self._to_write()
            del self._places[index], self._ids[index]

    def _to_write(self) -> None:
        if self._is_shared:
            self._places, self._ids, self._is_shared = list(self._places), list(self._ids), False

    def placement(self, *, after: Place | None = None, before: Place | None = None) -> Placement:
        """Where a cell goes that comes right after or before another of these, or at the end."""
        if after is not None:
            index = bisect_left(self._places, after) + 1
        elif before is not None:
            index = bisect_left(self._places, before)
        else:
            index = len(self._places)
        left = self._places[index - 1][0] if index > 0 else None
        right = self._places[index][0] if index < len(self._places) else None
        if left == UNREADABLE:
            return self._settled(index)
        if left is not None and left == right:
            return self._spread(left, index)
        return Placement(positions.between(left, None if right == UNREADABLE else right))

    def _spread(self, left: str, index: int) -> Placement:
        """Cells at one position stand around `index`: spread those from `index` on towards the next greater one."""
        end = index
        while end < len(self._places) and self._places[end][0] == left:
            end += 1
        right = self._places[end][0] if end < len(self._places) else UNREADABLE
        own, *rest = positions.evenly(end - index + 1, left, None if right == UNREADABLE else right)
        moved = [cell_id for _, cell_id in self._places[index:end]]
        return Placement(own, tuple(zip(moved, rest, strict=True)))

    def _settled(self, index: int) -> Placement:
        """The place is among the cells that have none: give each of them one, at the end where they are shown."""
        first = bisect_left(self._places, (UNREADABLE, ""))
        last = self._places[first - 1][0] if first > 0 else None
        spread = positions.evenly(len(self._places) - first + 1, last)
        own = spread.pop(index - first)
        lost = [cell_id for _, cell_id in self._places[first:]]
        return Placement(own, tuple(zip(lost, spread, strict=True)))


def place_for(order: CellOrder, position: Callable[[str], str], after: str | None, before: str | None) -> Placement:
    """Where a cell goes that comes after or before another, at the end if neither is named. Raises BadEdit for both."""
    if after is not None and before is not None:
        raise BadEdit("a cell goes either after or before another.", "Name one of the two.")
    return order.placement(
        after=None if after is None else (position(after), after),
        before=None if before is None else (position(before), before),
    )
