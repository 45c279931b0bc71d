"""Writes the snapshot of a document that only grew, from its changes, without the core.

The core loads a snapshot four times as fast as it applies the same changes (0.4 us a character against 1.7), but it
makes snapshots only of what it has applied. For a document that was just born (a seed, and one change that adds) the
snapshot follows from the bytes: its operations are those of the changes, put in order by object. It promises a document
with the same heads, and refuses (BadEdit) histories with anything concurrent, overwritten or deleted in them. Pure.

Format: "Document Chunks" in https://automerge.org/automerge-binary-format-spec/.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from notebook_doc.change_writer import ChangeWriter
from notebook_doc.columns import BooleanRuns, DeltaColumn, RunColumn, Runs, column_data, prefixed, sleb
from notebook_doc.errors import BadEdit
from notebook_doc.operations import (
    Operations,
    action_column,
    element_actor_column,
    element_column,
    insert_column,
    key_column,
    value_columns,
)
from notebook_doc.sync_message import CHUNK_MAGIC, Reader, change_body, read_change, uleb
from notebook_doc.touched import ROOT_KEY, ObjectKey

_DOCUMENT_CHUNK: Final = b"\0"
_BYTES: Final = 7  # the type of a value that is bytes


class _Change(NamedTuple):
    actor: bytes
    seq: int
    end: int  # the counter of its last operation
    hash: bytes


def snapshot_of(chunks: Sequence[bytes], writer: ChangeWriter | None = None) -> bytes:
    """The document chunk of these changes, each of which builds on the one before. Raises BadEdit, BadSyncMessage.

    `writer` is the one that wrote the last of them: what it has collected need not be read from the chunk again.
    """
    read = [_read(chunk) for chunk in (chunks if writer is None else chunks[:-1])]
    changes = [change for change, _ in read]
    if writer is not None:
        if writer.overwrites:
            raise BadEdit("a snapshot can be written only of changes that overwrite nothing.")
        last = writer.operations[-1]
        changes.append(_Change(writer.actor, 1, last.counter + last.length - 1, read_change(chunks[-1]).hash))
    actors = sorted({change.actor for change in changes})
    objects: dict[ObjectKey, list[tuple[int, Operations]]] = {}
    for change, its_operations in read:
        _add(objects, actors.index(change.actor), its_operations)
    if writer is not None:
        _add(objects, actors.index(writer.actor), writer.operations)
    about_changes = _change_columns(changes, actors)
    operations = _operation_columns(objects, {actor: number for number, actor in enumerate(actors)})
    body = b"".join(
        (
            uleb(len(actors)),
            *map(prefixed, actors),
            uleb(1),
            changes[-1].hash,
            _layout(about_changes),
            _layout(operations),
            *(data for _, data in about_changes),
            *(data for _, data in operations),
            uleb(len(changes) - 1),  # which change the head is
        )
    )
    typed = _DOCUMENT_CHUNK + uleb(len(body)) + body
    return CHUNK_MAGIC + sha256(typed).digest()[:4] + typed


def _read(chunk: bytes) -> tuple[_Change, list[Operations]]:
    reader = Reader(change_body(chunk))
    reader.hashes()
    actor = reader.take(reader.uleb())
    seq, start = reader.uleb(), reader.uleb()
    reader.sleb()
    reader.take(reader.uleb())
    others = [reader.take(reader.uleb()) for _ in range(reader.uleb())]
    operations = _read_operations(column_data(reader), start, [actor, *others])
    end = operations[-1].counter + operations[-1].length - 1 if operations else start - 1
    return _Change(actor, seq, end, read_change(chunk).hash), operations


def _read_operations(columns: dict[int, bytes], start: int, actors: list[bytes]) -> list[Operations]:
    """A change's operations, one by one; all of them must add."""
    owners = Runs(columns.get(0x01, b""), Reader.uleb)
    owner_counters = Runs(columns.get(0x02, b""), Reader.uleb)
    element_actors = Runs(columns.get(0x11, b""), Reader.uleb)
    elements = Runs(columns.get(0x13, b""), Reader.sleb)
    keys = Runs(columns.get(0x15, b""), lambda reader: reader.take(reader.uleb()).decode())
    inserts = BooleanRuns(columns.get(0x34, b""))
    actions = Runs(columns.get(0x42, b""), Reader.uleb, rest=0)
    metas = Runs(columns.get(0x56, b""), Reader.uleb)
    predecessors = Runs(columns.get(0x70, b""), Reader.uleb)
    values = Reader(columns.get(0x57, b""))
    found: list[Operations] = []
    ends: dict[ObjectKey, int] = {}  # of lists and texts: the counter of the last element
    counter, element = start, 0
    while actions.left:
        element += elements.value or 0
        if predecessors.value:
            raise BadEdit("a snapshot can be written only of changes that overwrite nothing.")
        if actions.value is None or metas.value is None:
            raise BadEdit("a snapshot cannot be written of a change without actions.")
        obj = ROOT_KEY if owners.value is None else ObjectKey(owner_counters.value or 0, actors[owners.value])
        if keys.value is None:
            if not inserts.value or element != ends.get(obj, 0) or element_actors.value:  # only after its own elements
                raise BadEdit("a snapshot can be written only of lists and texts that were appended to.")
            ends[obj] = counter
        place = element if keys.value is None else None
        raw = values.take(metas.value >> 4)
        found.append(Operations(obj, keys.value, place, counter, actions.value, ((metas.value, 1),), raw, 1))
        counter += 1
        for column in (owners, owner_counters, element_actors, elements, keys, inserts, actions, metas, predecessors):
            column.skip(1)
    return found


