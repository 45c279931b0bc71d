"""The moments of a notebook's life: its changes in one order for everybody, cut where the author changes or pauses.

A moment is a stretch of that order; its heads are the document after it, and with it everything before. One author's
moment ends when it pauses, when somebody else writes, when somebody gives it a name, and after some minutes. People
who write at the same time, with changes that follow each other by the second, share moments: cutting those apart would
be a moment for each letter.
Pure: the same changes and the same authors give the same moments at every peer.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from notebook_doc.authors import Author
from notebook_doc.history.authors import Authors, Writing
from notebook_doc.history.change_log import Entry
from notebook_doc.history.versions import Version
from notebook_doc.replica import Heads

# Seconds without a change that end a moment, and the longest that one goes on. Times are known to the minute.
PAUSE: Final = 150.0
LONGEST: Final = 300.0
# Seconds within which authors who take turns write together.
TOGETHER: Final = 90.0
NAMED: Final = "versions"  # a change that touches this root gives the moment so far a name
SHORT_ID: Final = 8  # hexadecimal digits of a moment's id that are shown


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment. `number` counts from 1, `id` is the hash of its last change in hexadecimal.

    `authors` are those who wrote in it, who wrote most first. Times are when the first and the last change reached the
    hub, to the minute; None if that is not known (not there yet). `brought`: some were made before, offline. `cells`
    are the ids of cells that were touched, `roots` other parts of the document ("metadata", "comments"). `names` are
    those of the versions that it is (see `versions`).
    """

    number: int
    id: str
    heads: Heads
    authors: tuple[Author, ...]
    began: float | None
    ended: float | None
    brought: bool
    changes: int
    cells: frozenset[str]
    roots: frozenset[str]
    names: tuple[str, ...] = ()

    @property
    def short_id(self) -> str:
        """As much of the id as is shown."""
        return self.id[:SHORT_ID]


@dataclass(frozen=True, slots=True)
class _Written:
    entry: Entry
    by: Writing
    at: float  # its time or, if that is unknown or too early for what it builds on, the time of what it builds on


def moments(entries: Sequence[Entry], authors: Authors, versions: Sequence[Version] = ()) -> list[Moment]:
    """The moments of these changes, oldest first. The first is how the notebook began."""
    return _told(_in_order(entries, authors), versions)


def _in_order(entries: Sequence[Entry], authors: Authors) -> list[_Written]:
    """The changes in one order for everybody: each after what it builds on, and else by time, actor and number."""
    by_hash = {entry.hash: entry for entry in entries}
    waits_for = {entry.hash: sum(dep in by_hash for dep in entry.deps) for entry in entries}
    followers: dict[bytes, list[Entry]] = {}
    for entry in entries:
        for dep in entry.deps:
            followers.setdefault(dep, []).append(entry)
    earliest: dict[bytes, float] = {}
    last = max((w.time for e in entries if (w := authors.of(e.actor, e.seq)).time is not None), default=0.0)
    ready: list[tuple[float, bytes, int, _Written]] = []

    def is_ready(entry: Entry) -> None:
        by = authors.of(entry.actor, entry.seq)
        floor = max((earliest[dep] for dep in entry.deps if dep in earliest), default=0.0)
        # What is not at the hub yet is the newest there is; what it was never told of is as old as what it builds on.
        at = max(floor, by.time if by.time is not None else (last if by.author.kind != "unknown" else floor))
        earliest[entry.hash] = at
        heapq.heappush(ready, (at, entry.actor, entry.seq, _Written(entry, by, at)))

    for entry in entries:
        if not waits_for[entry.hash]:
            is_ready(entry)
    order: list[_Written] = []
    while ready:
        written = heapq.heappop(ready)[3]
        order.append(written)
        for follower in followers.get(written.entry.hash, ()):
            waits_for[follower.hash] -= 1
            if not waits_for[follower.hash]:
                is_ready(follower)
    return order


