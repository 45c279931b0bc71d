"""Operations that add to a document, and the columns in which both changes and snapshots keep them.

An Operations is one operation, or as many as a text has characters: they follow each other, each inserts after the one
before, and nothing else about them differs but their characters. What a change and a snapshot say of them in the same
way is encoded here; in which order they stand, and by which indices actors are named, is for those to say.

Format: "Operation Columns" in https://automerge.org/automerge-binary-format-spec/.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from notebook_doc.columns import BooleanColumn, RunColumn, prefixed, sleb
from notebook_doc.sync_message import uleb
from notebook_doc.touched import ObjectKey


class Operations(NamedTuple):
    """See the module."""

    obj: ObjectKey
    key: str | None  # in a map
    element: int | None  # in a list or text: the counter of what the first inserts after, 0 at the beginning
    counter: int  # of the first
    action: int
    metas: tuple[tuple[int, int], ...]  # runs of value metadata: (metadata, how many)
    raw: bytes  # the values
    length: int


def element_column(operations: Iterable[Operations]) -> bytes:
    """After which element each inserts: the differences of the counters."""
    column = RunColumn(sleb)
    column.extend(_element_steps(operations))
    return column.bytes()


def _element_steps(operations: Iterable[Operations]) -> Iterator[tuple[int | None, int]]:
    last = 0
    for o in operations:
        if o.element is None:
            yield None, o.length
            continue
        yield o.element - last, 1
        last = o.element
        if o.length > 1:
            yield o.counter - last, 1
            yield from ((1, o.length - 2),) if o.length > 2 else ()
            last = o.counter + o.length - 2


def element_actor_column(operations: Iterable[tuple[int, Operations]]) -> bytes:
    """Whose elements these are, given with each the index of its actor: every one inserts after elements of its own."""
    column = RunColumn(uleb)
    column.extend(_element_actors(operations))
    return column.bytes()


def _element_actors(operations: Iterable[tuple[int, Operations]]) -> Iterator[tuple[int | None, int]]:
    for actor, o in operations:
        if o.element is None:
            yield None, o.length
        else:
            yield (actor if o.element else None), 1
            if o.length > 1:
                yield actor, o.length - 1


def key_column(operations: Iterable[Operations]) -> bytes:
    """The keys in maps."""
    column: RunColumn[str] = RunColumn(_prefixed_text)
    column.extend((o.key, o.length) for o in operations)
    return column.bytes()


@lru_cache(4096)
def _prefixed_text(text: str) -> bytes:
    return prefixed(text.encode())


def insert_column(operations: Iterable[Operations]) -> bytes:
    """Which of them insert."""
    column = BooleanColumn()
    for o in operations:
        column.add(o.key is None, o.length)
    return column.bytes()


def action_column(operations: Iterable[Operations]) -> bytes:
    """What they do."""
    column = RunColumn(uleb)
    column.extend((o.action, o.length) for o in operations)
    return column.bytes()


def value_columns(operations: Sequence[Operations]) -> tuple[bytes, bytes]:
    """The types and sizes of their values, and the values."""
    metas = RunColumn(uleb)
    metas.extend(run for o in operations for run in o.metas)
    return metas.bytes(), b"".join([o.raw for o in operations])
