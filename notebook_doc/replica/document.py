"""One peer's copy of one Automerge document, with its history: see the package."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Final, NamedTuple, TypeVar

from automerge.core import Document, Message, SyncState

from notebook_doc.errors import (
    BadSyncMessage,
    CorruptDocument,
    ReplicaError,
    ReplicaPanic,
    UnknownHeads,
    UnreadableValue,
)
from notebook_doc.replica.actors import random_actor, sibling_of
from notebook_doc.replica.reading import Heads, Past, ReadView
from notebook_doc.replica.sync import SyncSession
from notebook_doc.replica.transaction import Transaction
from notebook_doc.sync_message import Have, decode, encode, read_change

# Changes whose presence is known without asking the core: a question costs 40 us in a short history and 400 us in one
# of 4,000 changes, and every message that arrives asks one.
RECENT_CHANGES: Final = 4096

# How many of the latest steps are kept, and bytes of them: who looks at each turn of the loop, or ten times a second,
# finds what it asks for.
RECENT_STEPS: Final = 16
RECENT_BYTES: Final = 64 * 1024

_READING: Final = frozenset(("get", "values"))  # a panic in these is about one value; the document stays usable
R = TypeVar("R")


class RecordedChange(NamedTuple):
    """One change of a history: its operations are counted from `start_op`, `seq` counts its actor's changes from 1."""

    hash: bytes
    actor: bytes
    seq: int
    start_op: int
    deps: tuple[bytes, ...]
    chunk: bytes


class _Step(NamedTuple):
    """What happened from these heads up to the next step: (hash, chunk) of each change."""

    since: Heads
    changes: list[tuple[bytes, bytes]]

    @property
    def size(self) -> int:
        return sum(len(chunk) for _, chunk in self.changes)


def _is_panic(error: BaseException) -> bool:
    # pyo3 raises a class that cannot be imported and derives from BaseException.
    return type(error).__name__ == "PanicException"


