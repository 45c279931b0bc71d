"""The changes of a NotebookDoc as an index: which there are, what they build on, and what each of them touched.

A ChangeLog follows one replica and reads each change once; asking again costs what is new. It holds no bytes of the
changes. What a change touched is named by what a reader knows: ids of cells, and the document's other roots. It
promises that entries stand after those they build on.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

from notebook_doc.replica import ROOT, Heads, RecordedChange, Replica, object_key
from notebook_doc.touched import ROOT_KEY, ObjectKey, touches

CELLS: Final = "cells"
_BOTH: Final = 3
_HIDDEN: Final = frozenset(("schema_version", "notebook_id", "nbformat_minor"))


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. `cells` are the ids of the cells that it touched, `roots` the other parts of the document
    ("metadata", "comments"); the seed, with which every document begins, touched nothing."""

    hash: bytes
    actor: bytes
    seq: int
    start_op: int
    deps: tuple[bytes, ...]
    cells: frozenset[str]
    roots: frozenset[str]


class ChangeLog:
    """See the module."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._begin()

    def _begin(self) -> None:
        self._generation = self._replica.generation
        self._heads: Heads = ()
        self._entries: list[Entry] = []
        self._places: dict[bytes, int] = {}
        self._of_actor: dict[bytes, tuple[list[int], list[Entry]]] = {}
        self._roots: dict[ObjectKey, str] = {}
        self._cell_of: dict[ObjectKey, str] = {}  # every object inside a cell -> the cell's id
        self._root_of: dict[ObjectKey, str] = {}  # every object inside another root -> the root's name

    def entries(self) -> list[Entry]:
        """All changes, each after those it builds on."""
        if self._generation != self._replica.generation:
            self._begin()
        heads = self._replica.heads()
        if heads != self._heads:
            if not self._roots:
                self._roots = {object_key(obj): name for name, obj in self._replica.objects_in(ROOT) if name}
            for change in self._replica.recorded_since(self._heads):
                self._add(change)
            self._heads = heads
        return list(self._entries)

    def cells_between(self, one: Heads, other: Heads) -> frozenset[str] | None:
        """The cells that were touched by changes that only one of two moments contains; None if either is not here.

        Costs what lies between the two.
        """
        self.entries()
        reached: dict[int, int] = {}  # place -> from which of the two: 1, 2, or both
        ahead: list[int] = []  # a heap of places, negative: what builds on a change comes before it
        only_one = 0  # of those ahead
        cells: set[str] = set()

        def reach(change: bytes, which: int) -> bool:
            nonlocal only_one
            place = self._places.get(change)
            if place is None:
                return False
            before = reached.get(place)
            reached[place] = which | (before or 0)
            if before is None:
                heappush(ahead, -place)
                only_one += which != _BOTH
            elif before != _BOTH and reached[place] == _BOTH:
                only_one -= 1
            return True

        if not all(reach(head, which) for which, heads in ((1, one), (2, other)) for head in heads):
            return None
        while only_one:
            place = -heappop(ahead)
            if reached[place] != _BOTH:
                only_one -= 1
                cells |= self._entries[place].cells
            for dep in self._entries[place].deps:
                reach(dep, reached[place])
        return frozenset(cells)

    def change_of(self, operation: ObjectKey) -> Entry | None:
        """The change that this operation is in; None if it is not in the log (yet)."""
        starts, entries = self._of_actor.get(operation.actor, ([], []))
        number = bisect_right(starts, operation.counter)
        return entries[number - 1] if number else None

    def _add(self, change: RecordedChange) -> None:
        cells: set[str] = set()
        roots: set[str] = set()
        for touch in touches(change.chunk):
            root = self._roots.get(touch.target)
            cell = touch.key if root == CELLS else self._cell_of.get(touch.target)
            if cell is not None:
                cells.add(cell)
                if touch.made is not None:
                    self._cell_of[touch.made] = cell
                continue
            root = root or self._root_of.get(touch.target) or (touch.key if touch.target == ROOT_KEY else None)
            if root is None or root in _HIDDEN:
                continue
            if touch.target != ROOT_KEY:
                roots.add(root)
            if touch.made is not None:
                self._root_of[touch.made] = root
        entry = Entry(
            change.hash, change.actor, change.seq, change.start_op, change.deps, frozenset(cells), frozenset(roots)
        )
        self._places[entry.hash] = len(self._entries)
        self._entries.append(entry)
        starts, of_actor = self._of_actor.setdefault(change.actor, ([], []))
        starts.append(change.start_op)
        of_actor.append(entry)
