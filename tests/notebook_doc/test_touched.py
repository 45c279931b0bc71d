"""What a change says it touched is what really differs."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_doc.errors import BadSyncMessage
from notebook_doc.json_values import Json, same_scalar
from notebook_doc.object_index import ELEMENT, ObjectIndex, Path
from notebook_doc.replica import ROOT, Replica
from notebook_doc.text_diff import Splice
from notebook_doc.touched import touches
from tests.notebook_doc.histories import random_edit, random_history, seed_document


def differing(one: Json, other: Json, path: Path = ()) -> set[Path]:
    """The paths at which two JSON values differ, lists and texts as wholes."""
    if isinstance(one, dict) and isinstance(other, dict):
        found: set[Path] = set()
        for key in one.keys() | other.keys():
            if key not in one or key not in other:
                found.add((*path, key))
            else:
                found |= differing(one[key], other[key], (*path, key))
        return found
    return set() if same_scalar(one, other) else {path}


def covered(path: Path, reported: set[Path]) -> bool:
    """Whether a reported path is this one, above it, or inside it."""
    return any(path[: len(told)] == told or told[: len(path)] == path for told in reported)


@settings(max_examples=80, derandomize=True, deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_differs_after_local_edits_is_reported(seed: int) -> None:
    random = Random(seed)
    replica = seed_document()
    index = ObjectIndex(replica)
    for _ in range(6):
        before = replica.json(ROOT)
        for _ in range(random.randint(1, 3)):
            random_edit(replica, random)
        told = index.changed_paths()
        for path in differing(before, replica.json(ROOT)):
            assert covered(path, told), f"{path} differs and is not in {told}"


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_differs_after_a_merge_is_reported(seed: int) -> None:
    random = Random(seed)
    one, two, three = random_history(random, 15)
    index = ObjectIndex(one)
    for other in (two, three):
        before = one.json(ROOT)
        one.merge(other)
        told = index.changed_paths()
        for path in differing(before, one.json(ROOT)):
            assert covered(path, told), f"{path} differs and is not in {told}"


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.integers(0, 2**32))
def test_nothing_is_reported_outside_what_was_written(seed: int) -> None:
    random = Random(seed)
    replica = seed_document()
    index = ObjectIndex(replica)
    before = replica.json(ROOT)
    random_edit(replica, random)
    roots = {path[0] for path in index.changed_paths() if path}
    after = replica.json(ROOT)
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    untouched = {name for name in "mlt" if name not in roots}
    assert all(same_scalar(before[name], after[name]) for name in untouched)


def test_a_key_of_a_map_is_named() -> None:
    replica = seed_document()
    index = ObjectIndex(replica)
    with replica.transaction() as transaction:
        transaction.put_json(ROOT, "m", {"deep": {"er": 1}})
    assert ("m", "deep") in index.changed_paths()
    with replica.transaction() as transaction:
        transaction.put_json(ROOT, "m", {"deep": {"er": 2}})
    assert index.changed_paths() == {("m", "deep", "er")}


def test_an_edited_text_is_named_and_its_characters_are_not() -> None:
    replica = seed_document()
    index = ObjectIndex(replica)
    text = replica.child(ROOT, "t")
    assert text is not None
    with replica.transaction() as transaction:
        transaction.splice(text, [Splice(0, 2, "a long run of characters")])
    assert index.changed_paths() == {("t",)}


def test_what_changes_inside_a_list_s_element_is_named_by_the_list() -> None:
    replica = seed_document()
    listing = replica.child(ROOT, "l")
    assert listing is not None
    with replica.transaction() as transaction:
        transaction.append_json(listing, {"n": 1})
    index = ObjectIndex(replica)
    with replica.transaction() as transaction:
        transaction.put_json(listing, 0, {"n": 2})
    assert index.changed_paths() == {("l", ELEMENT, "n")}


def test_nothing_is_reported_twice_and_nothing_when_nothing_happened() -> None:
    replica = seed_document()
    index = ObjectIndex(replica)
    assert index.current
    assert index.changed_paths() == set()
    random_edit(replica, Random(1))
    index.changed_paths()
    assert index.current
    assert index.changed_paths() == set()


def test_a_document_chunk_is_no_change() -> None:
    with pytest.raises(BadSyncMessage):
        list(touches(Replica().save()))


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.integers(0, 200), st.integers(0, 2**32))
def test_a_damaged_change_is_refused_and_nothing_else_happens(seed: int, anywhere: int) -> None:
    replica = seed_document()
    random_edit(replica, Random(seed))
    chunk = bytearray(replica.changes_since(())[-1])
    at = anywhere % (8 * len(chunk))
    chunk[at // 8] ^= 1 << at % 8
    with pytest.raises(BadSyncMessage):
        list(touches(bytes(chunk)))
