"""Reading a document in plain Python values: the same now, inside a transaction, and as it was at some heads.

A ReadView knows the binding's reading calls and nothing of writing. It gives what the binding cannot read (a counter
that a foreign peer wrote) as None and leaves every other failure to whoever implements `_call`. Objects are named by
`ObjectId`, valid in the replica they came from and its forks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, NewType, TypeVar

from automerge.core import ROOT as _ROOT
from automerge.core import Document, ObjType, ScalarType

from notebook_doc.errors import UnreadableValue
from notebook_doc.json_values import Json, Scalar, from_scalar, restore_big_int
from notebook_doc.sync_message import Reader
from notebook_doc.touched import ROOT_KEY, ObjectKey

if TYPE_CHECKING:
    from notebook_doc.replica.document import Replica

ObjectId = NewType("ObjectId", bytes)
Heads = tuple[bytes, ...]  # sorted change hashes, 32 bytes each

ROOT: Final = ObjectId(_ROOT)
R = TypeVar("R")


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


def object_key(obj: ObjectId) -> ObjectKey:
    """The replica-independent name of an object, to compare with `touched_since`."""
    if obj == ROOT:
        return ROOT_KEY
    reader = Reader(obj, 1)  # after a version byte: the actor, its index in this replica, the counter
    actor = reader.take(reader.uleb())
    reader.uleb()
    return ObjectKey(reader.uleb(), actor)
