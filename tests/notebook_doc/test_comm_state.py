"""A widget's state as a document holds it: anything comes back as it was, small or large, text or bytes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notebook_doc.comm_state import blobs_of, restored, separated, stored
from notebook_doc.errors import BadEdit, CorruptDocument

leaves = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=20) | st.binary(max_size=20)
large = st.sampled_from(["ä" * 2000, b"\x00" * 5000, list(range(500)), ""])
states = st.recursive(
    leaves | large,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(states)
def test_what_is_stored_comes_back(value: Any) -> None:
    rest, parts, blobs = stored(value)
    assert restored(rest, parts, blobs.__getitem__) == value
    assert set(blobs_of(parts)) == set(blobs)
    assert all(len(data) >= 1024 for data in blobs.values())


def test_small_json_is_stored_as_it_is() -> None:
    assert stored({"a": [1, 2.5, None, "x"]}) == ({"a": [1, 2.5, None, "x"]}, [], {})


def test_bytes_leave_null_where_they_were() -> None:
    rest, parts, blobs = stored({"a": [b"ab"]})
    assert rest == {"a": [None]}
    assert parts == [{"path": ["a", 0], "encoding": "bytes", "inline": "YWI="}]
    assert blobs == {}


def test_large_json_and_the_bytes_in_it_are_separate_parts() -> None:
    rest, parts, blobs = stored(["x" * 2000, b"y" * 2000])
    assert rest is None
    assert [(part["path"], part["encoding"]) for part in parts] == [([], "json"), ([1], "bytes")]
    assert len(blobs) == 2


@pytest.mark.parametrize("value", [{1: 2}, {"a": object()}, [{1, 2}]])
def test_what_is_neither_json_nor_bytes_is_refused(value: Any) -> None:
    with pytest.raises(BadEdit):
        stored(value)
    with pytest.raises(BadEdit):
        separated(value)


@pytest.mark.parametrize(
    "part",
    [
        {"path": ["no", "such"], "encoding": "bytes", "inline": ""},
        {"encoding": "bytes", "inline": ""},
        {"path": [], "encoding": "bytes", "inline": "§"},
        {"path": [], "encoding": "bytes"},
    ],
)
def test_a_part_that_fits_nowhere_is_said_to_be_corrupt(part: Any) -> None:
    with pytest.raises(CorruptDocument):
        restored({}, [part], {}.__getitem__)