class Replica(ReadView):
    """A copy of a document. `actor` names its writer; None draws a fresh one."""

    generation = 0  # how often this replica has become another document

    def __init__(self, actor: bytes | None = None) -> None:
        self._take_over(Document(), actor)

    def _take_over(self, document: Document, actor: bytes | None) -> None:
        document.set_actor(actor or random_actor())
        self._source: Document = document
        self._panic: str | None = None
        self._noted: Heads = self.heads()  # up to here changes are in `_recent`
        self._recent: OrderedDict[bytes, None] = OrderedDict.fromkeys(self._noted)
        # What happened lately, each step from where the one before ended. All who follow the document ask for that,
        # each from where it was, and the core encodes a change anew whenever it is asked.
        self._steps: deque[_Step] = deque()
        self._stepped: Heads = self._noted  # what the last of them goes up to

    @classmethod
    def load(cls, data: bytes, actor: bytes | None = None) -> Replica:
        """A replica of saved bytes: a snapshot, or a snapshot or nothing followed by change chunks.

        Raises CorruptDocument. Costs about 4 us a change.
        """
        try:
            document = Document.load(data)
        except BaseException as error:
            if _is_panic(error) or isinstance(error, Exception):
                raise CorruptDocument(f"a document of {len(data)} bytes cannot be loaded: {error}.") from error
            raise
        return cls._of(document, actor)

    @classmethod
    def _of(cls, document: Document, actor: bytes | None) -> Replica:
        replica = cls.__new__(cls)
        replica._take_over(document, actor)
        return replica

    def _call(self, function: Callable[..., R], *arguments: object) -> R:
        return self._guarded(function, *arguments)

    def _guarded(self, function: Callable[..., R], *arguments: object) -> R:
        if self._panic is not None:
            raise ReplicaPanic(f"this replica is unusable since its core failed: {self._panic}.")
        try:
            return function(*arguments)
        except Exception as error:
            raise ReplicaError(f"the document core refused {function.__name__}: {error}.") from error
        except BaseException as error:
            if not _is_panic(error):
                raise
            if function.__name__ in _READING:
                raise UnreadableValue(f"the document core cannot read a value ({error}).") from error
            self._panic = str(error)
            raise ReplicaPanic(f"the document core failed in {function.__name__}: {error}.") from error

    # --- history ----------------------------------------------------------------------------------------------------

    @property
    def actor(self) -> bytes:
        """The actor under which this replica writes."""
        return self._source.get_actor()

    def heads(self) -> Heads:
        """The hashes of the changes that nothing builds on yet: the document's version."""
        return tuple(sorted(self._source.get_heads()))

    def save(self) -> bytes:
        """A snapshot with the whole history."""
        return self._call(self._source.save)

    def changes_since(self, heads: Iterable[bytes]) -> list[bytes]:
        """The chunks of all changes that are not contained in `heads`, in an order that can be applied.

        Heads that this replica does not know count as nothing.
        """
        return [chunk for _, chunk in self.hashed_changes_since(heads)]

    def hashed_changes_since(self, heads: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
        """The same with each change's hash: (hash, chunk)."""
        asked, now = tuple(sorted(heads)), self.heads()
        if asked == now:
            return []
        if asked != self._stepped and all(step.since != asked for step in self._steps):
            self._steps.clear()
            self._stepped = asked
        if now != self._stepped:
            self._steps.append(_Step(self._stepped, self._changes_since(self._stepped)))
            self._stepped = now
        found = next(number for number, step in enumerate(self._steps) if step.since == asked)
        answer = [change for step in islice(self._steps, found, None) for change in step.changes]
        while len(self._steps) > RECENT_STEPS or sum(step.size for step in self._steps) > RECENT_BYTES:
            self._steps.popleft()
        return answer

    def _changes_since(self, heads: Heads) -> list[tuple[bytes, bytes]]:
        return [(change.hash, change.bytes) for change in self._call(self._source.get_changes, list(heads))]

    def recorded_since(self, heads: Iterable[bytes]) -> list[RecordedChange]:
        """The changes that are not contained in `heads`, each after those it builds on."""
        changes = self._call(self._source.get_changes, list(heads))
        return [RecordedChange(c.hash, c.actor_id, c.seq, c.start_op, tuple(c.deps), c.bytes) for c in changes]

    def at(self, heads: Iterable[bytes]) -> Past:
        """The document as it was at `heads`, to be read. Raises UnknownHeads."""
        wanted = tuple(sorted(heads))
        if not self.contains(wanted):
            raise UnknownHeads("the replica does not contain the heads to read at.", "They may still arrive.")
        return Past(self, wanted)

    def own_changes_since(self, heads: Iterable[bytes]) -> list[bytes]:
        """The chunks of the changes that this replica's actor made and that are not contained in `heads`."""
        changes = self._call(self._source.get_changes, list(heads))
        return [change.bytes for change in changes if change.actor_id == self.actor]

    def present(self, hashes: Sequence[bytes]) -> set[bytes]:
        """Those of the given changes that this replica has (not those that wait inside for what they build on).

        The binding has no look-up by hash, but a sync peer that asks for changes by hash is given them, if all of them
        are there: so halves are asked for until what is missing stands alone.
        """
        if not hashes or self._has_all(hashes):
            return set(hashes)
        middle = len(hashes) // 2
        return self.present(hashes[:middle]) | self.present(hashes[middle:]) if middle else set()

    def _has_all(self, hashes: Sequence[bytes]) -> bool:
        ask = encode((), tuple(hashes), (), ())
        state = SyncState()
        self._call(self._source.receive_sync_message, state, Message.decode(ask))
        answer = self._call(self._source.generate_sync_message, state)
        if answer is None:
            return False
        return {read_change(chunk).hash for chunk in decode(answer.encode()).chunks}.issuperset(hashes)

    def contains(self, heads: Iterable[bytes]) -> bool:
        """Whether every one of these changes is here. Costs the history only if they were not seen lately."""
        self._recent.update(dict.fromkeys(self.heads()))  # which a question about the present or the last past is about
        missing = {head for head in heads if head not in self._recent}
        if not missing:
            return True
        self._note_recent()
        missing.difference_update(self._recent)
        return not missing or self.present(sorted(missing)) == missing

    def _note_recent(self) -> None:
        heads = self.heads()
        if heads == self._noted:
            return
        for change_hash, _ in self.hashed_changes_since(self._noted):
            self._recent[change_hash] = None
        self._noted = heads
        while len(self._recent) > RECENT_CHANGES:
            self._recent.popitem(last=False)

    def apply(self, chunks: Sequence[bytes]) -> None:
        """Take in changes (chunks, any order, known ones are ignored). Changes whose dependencies are missing wait
        inside.

        Raises BadSyncMessage if a chunk is damaged, ReplicaPanic if an operation in it is impossible. Share the cost of
        one call between as many changes as there are: it grows with the touched text, not with their number.
        """
        if not chunks:
            return
        heads = self.heads()
        message = encode(heads, (), (Have(heads, b""),), chunks)
        try:
            self._call(self._source.receive_sync_message, SyncState(), Message.decode(message))
        except ReplicaPanic:
            raise
        except (ReplicaError, ValueError) as error:
            raise BadSyncMessage(f"its changes cannot be applied ({error})") from error

    def take_whole(self, snapshot: bytes) -> None:
        """Become the document of this snapshot, with what is here: for a replica that holds a seed and little else.

        Loading a document costs a quarter of applying its changes. ObjectIds and the actor stay valid. Raises
        BadSyncMessage if the snapshot cannot be loaded or does not begin with the same seed.
        """
        try:
            whole = Replica.load(snapshot, self.actor)
        except CorruptDocument as error:
            raise BadSyncMessage(f"its document cannot be loaded ({error.message})") from error
        here = self.hashed_changes_since(())
        if here and not whole.contains([here[0][0]]):
            raise BadSyncMessage("its document does not begin as documents here do")
        whole.apply([chunk for _, chunk in here[1:]])
        self._take_over(whole._source, self.actor)
        self.generation += 1

    # --- writing ----------------------------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """All writes inside become one change; an exception inside undoes them and passes on."""
        if self._panic is not None:
            raise ReplicaPanic(f"this replica is unusable since its core failed: {self._panic}.")
        with self._source.transaction() as source:
            yield Transaction(self, source)

    # --- forks ------------------------------------------------------------------------------------------------------

    def fork(self, actor: bytes | None = None) -> Replica:
        """An independent copy at the current heads, with an actor of its own, by default of the same author.

        Cheap: keep one to edit what was read.
        """
        forked = self._call(self._source.fork)
        return Replica._of(forked, actor or sibling_of(self.actor))

    def fork_at(self, heads: Sequence[bytes], actor: bytes | None = None) -> Replica:
        """An independent copy as it was at `heads`. Costs the history, unless that is now: for rare needs.

        Rebuilt from the changes that `heads` contain, because the binding's own fork_at fails on concurrent histories.
        Raises UnknownHeads.
        """
        if not self.contains(heads):
            raise UnknownHeads("the replica does not contain the heads to fork at.")
        if tuple(sorted(heads)) == self.heads():
            return self.fork(actor)
        later = {change.hash for change in self._call(self._source.get_changes, list(heads))}
        chunks = [change.bytes for change in self._call(self._source.get_changes, []) if change.hash not in later]
        return Replica.load(b"".join(chunks), actor)

    def merge(self, other: Replica) -> None:
        """Take in everything that `other` has."""
        if other is not self:
            self._call(self._source.merge, other._source)

    # --- sync -------------------------------------------------------------------------------------------------------

    def sync_session(self) -> SyncSession:
        """A new conversation with one peer about this document: one per connection."""
        return SyncSession(self)
