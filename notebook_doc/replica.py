"""One peer's copy of one Automerge document: the only module that knows the `automerge` binding.

A Replica owns the binding's document. It offers what the rest of Quire needs of it (reading, transactions, text
splices, JSON diffed into place, changes since heads, forks, sync sessions) in plain Python values, and turns the
binding's failures into errors of our own. It promises that a failed transaction leaves no trace, and that a replica
whose core has panicked says so (ReplicaPanic) instead of answering from a state nobody can vouch for: drop it and load
another. It does no I/O, is not thread-safe, and never writes counters, which crash the binding.

Objects are named by `ObjectId`, valid in the replica they came from and its forks. Text is indexed in Unicode code
points.
"""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import repeat
from typing import Any, Final, NamedTuple, NewType, TypeVar

from automerge.core import ROOT as _ROOT
from automerge.core import Document, Message, ObjType, ScalarType, SyncState

from notebook_doc.errors import (
    BadEdit,
    BadSyncMessage,
    CorruptDocument,
    ReplicaError,
    ReplicaPanic,
    UnknownHeads,
    UnreadableValue,
)
from notebook_doc.json_values import (
    Json,
    Scalar,
    from_scalar,
    restore_big_int,
    same_scalar,
    store_big_int,
    to_scalar,
)
from notebook_doc.sync_message import Have, Reader, decode, encode, need_of, read_change, with_need
from notebook_doc.text_diff import Splice
from notebook_doc.touched import ROOT_KEY, ObjectKey

ObjectId = NewType("ObjectId", bytes)
Heads = tuple[bytes, ...]  # sorted change hashes, 32 bytes each

ROOT: Final = ObjectId(_ROOT)
ACTOR_SIZE: Final = 16  # bytes
AUTHOR_KEY_SIZE: Final = 8  # of them; the rest is random, since every replica that writes needs its own
# Changes whose presence is known without asking the core: a question costs 40 us in a short history and 400 us in one
# of 4,000 changes, and every message that arrives asks one.
RECENT_CHANGES: Final = 4096

_SCALAR_TYPES: Final[dict[str, ScalarType]] = {
    "str": ScalarType.Str,
    "int": ScalarType.Int,
    "uint": ScalarType.Uint,
    "float": ScalarType.F64,
    "bool": ScalarType.Boolean,
    "null": ScalarType.Null,
}
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


def random_actor() -> bytes:
    """A fresh actor id. Every replica that writes needs its own, forks included."""
    return os.urandom(ACTOR_SIZE)


def actor_of(author_id: str) -> bytes:
    """A fresh actor id by which others can tell whose changes these are: see `author_key`."""
    return author_key_of(author_id) + os.urandom(ACTOR_SIZE - AUTHOR_KEY_SIZE)


def author_key_of(author_id: str) -> bytes:
    """What all actors of this author begin with."""
    return hashlib.sha256(b"quire author\0" + author_id.encode()).digest()[:AUTHOR_KEY_SIZE]


def author_key(actor: bytes) -> bytes:
    """Whose actor it is, to compare with `author_key_of`; an actor that nobody named is an author of its own."""
    return actor[:AUTHOR_KEY_SIZE]


def _is_panic(error: BaseException) -> bool:
    # pyo3 raises a class that cannot be imported and derives from BaseException.
    return type(error).__name__ == "PanicException"


