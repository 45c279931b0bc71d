"""Which objects a change touched, read from the change's own columns.

The binding can say that two states differ only at the cost of the whole document; a change says it at the cost of the
change. So what happened since some heads is found by reading the changes made since then. This module decodes the
object, key and action columns of one change and nothing else of it.

Format: "Change Chunks" and "Columnar Storage" in https://automerge.org/automerge-binary-format-spec/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, repeat
from typing import Final, NamedTuple, TypeVar

from notebook_doc.errors import BadSyncMessage
from notebook_doc.sync_message import Reader, change_body


class ObjectKey(NamedTuple):
    """An object by the operation that made it: the same at every replica."""

    counter: int
    actor: bytes


class Touch(NamedTuple):
    """One operation: `key` was written in `target` (None in a list or text); it made the object `made`, if any."""

    target: ObjectKey
    key: str | None
    made: ObjectKey | None


ROOT_KEY: Final = ObjectKey(0, b"")
T = TypeVar("T")

# Column specifications: id << 4 | type. Bit 3 of a specification marks a column as compressed.
_OBJECT_ACTOR: Final = 0x01
_OBJECT_COUNTER: Final = 0x02
_KEY_STRING: Final = 0x15
_ACTION: Final = 0x42
_COMPRESSED_COLUMN: Final = 0x08
_MAKING_ACTIONS: Final = frozenset((0, 2, 4, 6))  # make map, list, text, table


def touches(chunk: bytes) -> Iterator[Touch]:
    """The operations of a change that has been applied, in order. Raises BadSyncMessage if it is damaged."""
    reader = Reader(change_body(chunk))
    reader.hashes()
    actors = [reader.take(reader.uleb())]
    reader.uleb()  # seq
    start_op = reader.uleb()
    reader.sleb()  # time
    reader.take(reader.uleb())  # message
    actors += [reader.take(reader.uleb()) for _ in range(reader.uleb())]
    columns = _columns(reader)

    nothing: Iterator[None] = repeat(None)
    owners = chain(_values(columns.get(_OBJECT_ACTOR, b""), Reader.uleb), nothing)
    counters = chain(_values(columns.get(_OBJECT_COUNTER, b""), Reader.uleb), nothing)
    keys = chain(_values(columns.get(_KEY_STRING, b""), _string), nothing)
    actions = _values(columns.get(_ACTION, b""), Reader.uleb)
    for operation, (owner, counter, key, action) in enumerate(zip(owners, counters, keys, actions, strict=False)):
        if owner is None or counter is None:
            target = ROOT_KEY
        elif owner < len(actors):
            target = ObjectKey(counter, actors[owner])
        else:
            raise BadSyncMessage("a change in it names an actor that it does not list")
        yield Touch(target, key, ObjectKey(start_op + operation, actors[0]) if action in _MAKING_ACTIONS else None)


def _columns(reader: Reader) -> dict[int, bytes]:
    layout = [(reader.uleb(), reader.uleb()) for _ in range(reader.uleb())]
    columns: dict[int, bytes] = {}
    for specification, size in layout:
        if specification & _COMPRESSED_COLUMN:
            raise BadSyncMessage("a change in it has a compressed column, which only documents may have")
        columns[specification] = reader.take(size)
    return columns


def _string(reader: Reader) -> str:
    return reader.take(reader.uleb()).decode("utf-8", "replace")


def _values(column: bytes, read: Callable[[Reader], T]) -> Iterator[T | None]:
    """Run-length decoding: n > 0 repeats a value, n < 0 is -n literal values, 0 is a counted run of nulls."""
    reader = Reader(column)
    while reader.position < reader.end:
        length = reader.sleb()
        if length > 0:
            yield from repeat(read(reader), length)
        elif length < 0:
            for _ in range(-length):
                yield read(reader)
        else:
            yield from repeat(None, reader.uleb())
