"""Which cell depends on which: the graph that the analyses of a notebook's cells make, kept current edit by edit.

A Graph owns an index from names to the cells that define and read them. Edges are not stored, they follow from the
index, so an edit costs the names of the one cell, however many others read them; what is asked costs what it goes
through. It promises to say the same as a graph made from scratch of the same cells in the same order. It refuses
nothing: names with several owners and cycles are answers, not errors.

A cell that reads a name gets it from its owner; of several owners, from the last one above it, or else the first below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Final

from notebook_doc.dataflow.analysis import OPAQUE, Analysis
from notebook_doc.shared_dict import SharedDict

_NOTHING: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Edge:
    """`reader` takes `name` from `owner`."""

    owner: str
    reader: str
    name: str


class _CellsByName:
    """Names, and the cells that have to do with each. A copy shares the sets until one of the two writes to them."""

    def __init__(self) -> None:
        self._cells: SharedDict[str, set[str]] = SharedDict()
        self._own: set[str] | None = None  # the names whose sets nobody shares; None: all of them

    def copy(self) -> _CellsByName:
        other = _CellsByName()
        other._cells = self._cells.copy()
        self._own, other._own = set(), set()
        return other

    def __contains__(self, name: str) -> bool:
        return name in self._cells

    def __getitem__(self, name: str) -> Set[str]:
        return self._cells.get(name, _NOTHING)

    def add(self, name: str, cell_id: str) -> None:
        self._to_write(name).add(cell_id)

    def discard(self, name: str, cell_id: str) -> None:
        cells = self._to_write(name)
        cells.discard(cell_id)
        if not cells:
            del self._cells[name]

    def _to_write(self, name: str) -> set[str]:
        if self._own is None:
            return self._cells.setdefault(name, set())
        if name not in self._own or name not in self._cells:
            self._own.add(name)
            self._cells[name] = set(self._cells.get(name, ()))
        return self._cells[name]


class Graph:
    """See the module. `order` is the notebook's, of all cells, code or not."""

    def __init__(self) -> None:
        self._order: list[str] = []
        self._places: dict[str, int] | None = {}  # of `order`; None: to be made when it is asked for
        self._analyses: SharedDict[str, Analysis] = SharedDict()
        self._owners = _CellsByName()
        self._readers = _CellsByName()
        self._disputed: set[str] = set()  # names with several owners
        self._cycles: tuple[frozenset[str], ...] | None = ()
        self._in_cycle: dict[str, frozenset[str]] = {}
        self._setup: set[str] = set()

    def copy(self) -> Graph:
        """An independent graph that says the same, to see what an edit would do to it.

        What it holds is shared with it, so it costs what was written since the last copy.
        """
        other = Graph()
        other._order, other._places, other._analyses = self._order, self._places, self._analyses.copy()
        other._owners, other._readers = self._owners.copy(), self._readers.copy()
        other._disputed, other._setup = set(self._disputed), set(self._setup)
        other._cycles, other._in_cycle = self._cycles, self._in_cycle
        return other

    @property
    def _index(self) -> dict[str, int]:
        """Where each cell stands."""
        if self._places is None:
            self._places = {cell_id: number for number, cell_id in enumerate(self._order)}
        return self._places

    # --- keeping it current -------------------------------------------------------------------------------------------

    def put(self, cell_id: str, analysis: Analysis, *, setup: bool = False) -> set[str]:
        """A cell says this now; return the names of which the owners or readers are others than before."""
        before = self._analyses.get(cell_id, OPAQUE)
        self._analyses[cell_id] = analysis
        (self._setup.add if setup else self._setup.discard)(cell_id)
        if before is analysis:
            return set()
        gone, new = before.defs - analysis.defs, analysis.defs - before.defs
        unread, read = before.reads - analysis.reads, analysis.reads - before.reads
        if not (gone or new or unread or read):
            return set()
        disputed = self._disputed
        was_disputed = not gone.isdisjoint(disputed)
        for names, index in ((gone, self._owners), (unread, self._readers)):
            for name in names:
                index.discard(name, cell_id)
        for names, index in ((new, self._owners), (read, self._readers)):
            for name in names:
                index.add(name, cell_id)
        for name in gone | new:
            (disputed.add if len(self._owners[name]) > 1 else disputed.discard)(name)
        self._look_for_cycles(cell_id, was_disputed or bool(self._in_cycle), gone | new | unread | read)
        return set(gone | new | unread | read)

    def remove(self, cell_id: str) -> set[str]:
        """A cell is gone; return the names of which the owners or readers are others than before."""
        changed = self.put(cell_id, OPAQUE)
        self._analyses.pop(cell_id, None)
        self._setup.discard(cell_id)
        return changed

    def set_order(self, order: list[str]) -> bool:
        """The notebook's order, of exactly the cells that were put; the list is kept. Return whether edges may have
        changed by it: those of names with several owners, if cells that were there before stand in another order among
        themselves now."""
        if self._order == order:
            return False
        before, self._order, known = self._order, order, self._places
        self._places = None
        if not self._disputed:
            return False
        there = set(before) if known is None else known
        if [one for one in before if one in self._index] == [one for one in order if one in there]:
            return False
        self._cycles = None
        return True

    def forget_cycles(self) -> None:
        """Much is about to change: cycles are looked for when somebody asks, not at each `put`."""
        self._cycles = None

    def _look_for_cycles(self, cell_id: str, everywhere: bool, names: Iterable[str]) -> None:
        """A new cycle goes through the cell that changed, unless an owner that was hidden behind it shows again."""
        if self._cycles is None:
            return
        if (
            everywhere
            or not self._disputed.isdisjoint(names)
            or (any(name in self._owners and name in self._readers for name in names) and self._returns(cell_id))
        ):
            self._cycles = None

    def _returns(self, cell_id: str) -> bool:
        seen, left = set[str](), [cell_id]
        while left:
            for follower in self.readers_of(left.pop()):
                if follower == cell_id:
                    return True
                if follower not in seen:
                    seen.add(follower)
                    left.append(follower)
        return False

    # --- what it says -------------------------------------------------------------------------------------------------

    @property
    def order(self) -> Sequence[str]:
        """All cells in notebook order."""
        return self._order

    def __contains__(self, cell_id: object) -> bool:
        return cell_id in self._index

    def analysis(self, cell_id: str) -> Analysis:
        """What a cell says; an opaque one for a cell that is not there."""
        return self._analyses.get(cell_id, OPAQUE)

    def is_setup(self, cell_id: str) -> bool:
        """Whether this is a setup cell, which runs before the others and reads nothing of theirs."""
        return cell_id in self._setup

    @property
    def setup_cells(self) -> list[str]:
        """All setup cells, in notebook order."""
        return sorted(self._setup, key=self.place)

    def place(self, cell_id: str) -> int:
        """Where a cell stands in the notebook, from 0; after the end if it is not there."""
        return self._index.get(cell_id, len(self._index))

    def owners(self, name: str) -> list[str]:
        """The cells that define a name, in notebook order."""
        return sorted(self._owners[name], key=self.place)

    def readers(self, name: str) -> list[str]:
        """The cells that read a name, in notebook order."""
        return sorted(self._readers[name], key=self.place)

    def refs(self, cell_id: str) -> frozenset[str]:
        """The names that a cell reads and that some other cell defines."""
        return frozenset(name for name in self.analysis(cell_id).reads if self._owners[name] - {cell_id})

    @property
    def disputed(self) -> frozenset[str]:
        """The names that several cells define."""
        return frozenset(self._disputed)

    def source_of(self, name: str, reader: str) -> str | None:
        """The cell that a reader takes a name from; None if no other cell defines it."""
        owners = self._owners[name]
        if not owners:
            return None
        if len(owners) == 1:
            (owner,) = owners
            return None if owner == reader else owner
        here = self.place(reader)
        others = [(self.place(owner), owner) for owner in owners if owner != reader]
        above = [one for one in others if one[0] < here]
        return (max(above) if above else min(others))[1]

    def inputs(self, cell_id: str) -> dict[str, str]:
        """The names that a cell takes from other cells, and which cell each is from."""
        found = {name: self.source_of(name, cell_id) for name in sorted(self.analysis(cell_id).reads)}
        return {name: owner for name, owner in found.items() if owner is not None}

    def sources_of(self, cell_id: str) -> set[str]:
        """The cells that a cell takes names from."""
        owners, found = self._owners, set[str]()
        for name in self.analysis(cell_id).reads:
            if name in owners and (owner := self.source_of(name, cell_id)) is not None:
                found.add(owner)
        return found

    def readers_of(self, cell_id: str) -> set[str]:
        """The cells that take a name from a cell."""
        readers, disputed, found = self._readers, self._disputed, set[str]()
        for name in self.analysis(cell_id).defs:
            if name not in readers:
                continue
            if name in disputed:
                found.update(one for one in readers[name] if self.source_of(name, one) == cell_id)
            else:
                found |= readers[name]
        found.discard(cell_id)
        return found

    def edges(self) -> list[Edge]:
        """All edges, by reader in notebook order, then by name."""
        return [Edge(owner, reader, name) for reader in self._order for name, owner in self.inputs(reader).items()]

    def ancestors(self, *cell_ids: str) -> set[str]:
        """The cells that these depend on, over any number of steps; without these, unless they are in a cycle."""
        return self._reached(cell_ids, self.sources_of)

    def descendants(self, *cell_ids: str) -> set[str]:
        """The cells that depend on these, over any number of steps; without these, unless they are in a cycle."""
        return self._reached(cell_ids, self.readers_of)

    def _reached(self, cell_ids: Iterable[str], step: Callable[[str], set[str]]) -> set[str]:
        seen: set[str] = set()
        left = list(cell_ids)
        while left:
            found = step(left.pop()) - seen
            seen |= found
            left += found
        return seen

    def roots(self) -> list[str]:
        """The cells that define something and take nothing from others, in notebook order."""
        return [one for one in self._order if self.analysis(one).defs and not self.sources_of(one)]

    def leaves(self) -> list[str]:
        """The cells that take something from others and give nothing, in notebook order."""
        return [one for one in self._order if self.sources_of(one) and not self.readers_of(one)]

    def sorted(self, cell_ids: Iterable[str] | None = None) -> list[str]:
        """These cells (None: all), each after those that it takes names from; else setup first, then notebook order.

        What is in a cycle keeps the notebook's order among itself and comes when nothing else is left to come first.
        """
        wanted = set(self._order) if cell_ids is None else {one for one in cell_ids if one in self._index}
        missing = {one: len(self.sources_of(one) & wanted) for one in wanted}
        ready = [self._rank(one) for one, count in missing.items() if not count]
        heapify(ready)
        done: list[str] = []
        blocked: list[tuple[bool, int, str]] | None = None
        placed: set[str] = set()
        while len(done) < len(wanted):
            if not ready:
                if blocked is None:
                    blocked = sorted((self._rank(one) for one in wanted - placed), reverse=True)
                while blocked[-1][2] in placed:
                    blocked.pop()
                ready.append(blocked.pop())
            cell_id = heappop(ready)[2]
            if cell_id in placed:
                continue
            placed.add(cell_id)
            done.append(cell_id)
            for reader in self.readers_of(cell_id):
                if reader in missing:
                    missing[reader] -= 1
                    if not missing[reader] and reader not in placed:
                        heappush(ready, self._rank(reader))
        return done

    def _rank(self, cell_id: str) -> tuple[bool, int, str]:
        return (cell_id not in self._setup, self._index[cell_id], cell_id)

    # --- cycles -------------------------------------------------------------------------------------------------------

    def cycle_of(self, cell_id: str) -> frozenset[str]:
        """The cells that depend on each other in a circle with this one; empty if there is no such circle."""
        self._find_cycles()
        return self._in_cycle.get(cell_id, _NOTHING)

    def cycles(self) -> tuple[frozenset[str], ...]:
        """All circles, each once, by their first cells in notebook order."""
        return self._find_cycles()

    def _find_cycles(self) -> tuple[frozenset[str], ...]:
        if self._cycles is None:
            found = strongly_connected({one: self.readers_of(one) for one in self._order})
            self._cycles = tuple(sorted(found, key=lambda cells: min(map(self.place, cells))))
            self._in_cycle = {one: cells for cells in self._cycles for one in cells}
        return self._cycles


def strongly_connected(followers: Mapping[str, set[str]]) -> list[frozenset[str]]:
    """The sets of more than one node that can all reach each other (Tarjan's algorithm, without recursion)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[frozenset[str]] = []
    for root in followers:
        if root in number:
            continue
        number[root] = low[root] = len(number)
        stack.append(root)
        on_stack.add(root)
        path = [(root, iter(followers[root]))]
        while path:
            node, rest = path[-1]
            for follower in rest:
                if follower not in number:
                    number[follower] = low[follower] = len(number)
                    stack.append(follower)
                    on_stack.add(follower)
                    path.append((follower, iter(followers.get(follower, ()))))
                    break
                if follower in on_stack:
                    low[node] = min(low[node], number[follower])
            else:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[node])
                if low[node] == number[node]:
                    members = set()
                    while node not in members:
                        member = stack.pop()
                        on_stack.discard(member)
                        members.add(member)
                    if len(members) > 1:
                        found.append(frozenset(members))
    return found