class ReadView(ABC):
    """Reading, the same on a document and inside a transaction."""

    _source: Any  # the binding's Document or Transaction: both have get, keys, values, length, text, object_type

    @abstractmethod
    def _call(self, function: Callable[..., R], *arguments: object) -> R:
        """Call into the binding, with its failures turned into ours."""

    def child(self, parent: ObjectId, key: str | int) -> ObjectId | None:
        """The map, list or text at `key`; None if there is none or a scalar."""
        found = self._get(parent, key)
        return ObjectId(found[1]) if found is not None and isinstance(found[0], ObjType) else None

    def scalar(self, parent: ObjectId, key: str | int) -> Scalar:
        """The scalar at `key`, None if it is absent, null, unreadable or an object."""
        found = self._get(parent, key)
        return None if found is None or isinstance(found[0], ObjType) else from_scalar(found[0][1])

    def string(self, parent: ObjectId, key: str) -> str | None:
        """The string at `key`, whether it was written as a scalar or as a Text; None if there is none."""
        found = self._get(parent, key)
        if found is None:
            return None
        if isinstance(found[0], ObjType):
            return self.text(ObjectId(found[1])) if found[0] == ObjType.Text else None
        value = found[0][1]
        return value if isinstance(value, str) else None

    def keys(self, obj: ObjectId) -> list[str]:
        """The keys of a map, sorted."""
        return self._call(self._source.keys, obj)

    def entries(self, obj: ObjectId) -> tuple[dict[str, Scalar], dict[str, ObjectId]]:
        """What is directly in a map: its scalars and its objects, by key. Costs two calls, however many there are."""
        scalars: dict[str, Scalar] = {}
        objects: dict[str, ObjectId] = {}
        for key, (value, oid) in zip(self.keys(obj), self._values(obj), strict=True):
            if isinstance(value, ObjType):
                objects[key] = ObjectId(oid)
            else:
                scalars[key] = from_scalar(value[1])
        return scalars, objects

    def objects_in(self, obj: ObjectId) -> list[tuple[str | None, ObjectId]]:
        """The maps, lists and texts directly in a map (by key) or a list (key None); a text has none."""
        kind = self.kind(obj)
        if kind == ObjType.Text:
            return []
        values = self._values(obj)
        keys: Iterable[str | None] = self.keys(obj) if kind == ObjType.Map else repeat(None)
        return [(k, ObjectId(o)) for k, (v, o) in zip(keys, values, strict=False) if isinstance(v, ObjType)]

    def writer(self, obj: ObjectId, key: str) -> bytes | None:
        """The actor whose write of `key` counts; None if the key is absent."""
        found = self._get(obj, key)
        return None if found is None else object_key(ObjectId(found[1])).actor

    def length(self, obj: ObjectId) -> int:
        """The length of a list, or of a text in code points."""
        length: int = self._call(self._source.length, obj)
        return length

    def text(self, obj: ObjectId) -> str:
        """The whole text. Costs about 0.07 us a character."""
        text: str = self._call(self._source.text, obj)
        return text

    def elements(self, text: ObjectId) -> list[ObjectKey]:
        """For each character of a text, the operation that put it there. Costs about 0.3 us a character."""
        return [object_key(ObjectId(oid)) for _, oid in self._values(text)]

    def kind(self, obj: ObjectId) -> ObjType:
        """Map, List or Text."""
        kind: ObjType = self._call(self._source.object_type, obj)
        return kind

    def json(self, obj: ObjectId) -> Json:
        """The object and all in it as JSON values; what is unreadable (a foreign counter) is given as None."""
        kind = self.kind(obj)
        if kind == ObjType.Text:
            return self.text(obj)
        values = self._values(obj)
        if kind == ObjType.List:
            return [self._json_value(value, ObjectId(oid)) for value, oid in values]
        return restore_big_int(
            {k: self._json_value(value, ObjectId(oid)) for k, (value, oid) in zip(self.keys(obj), values, strict=True)}
        )

    def _get(self, obj: ObjectId, key: str | int) -> Any:
        """The binding's answer, None also for what it cannot read."""
        try:
            return self._call(self._source.get, obj, key)
        except UnreadableValue:
            return None

    def _values(self, obj: ObjectId) -> list[tuple[Any, Any]]:
        try:
            values: list[tuple[Any, Any]] = self._call(self._source.values, obj)
        except UnreadableValue:
            places: Iterable[str | int] = self.keys(obj) if self.kind(obj) == ObjType.Map else range(self.length(obj))
            values = [self._get(obj, place) or ((ScalarType.Null, None), ROOT) for place in places]
        return values

    def _json_value(self, value: Any, oid: ObjectId) -> Json:
        return self.json(oid) if isinstance(value, ObjType) else from_scalar(value[1])


class _SourceAt:
    """The binding's document, read as it was at some heads."""

    def __init__(self, document: Document, heads: Heads) -> None:
        self._document, self._heads = document, list(heads)

    def get(self, obj: ObjectId, prop: str | int) -> Any:
        return self._document.get(obj, prop, self._heads)

    def keys(self, obj: ObjectId) -> list[str]:
        return self._document.keys(obj, self._heads)

    def values(self, obj: ObjectId) -> Any:
        return self._document.values(obj, self._heads)

    def length(self, obj: ObjectId) -> int:
        return self._document.length(obj, self._heads)

    def text(self, obj: ObjectId) -> str:
        return self._document.text(obj, self._heads)

    def object_type(self, obj: ObjectId) -> ObjType:
        return self._document.object_type(obj)