def _add(objects: dict[ObjectKey, list[tuple[int, Operations]]], actor: int, operations: Sequence[Operations]) -> None:
    for o in operations:
        if (those := objects.get(o.obj)) is not None:
            those.append((actor, o))
        else:
            objects[o.obj] = [(actor, o)]


def _change_columns(changes: Sequence[_Change], actors: list[bytes]) -> list[tuple[int, bytes]]:
    authors, extra = RunColumn(uleb), RunColumn(uleb)
    seqs, last_operations, times = DeltaColumn(), DeltaColumn(), DeltaColumn()
    dependencies, depends_on = RunColumn(uleb), DeltaColumn()
    for number, change in enumerate(changes):
        authors.add(actors.index(change.actor), 1)
        seqs.add(change.seq)
        last_operations.add(change.end)
        times.add(0)
        dependencies.add(min(number, 1), 1)
        if number:
            depends_on.add(number - 1)
        extra.add(_BYTES, 1)
    return _filled(
        (0x01, authors.bytes()),
        (0x03, seqs.bytes()),
        (0x13, last_operations.bytes()),
        (0x23, times.bytes()),
        (0x40, dependencies.bytes()),
        (0x43, depends_on.bytes()),
        (0x56, extra.bytes()),
    )


def _operation_columns(
    objects: dict[ObjectKey, list[tuple[int, Operations]]], index: dict[bytes, int]
) -> list[tuple[int, bytes]]:
    authored: list[tuple[int, Operations]] = []
    owners, owner_counters = RunColumn(uleb), RunColumn(uleb)
    for obj in sorted(objects, key=lambda obj: (obj.counter, index.get(obj.actor, -1))):
        those = objects[obj]
        if those[0][1].key is not None:
            those.sort(key=lambda operation: operation[1].key or "")
        count = sum([o.length for _, o in those])
        owners.add(index.get(obj.actor), count)  # None for the root
        owner_counters.add(obj.counter or None, count)
        authored += those
    operations = [o for _, o in authored]
    authors, counters, successors = RunColumn(uleb), RunColumn(sleb), RunColumn(uleb)
    authors.extend((actor, o.length) for actor, o in authored)
    counters.extend(_counter_steps(operations))
    successors.add(0, sum([o.length for o in operations]))
    metas, values = value_columns(operations)
    return _filled(
        (0x01, owners.bytes()),
        (0x02, owner_counters.bytes()),
        (0x11, element_actor_column(authored)),
        (0x13, element_column(operations)),
        (0x15, key_column(operations)),
        (0x21, authors.bytes()),
        (0x23, counters.bytes()),
        (0x34, insert_column(operations)),
        (0x42, action_column(operations)),
        (0x56, metas),
        (0x57, values),
        (0x80, successors.bytes()),
    )


def _counter_steps(operations: Sequence[Operations]) -> Iterator[tuple[int, int]]:
    last = 0
    for o in operations:
        yield o.counter - last, 1
        if o.length > 1:
            yield 1, o.length - 1
        last = o.counter + o.length - 1


def _filled(*columns: tuple[int, bytes]) -> list[tuple[int, bytes]]:
    return [(specification, data) for specification, data in columns if data]


def _layout(columns: Sequence[tuple[int, bytes]]) -> bytes:
    return uleb(len(columns)) + b"".join(uleb(specification) + uleb(len(data)) for specification, data in columns)
