"""Writing: what is written inside a transaction becomes one change, or nothing.

A Transaction writes as little as it can: a scalar that is there already is left alone, JSON values are diffed into the
maps and lists that are there. It never writes counters, which crash the binding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from automerge.core import ObjType, ScalarType

from notebook_doc.errors import BadEdit
from notebook_doc.json_values import Json, Scalar, same_scalar, store_big_int, to_scalar
from notebook_doc.replica.reading import ObjectId, ReadView
from notebook_doc.text_diff import Splice

if TYPE_CHECKING:
    from notebook_doc.replica.document import Replica

_SCALAR_TYPES: Final[dict[str, ScalarType]] = {
    "str": ScalarType.Str,
    "int": ScalarType.Int,
    "uint": ScalarType.Uint,
    "float": ScalarType.F64,
    "bool": ScalarType.Boolean,
    "null": ScalarType.Null,
}
R = TypeVar("R")


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