class Past(ReadView):
    """A replica's document as it was at some heads. Made by `Replica.at()`; it stays as it is."""

    def __init__(self, replica: Replica, heads: Heads) -> None:
        self._replica, self.heads = replica, heads
        self._source = _SourceAt(replica._source, heads)

    def _call(self, function: Callable[..., R], *arguments: object) -> R:
        return self._replica._guarded(function, *arguments)


class Transaction(ReadView):
    """Writes that become one change, or none at all. Made by `Replica.transaction()`."""

    def __init__(self, replica: Replica, source: Any) -> None:
        self._replica = replica
        self._source = source

    def _call(self, function: Callable[..., R], *arguments: object) -> R:
        return self._replica._guarded(function, *arguments)

    def put(self, obj: ObjectId, key: str | int, value: Scalar) -> None:
        """Write a scalar, unless it is there already."""
        found = self._get(obj, key)
        if found is not None and not isinstance(found[0], ObjType) and same_scalar(found[0][1], value):
            return
        kind, plain = to_scalar(value)
        self._call(self._source.put, obj, key, _SCALAR_TYPES[kind], plain)

    def put_uint(self, obj: ObjectId, key: str, value: int) -> None:
        """Write an unsigned integer (the schema's Uint)."""
        self._call(self._source.put, obj, key, ScalarType.Uint, value)

    def make_map(self, obj: ObjectId, key: str) -> ObjectId:
        """A new empty map at `key`."""
        return ObjectId(self._call(self._source.put_object, obj, key, ObjType.Map))

    def make_list(self, obj: ObjectId, key: str) -> ObjectId:
        """A new empty list at `key`."""
        return ObjectId(self._call(self._source.put_object, obj, key, ObjType.List))

    def make_text(self, obj: ObjectId, key: str, content: str = "") -> ObjectId:
        """A new Text at `key`."""
        text = ObjectId(self._call(self._source.put_object, obj, key, ObjType.Text))
        if content:
            self._call(self._source.splice_text, text, 0, 0, content)
        return text

    def splice(self, text: ObjectId, splices: Iterable[Splice]) -> None:
        """Apply splices in order, each to the text that the one before left. Raises BadEdit outside the text."""
        length = self.length(text)
        for splice in splices:
            if splice.index < 0 or splice.delete < 0 or splice.index + splice.delete > length:
                raise BadEdit(
                    f"a splice at {splice.index} deleting {splice.delete} does not fit a text of {length} characters.",
                    "Make the edit against the text as it is now.",
                )
            self._call(self._source.splice_text, text, splice.index, splice.delete, splice.insert)
            length += len(splice.insert) - splice.delete

    def delete(self, obj: ObjectId, key: str | int) -> None:
        """Remove a key from a map, or an element from a list."""
        self._call(self._source.delete, obj, key)

    def append_scalar(self, obj: ObjectId, value: Scalar) -> None:
        """Add a scalar at the end of a list."""
        self._insert_json(obj, self.length(obj), value)

    def append_json(self, obj: ObjectId, value: Json) -> None:
        """Add a JSON value at the end of a list."""
        self._insert_json(obj, self.length(obj), value)

    def put_json(self, obj: ObjectId, key: str | int, value: Json) -> None:
        """Make the value at `key` equal to `value`, changing only what differs in the objects that are there."""
        value = store_big_int(value)
        existing = self._get(obj, key)
        if isinstance(value, dict):
            if existing is not None and existing[0] == ObjType.Map:
                self._merge_map(ObjectId(existing[1]), value)
            else:
                self.fill(ObjectId(self._call(self._source.put_object, obj, key, ObjType.Map)), value)
        elif isinstance(value, list):
            if existing is not None and existing[0] == ObjType.List:
                self._merge_list(ObjectId(existing[1]), value)
            else:
                self._fill_list(ObjectId(self._call(self._source.put_object, obj, key, ObjType.List)), value)
        else:
            self.put(obj, key, value)

    def merge_json(self, obj: ObjectId, value: dict[str, Json]) -> None:
        """Make the map `obj` equal to `value`, changing only what differs."""
        self._merge_map(obj, value)

    def _merge_map(self, obj: ObjectId, value: dict[str, Json]) -> None:
        for key in self.keys(obj):
            if key not in value:
                self.delete(obj, key)
        for key, item in value.items():
            self.put_json(obj, key, item)

    def fill(self, obj: ObjectId, value: Mapping[str, Json]) -> None:
        """Write a JSON object's items into a map that was just made: nothing there is looked at first."""
        for key, item in value.items():
            item = store_big_int(item)
            if isinstance(item, dict):
                self.fill(ObjectId(self._call(self._source.put_object, obj, key, ObjType.Map)), item)
            elif isinstance(item, list):
                self._fill_list(ObjectId(self._call(self._source.put_object, obj, key, ObjType.List)), item)
            else:
                kind, plain = to_scalar(item)
                self._call(self._source.put, obj, key, _SCALAR_TYPES[kind], plain)

    def _merge_list(self, obj: ObjectId, value: list[Json]) -> None:
        current = self.json(obj)
        assert isinstance(current, list)
        start = 0
        while start < min(len(current), len(value)) and same_scalar(current[start], value[start]):
            start += 1
        tail = 0
        while tail < min(len(current), len(value)) - start and same_scalar(current[-1 - tail], value[-1 - tail]):
            tail += 1
        common = min(len(current), len(value)) - start - tail
        for index in range(start, start + common):
            self.put_json(obj, index, value[index])
        for _ in range(len(current) - start - tail - common):
            self.delete(obj, start + common)
        for index in range(start + common, len(value) - tail):
            self._insert_json(obj, index, value[index])

    def _fill_list(self, obj: ObjectId, value: list[Json]) -> None:
        for index, item in enumerate(value):
            self._insert_json(obj, index, item)

    def _insert_json(self, obj: ObjectId, index: int, value: Json) -> None:
        value = store_big_int(value)
        if isinstance(value, dict):
            self.fill(ObjectId(self._call(self._source.insert_object, obj, index, ObjType.Map)), value)
        elif isinstance(value, list):
            self._fill_list(ObjectId(self._call(self._source.insert_object, obj, index, ObjType.List)), value)
        else:
            kind, plain = to_scalar(value)
            self._call(self._source.insert, obj, index, _SCALAR_TYPES[kind], plain)


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
        self._asked: tuple[Heads, Heads] | None = None
        self._answer: list[tuple[bytes, bytes]] = []  # to what was asked last

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
        asked, now = tuple(heads), self.heads()
        if self._asked != (asked, now):  # each of those who follow a document asks the same after each change
            changes = self._call(self._source.get_changes, list(asked))
            self._asked, self._answer = (asked, now), [(change.hash, change.bytes) for change in changes]
        return list(self._answer)

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
        return Replica._of(forked, actor or author_key(self.actor) + os.urandom(ACTOR_SIZE - AUTHOR_KEY_SIZE))

    def fork_at(self, heads: Sequence[bytes], actor: bytes | None = None) -> Replica:
        """An independent copy as it was at `heads`. Costs the history: for rare needs.

        Rebuilt from the changes that `heads` contain, because the binding's own fork_at fails on concurrent histories.
        Raises UnknownHeads.
        """
        if not self.contains(heads):
            raise UnknownHeads("the replica does not contain the heads to fork at.")
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


