"""The changes of a NotebookDoc as an index: which there are, what they build on, and what each of them touched.

A ChangeLog follows one replica and reads each change once; asking again costs what is new. It holds no bytes of the
changes. What a change touched is named by what a reader knows: ids of cells, and the document's other roots. It
promises that entries stand after those they build on.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

from notebook_doc.replica import ROOT, Heads, RecordedChange, Replica, object_key
from notebook_doc.touched import ROOT_KEY, ObjectKey, touches

CELLS: Final = "cells"
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
        self._entries.append(entry)
        starts, of_actor = self._of_actor.setdefault(change.actor, ([], []))
        starts.append(change.start_op)
        of_actor.append(entry)
