"""What a document will be once everything under way has been applied, without applying it.

A Projection owns the projected heads and a memory of changes seen lately. From a change's own bytes it says whether the
change is new and can be passed on: whether all that it builds on is here, in the replica or on its way into it. It asks
the replica only when it cannot know; while `replica` is None (it is being loaded again) what it cannot know counts as
absent.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from notebook_doc.replica import Heads, Replica
from notebook_doc.sync_message import ChangeChunk

# Hashes of changes seen lately, to recognise dependencies without asking the replica: a question costs 40 us in a short
# history and 400 us in one of 4,000 changes, which at a keystroke each would be most of the hub's time.
RECENT_HASHES: Final = 8192
# Authors whose latest change is remembered for the same reason: an author's changes are numbered, so the next is new.
RECENT_AUTHORS: Final = 1024

Standing = Literal["next", "known", "orphan"]


class Projection:
    """See the module."""

    def __init__(self, replica: Replica) -> None:
        self.replica: Replica | None = replica
        self._heads: set[bytes] = set()
        self._recent: OrderedDict[bytes, None] = OrderedDict()
        self._numbers: OrderedDict[bytes, int] = OrderedDict()  # author's actor -> the number of its latest change here
        self.start_from(replica.heads(), ())

    @property
    def heads(self) -> Heads:
        """The heads after everything under way."""
        return tuple(self._heads)

    def standing(self, change: ChangeChunk) -> Standing:
        """ "next": it is new and everything it builds on is here; "known": it is here already; "orphan" otherwise."""
        if change.deps and self._heads.issuperset(change.deps):
            return "next"  # it builds on heads, so nothing here can contain it
        if change.hash in self._recent:
            return "known"
        deps = [dep for dep in change.deps if dep not in self._recent]
        if self._numbers.get(change.actor) == change.seq - 1:
            return "next" if not deps or self._present(deps).issuperset(deps) else "orphan"
        present = self._present([change.hash, *deps])
        if change.hash in present:
            return "known"
        return "next" if present.issuperset(deps) else "orphan"

    def advance(self, change: ChangeChunk) -> None:
        """This change is under way, or here."""
        self._heads.difference_update(change.deps)
        self._heads.add(change.hash)
        self.remember(change.hash)
        self._numbers[change.actor] = change.seq
        self._numbers.move_to_end(change.actor)
        if len(self._numbers) > RECENT_AUTHORS:
            self._numbers.popitem(last=False)

    def remember(self, change_hash: bytes) -> None:
        """A change of this hash is here."""
        self._recent[change_hash] = None
        if len(self._recent) > RECENT_HASHES:
            self._recent.popitem(last=False)

    def has_seen(self, change_hash: bytes) -> bool:
        """Whether this change was seen lately; False says nothing."""
        return change_hash in self._recent

    def has_all(self, heads: Heads) -> bool:
        """Whether everything up to these heads is here."""
        unsure = [head for head in heads if head not in self._heads and head not in self._recent]
        return not unsure or len(self._present(unsure)) == len(unsure)

    def start_from(self, heads: Heads, under_way: Iterable[ChangeChunk]) -> None:
        """The replica has these heads, and these changes are on their way into it."""
        self._heads = set(heads)
        for head in heads:
            self.remember(head)
        for change in under_way:
            self.advance(change)

    def forget(self) -> None:
        """Some of what was seen is not here after all."""
        self._recent.clear()
        self._numbers.clear()

    def _present(self, hashes: Sequence[bytes]) -> set[bytes]:
        return set() if self.replica is None else self.replica.present(hashes)