class SyncSession:
    """The Automerge sync protocol with one peer over one connection. Owns the sync state; the replica is shared."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._state = SyncState()

    def receive(self, payload: bytes) -> None:
        """Take in a message of the peer, its changes included. Raises BadSyncMessage, ReplicaPanic.

        Of what the peer asks for by hash, only what is here is passed on: the core sends nothing at all if it lacks one
        of them, and two peers that wait for what a third one lost would then never talk again.
        """
        if need := need_of(payload):
            here = self._replica.present(need)
            if len(here) < len(need):
                payload = with_need(payload, [change_hash for change_hash in need if change_hash in here])
        try:
            self._replica._call(self._replica._source.receive_sync_message, self._state, Message.decode(payload))
        except ReplicaPanic:
            raise
        except Exception as error:
            raise BadSyncMessage(f"the document core cannot read it ({error})") from error

    def generate(self, *, as_empty: bool = False) -> bytes | None:
        """The next message for the peer, or None if there is nothing to say. What is generated must be sent.

        `as_empty`: say that nothing is here, not even a seed, so that the peer answers with one whole document.
        """
        source = Document() if as_empty else self._replica._source
        message = self._replica._call(source.generate_sync_message, self._state)
        return None if message is None else message.encode()


def object_key(obj: ObjectId) -> ObjectKey:
    """The replica-independent name of an object, to compare with `touched_since`."""
    if obj == ROOT:
        return ROOT_KEY
    reader = Reader(obj, 1)  # after a version byte: the actor, its index in this replica, the counter
    actor = reader.take(reader.uleb())
    reader.uleb()
    return ObjectKey(reader.uleb(), actor)