class _Stretch:
    """The moment that is being gathered."""

    def __init__(self, first: _Written) -> None:
        self.all = [first]
        self.latest = {first.by.author: first.at}

    def add(self, written: _Written) -> None:
        self.all.append(written)
        self.latest[written.by.author] = written.at

    def takes(self, written: _Written, ahead: _Ahead, index: int) -> bool:
        """Whether this change belongs to it."""
        at, author = written.at, written.by.author
        if at - self.all[-1].at > PAUSE or at - self.all[0].at > LONGEST:
            return False
        if len(self.latest) == 1 and author in self.latest:
            return True
        there = {who for who, when in self.latest.items() if at - when <= TOGETHER}
        if author in there:
            return len(there) == len(self.latest)  # else one has left, and the other goes on alone
        return bool(there) and ahead.they_take_turns(index, author, there)


class _Ahead:
    """Looks ahead in the order: does an author return, and when."""

    def __init__(self, order: Sequence[_Written]) -> None:
        self._order = order
        self._next: list[int] = [len(order)] * len(order)  # the next change by the same author
        self._run: list[int] = [0] * len(order)  # where this author's uninterrupted series ends
        seen: dict[Author, int] = {}
        end = len(order)
        for index in range(len(order) - 1, -1, -1):
            author = order[index].by.author
            if index + 1 == len(order) or order[index + 1].by.author != author:
                end = index + 1
            self._run[index] = end
            self._next[index] = seen.get(author, len(order))
            seen[author] = index

    def they_take_turns(self, index: int, author: Author, others: set[Author]) -> bool:
        """Whether after this author's series one of the others comes, and after that this author again, soon."""
        back = self._run[index]
        if back >= len(self._order) or self._order[back].by.author not in others:
            return False
        again = self._next[self._run[index] - 1]
        return again < len(self._order) and self._order[again].at - self._order[index].at <= TOGETHER


def _told(order: Sequence[_Written], versions: Sequence[Version]) -> list[Moment]:
    found: list[Moment] = []
    place = {written.entry.hash: index for index, written in enumerate(order)}
    named: dict[bytes, list[str]] = {}  # the last change of what a version names -> the version
    for version in versions:
        if all(head in place for head in version.heads) and version.heads:
            named.setdefault(max(version.heads, key=place.__getitem__), []).append(version.name)
    heads: set[bytes] = set()
    stretch: _Stretch | None = None
    ahead = _Ahead(order)

    def close(stretch: _Stretch) -> None:
        for written in stretch.all:
            heads.difference_update(written.entry.deps)
            heads.add(written.entry.hash)
        names = tuple(name for written in stretch.all for name in named.get(written.entry.hash, ()))
        found.append(_moment(len(found) + 1, stretch.all, tuple(sorted(heads)), names))

    for index, written in enumerate(order):
        if not written.entry.deps and not written.entry.cells and not written.entry.roots:
            heads.add(written.entry.hash)  # the seed: nobody wrote it
            continue
        if stretch is not None and (NAMED in written.entry.roots or stretch.takes(written, ahead, index)):
            stretch.add(written)
        else:
            if stretch is not None:
                close(stretch)
            stretch = _Stretch(written)
        if NAMED in written.entry.roots:
            close(stretch)
            stretch = None
    if stretch is not None:
        close(stretch)
    return found


def _moment(number: int, written: Sequence[_Written], heads: Heads, names: tuple[str, ...]) -> Moment:
    wrote = [one for one in written if one.entry.roots != {NAMED} or one.entry.cells]  # who names it did not write it
    counted = Counter(one.by.author for one in wrote or written)
    times = [one.by.time for one in written if one.by.time is not None]
    return Moment(
        number=number,
        id=written[-1].entry.hash.hex(),
        heads=heads,
        authors=tuple(author for author, _ in counted.most_common()),
        began=min(times, default=None),
        ended=max(times, default=None),
        brought=any(one.by.brought for one in written),
        changes=len(written),
        cells=frozenset().union(*(one.entry.cells for one in written)),
        roots=frozenset().union(*(one.entry.roots for one in written)),
        names=names,
    )
