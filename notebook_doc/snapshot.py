"""Writes the snapshot of a document that only grew, from its changes, without the core.

The core loads a snapshot four times as fast as it applies the same changes (0.4 us a character against 1.7), but it
makes snapshots only of what it has applied. For a document that was just born (a seed, and one change that adds) the
snapshot follows from the bytes: its operations are those of the changes, put in order by object. It promises a document
with the same heads, and refuses (BadEdit) histories with anything concurrent, overwritten or deleted in them. Pure.

Format: "Document Chunks" in https://automerge.org/automerge-binary-format-spec/.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from notebook_doc.columns import BooleanColumn, BooleanRuns, DeltaColumn, RunColumn, Runs, column_data, prefixed
from notebook_doc.errors import BadEdit
from notebook_doc.sync_message import CHUNK_MAGIC, Reader, change_body, read_change, uleb

_DOCUMENT_CHUNK: Final = b"\0"
_BYTES: Final = 7  # the type of a value that is bytes
_ROOT: Final = (0, -1)  # the root map, before every other object


class _Operations(NamedTuple):
    """Operations of one change on one object that follow each other and differ only in what they count up: a text's
    characters, or a single operation. `element` is what the first inserts after, each further one after the one before.
    """

    key: str | None
    element: int | None
    element_actor: int | None
    insert: bool
    actor: int
    counter: int
    action: int
    metas: tuple[tuple[int, int], ...]  # runs of value metadata: (metadata, how many)
    raw: bytes
    length: int


class _Change(NamedTuple):
    actor: bytes
    actors: list[bytes]
    seq: int
    start: int
    columns: dict[int, bytes]
    hash: bytes


def snapshot_of(chunks: Sequence[bytes]) -> bytes:
    """The document chunk of these changes, each of which builds on the one before. Raises BadEdit, BadSyncMessage."""
    changes = [_read(chunk) for chunk in chunks]
    actors = sorted({change.actor for change in changes})
    objects: dict[tuple[int, int], list[_Operations]] = {}
    ends = [_sort_in(change, actors, objects) for change in changes]
    about_changes = _change_columns(changes, actors, ends)
    operations = _operation_columns(objects)
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


def _read(chunk: bytes) -> _Change:
    reader = Reader(change_body(chunk))
    reader.hashes()
    actor = reader.take(reader.uleb())
    seq, start = reader.uleb(), reader.uleb()
    reader.sleb()
    reader.take(reader.uleb())
    others = [reader.take(reader.uleb()) for _ in range(reader.uleb())]
    return _Change(actor, [actor, *others], seq, start, column_data(reader), read_change(chunk).hash)


def _sort_in(change: _Change, actors: list[bytes], objects: dict[tuple[int, int], list[_Operations]]) -> int:
    """Add a change's operations to their objects; return the counter of the last."""
    index = [actors.index(actor) for actor in change.actors]
    actor = index[0]
    columns = change.columns
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
    counter, element = change.start, 0
    while actions.left:
        count = int(min(c.left for c in (owners, owner_counters, element_actors, elements, keys, inserts, actions)))
        if elements.value is not None:
            element += elements.value
        if count > 1 and not (elements.value == 1 and element == counter - 1):
            count = 1
        if predecessors.value or predecessors.left < count:
            raise BadEdit("a snapshot can be written only of changes that overwrite nothing.")
        if actions.value is None or metas.value is None:
            raise BadEdit("a snapshot cannot be written of a change without actions.")
        value_runs, size, left = [], 0, count
        while left:
            run = int(min(left, metas.left))
            value_runs.append((metas.value, run))
            size += run * (metas.value >> 4)
            metas.skip(run)
            left -= run
        obj = _ROOT if owners.value is None else (owner_counters.value or 0, index[owners.value])
        element_actor = None if element_actors.value is None else index[element_actors.value]
        operations = _Operations(
            keys.value,
            element if elements.value is not None else None,
            element_actor,
            inserts.value,
            actor,
            counter,
            actions.value,
            tuple(value_runs),
            values.take(size),
            count,
        )
        _add(objects.setdefault(obj, []), operations)
        if elements.value is not None:
            element += count - 1
        counter += count
        for column in (owners, owner_counters, element_actors, elements, keys, inserts, actions, predecessors):
            column.skip(count)
    return counter - 1


def _add(operations: list[_Operations], new: _Operations) -> None:
    """Append to an object, making sure that appending is all that happened to it."""
    if new.key is None:
        last = operations[-1] if operations else None
        end = (0, None) if last is None else (last.counter + last.length - 1, last.actor)
        if not new.insert or (new.element, new.element_actor) != end:
            raise BadEdit("a snapshot can be written only of lists and texts that were appended to.")
    operations.append(new)


def _change_columns(changes: Sequence[_Change], actors: list[bytes], ends: Sequence[int]) -> list[tuple[int, bytes]]:
    authors, extra = RunColumn(uleb), RunColumn(uleb)
    seqs, last_operations, times = DeltaColumn(), DeltaColumn(), DeltaColumn()
    dependencies, depends_on = RunColumn(uleb), DeltaColumn()
    for number, (change, end) in enumerate(zip(changes, ends, strict=True)):
        authors.add(actors.index(change.actor), 1)
        seqs.add(change.seq)
        last_operations.add(end)
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


def _operation_columns(objects: dict[tuple[int, int], list[_Operations]]) -> list[tuple[int, bytes]]:
    owners, owner_counters = RunColumn(uleb), RunColumn(uleb)
    element_actors, elements = RunColumn(uleb), DeltaColumn()
    keys: RunColumn[str] = RunColumn(lambda key: prefixed(key.encode()))
    authors, counters, inserts = RunColumn(uleb), DeltaColumn(), BooleanColumn()
    actions, metas, successors = RunColumn(uleb), RunColumn(uleb), RunColumn(uleb)
    raw: list[bytes] = []
    for obj in sorted(objects):
        operations = objects[obj]
        if operations[0].key is not None:
            operations.sort(key=lambda operation: operation.key or "")
        for o in operations:
            owners.add(None if obj == _ROOT else obj[1], o.length)
            owner_counters.add(None if obj == _ROOT else obj[0], o.length)
            element_actors.add(o.element_actor, 1)
            element_actors.add(o.actor, o.length - 1)
            elements.add(o.element)
            keys.add(o.key, o.length)
            authors.add(o.actor, o.length)
            counters.add(o.counter)
            inserts.add(o.insert, o.length)
            successors.add(0, o.length)
            actions.add(o.action, o.length)
            for meta, count in o.metas:
                metas.add(meta, count)
            if o.length > 1:
                elements.add_steps(o.length - 1)
                counters.add_steps(o.length - 1)
            raw.append(o.raw)
    return _filled(
        (0x01, owners.bytes()),
        (0x02, owner_counters.bytes()),
        (0x11, element_actors.bytes()),
        (0x13, elements.bytes()),
        (0x15, keys.bytes()),
        (0x21, authors.bytes()),
        (0x23, counters.bytes()),
        (0x34, inserts.bytes()),
        (0x42, actions.bytes()),
        (0x56, metas.bytes()),
        (0x57, b"".join(raw)),
        (0x80, successors.bytes()),
    )


def _filled(*columns: tuple[int, bytes]) -> list[tuple[int, bytes]]:
    return [(specification, data) for specification, data in columns if data]


def _layout(columns: Sequence[tuple[int, bytes]]) -> bytes:
    return uleb(len(columns)) + b"".join(uleb(specification) + uleb(len(data)) for specification, data in columns)
