"""A change written by hand is byte for byte the one that the binding makes of the same operations."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_doc.change_writer import ChangeWriter
from notebook_doc.errors import BadEdit
from notebook_doc.notebook import notebook_seed
from notebook_doc.replica import ROOT, Replica, object_key
from notebook_doc.snapshot import snapshot_of
from notebook_doc.sync_message import change_body, read_change
from notebook_doc.text_diff import Splice
from notebook_doc.touched import ROOT_KEY, ObjectKey, touches

ACTOR = bytes(range(16))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | texts
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4))
# A cell has one source.
cells = st.lists(
    st.tuples(texts, st.dictionaries(texts.filter(lambda key: key != "source"), values, max_size=5)), max_size=5
)


def by_the_binding(written: list[tuple[str, dict[str, Any]]]) -> bytes:
    replica = Replica.load(notebook_seed(), ACTOR)
    root = replica.child(ROOT, "cells")
    assert root is not None
    seed = replica.heads()
    with replica.transaction() as transaction:
        transaction.put(ROOT, "notebook_id", "an id")
        transaction.put_uint(ROOT, "nbformat_minor", 4)
        for number, (source, metadata) in enumerate(written):
            cell = transaction.make_map(root, f"c{number}")
            transaction.make_text(cell, "source", source)
            transaction.fill(cell, metadata)
    (change,) = replica.changes_since(seed)
    return change


def by_hand(written: list[tuple[str, dict[str, Any]]]) -> ChangeWriter:
    replica = Replica.load(notebook_seed())
    root = replica.child(ROOT, "cells")
    assert root is not None
    (seed,) = replica.changes_since(())
    operations = sum(touch.operations for touch in touches(seed))
    writer = ChangeWriter(ACTOR, start_op=operations + 1, deps=replica.heads())
    writer.put(ROOT_KEY, "notebook_id", "an id")
    writer.put_uint(ROOT_KEY, "nbformat_minor", 4)
    for number, (source, metadata) in enumerate(written):
        cell = writer.make_map(object_key(root), f"c{number}")
        writer.make_text(cell, "source", source)
        writer.fill(cell, metadata)
    return writer


@settings(max_examples=60, deadline=None)
@given(cells)
def test_the_bytes_are_the_same(written: list[tuple[str, dict[str, Any]]]) -> None:
    expected, found = by_the_binding(written), by_hand(written).chunk()
    assert change_body(found) == change_body(expected)
    assert read_change(found).hash == read_change(expected).hash


@settings(max_examples=20, deadline=None)
@given(cells)
def test_a_snapshot_of_it_loads_with_the_same_heads(written: list[tuple[str, dict[str, Any]]]) -> None:
    replica = Replica.load(notebook_seed())
    replica.apply([by_hand(written).chunk()])
    assert Replica.load(replica.save()).heads() == replica.heads()


@settings(max_examples=60, deadline=None)
@given(cells)
def test_a_snapshot_written_by_hand_is_the_document(written: list[tuple[str, dict[str, Any]]]) -> None:
    replica = Replica.load(notebook_seed())
    writer = by_hand(written)
    chunks = [*replica.changes_since(()), writer.chunk()]
    replica.apply(chunks[1:])
    assert snapshot_of(chunks, writer) == snapshot_of(chunks)
    loaded = Replica.load(snapshot_of(chunks))
    assert loaded.heads() == replica.heads()
    assert loaded.json(ROOT) == replica.json(ROOT)
    assert loaded.save() == replica.save()
    assert [change_body(chunk) for chunk in loaded.changes_since(())] == list(map(change_body, chunks))


def test_no_snapshot_is_written_of_what_was_overwritten() -> None:
    replica = Replica.load(notebook_seed(), ACTOR)
    for value in ("one", "two"):
        with replica.transaction() as transaction:
            transaction.put(ROOT, "notebook_id", value)
    with pytest.raises(BadEdit, match="overwrite nothing"):
        snapshot_of(replica.changes_since(()))


def test_no_snapshot_is_written_of_a_text_that_was_inserted_into() -> None:
    replica = Replica.load(notebook_seed(), ACTOR)
    with replica.transaction() as transaction:
        text = transaction.make_text(ROOT, "text", "ac")
        transaction.splice(text, [Splice(1, 0, "b")])
    with pytest.raises(BadEdit, match="appended to"):
        snapshot_of(replica.changes_since(()))


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(texts, values, min_size=1, max_size=5), st.integers(1, 9))
def test_overwriting_is_the_same_too(written: dict[str, Any], minor: int) -> None:
    base = Replica.load(notebook_seed(), bytes(15) + b"1")
    with base.transaction() as transaction:
        transaction.fill(ROOT, {f"_{key}": -1.2345e-67 for key in written})
        transaction.put_uint(ROOT, "nbformat_minor", 0)
    seed, mine = base.changes_since(())
    start = sum(touch.operations for touch in touches(seed)) + 1
    places = {touch.key: ObjectKey(touch.counter, base.actor) for touch in touches(mine)}
    writer = ChangeWriter(ACTOR, start_op=start + len(places), deps=base.heads())
    writer.put(ROOT_KEY, "between", None)
    for key, value in written.items():
        writer.put(ROOT_KEY, f"_{key}", value, over=places[f"_{key}"])
    writer.put_uint(ROOT_KEY, "nbformat_minor", minor, over=places["nbformat_minor"])

    theirs = Replica.load(base.save(), ACTOR)
    with theirs.transaction() as transaction:
        transaction.put(ROOT, "between", None)
        for key, value in written.items():
            transaction.put_json(ROOT, f"_{key}", value)
        transaction.put_uint(ROOT, "nbformat_minor", minor)
    (expected,) = theirs.changes_since(base.heads())
    assert change_body(writer.chunk()) == change_body(expected)
