"""Which objects a change touched, read from the change's own columns.

The binding can say that two states differ only at the cost of the whole document; a change says it at the cost of the
change. So what happened since some heads is found by reading the changes made since then. This module decodes the
object, key and action columns of one change and nothing else of it. Everybody who follows a document asks that of the
latest changes, one after the other, so what small ones wrote is remembered.

Format: "Change Chunks" and "Columnar Storage" in https://automerge.org/automerge-binary-format-spec/.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from notebook_doc.columns import Runs, column_data
from notebook_doc.errors import BadSyncMessage
from notebook_doc.sync_message import Reader, change_body


class ObjectKey(NamedTuple):
    """An object by the operation that made it: the same at every replica."""

    counter: int
    actor: bytes


class Touch(NamedTuple):
    """One operation, or several alike: `key` was written in `target` (None in a list or text), and if that made an
    object, it is `made`."""

    target: ObjectKey
    key: str | None
    made: ObjectKey | None
    counter: int  # of the first of these operations
    operations: int = 1


ROOT_KEY: Final = ObjectKey(0, b"")

# Changes that are remembered, and the bytes of the longest of them: those of one turn of the loop in a few notebooks. A
# birth is read once.
REMEMBERED: Final = 64
SMALL: Final = 2048

# Column specifications: id << 4 | type.
_OBJECT_ACTOR: Final = 0x01
_OBJECT_COUNTER: Final = 0x02
_KEY_STRING: Final = 0x15
_ACTION: Final = 0x42
_MAKING_ACTIONS: Final = frozenset((0, 2, 4, 6))  # make map, list, text, table


def touches(chunk: bytes) -> Iterable[Touch]:
    """What a change that has been applied wrote, in order. Raises BadSyncMessage if it is damaged.

    Operations of one kind on one object that follow each other are told as one: a long text costs no more than a
    letter.
    """
    return _remembered(chunk) if len(chunk) <= SMALL else _read(chunk)


@lru_cache(REMEMBERED)
def _remembered(chunk: bytes) -> tuple[Touch, ...]:
    return tuple(_read(chunk))


def _read(chunk: bytes) -> Iterator[Touch]:
    reader = Reader(change_body(chunk))
    reader.hashes()
    actors = [reader.take(reader.uleb())]
    reader.uleb()  # seq
    start_op = reader.uleb()
    reader.sleb()  # time
    reader.take(reader.uleb())  # message
    actors += [reader.take(reader.uleb()) for _ in range(reader.uleb())]
    columns = column_data(reader)

    owners = Runs(columns.get(_OBJECT_ACTOR, b""), Reader.uleb)
    counters = Runs(columns.get(_OBJECT_COUNTER, b""), Reader.uleb)
    keys = Runs(columns.get(_KEY_STRING, b""), _string)
    actions = Runs(columns.get(_ACTION, b""), Reader.uleb, rest=0)
    operation = start_op
    while actions.left:
        count = min(owners.left, counters.left, keys.left, actions.left)
        owner, counter, key = owners.value, counters.value, keys.value
        if owner is None or counter is None:
            target = ROOT_KEY
        elif owner < len(actors):
            target = ObjectKey(counter, actors[owner])
        else:
            raise BadSyncMessage("a change in it names an actor that it does not list")
        if actions.value in _MAKING_ACTIONS:
            for made in range(operation, operation + int(count)):
                yield Touch(target, key, ObjectKey(made, actors[0]), made)
        else:
            yield Touch(target, key, None, operation, int(count))
        operation += int(count)
        for column in (owners, counters, keys, actions):
            column.skip(count)


def _string(reader: Reader) -> str:
    return reader.take(reader.uleb()).decode("utf-8", "replace")
