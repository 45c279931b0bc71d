"""Positions: the known sequences, a total order, always another one between, and how long they become."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notebook_doc.errors import BadEdit
from notebook_doc.position import FIRST, ROOM, between, evenly, is_position
from tests.notebook_doc.position_vectors import FILE, vectors

positions = st.binary(max_size=5).map(lambda digits: (digits + b"\x80").hex().upper())


def appended(n: int) -> list[str]:
    made = [FIRST]
    while len(made) < n:
        made.append(between(made[-1], None))
    return made


def prepended(n: int) -> list[str]:
    made = [FIRST]
    while len(made) < n:
        made.append(between(None, made[-1]))
    return made


def test_an_empty_notebook_begins_at_80() -> None:
    assert between(None, None) == FIRST == "80"


def test_appending_counts_up_and_then_takes_another_byte() -> None:
    made = appended(130)
    assert made[:4] == ["80", "8180", "8280", "8380"]
    assert made[126:] == ["FE80", "FF80", "FF8180", "FF8280"]


def test_prepending_counts_down() -> None:
    assert prepended(4) == ["80", "7F80", "7E80", "7D80"]


def test_inserting_again_and_again_after_the_same_cell_counts_down_behind_it() -> None:
    assert between("80", "8180") == "817F80"
    assert between("80", "817F80") == "817E80"


@given(positions, positions)
def test_between_two_different_positions_there_is_always_another(a: str, b: str) -> None:
    low, high = sorted((a, b))
    if low == high:
        with pytest.raises(BadEdit, match="no place between"):
            between(low, high)
    else:
        middle = between(low, high)
        assert is_position(middle)
        assert low < middle < high


@given(positions)
def test_there_is_always_a_place_before_and_after(position: str) -> None:
    assert between(None, position) < position < between(position, None)


@given(st.lists(st.tuples(st.integers(0, 1000), st.booleans()), max_size=60))
def test_any_series_of_insertions_keeps_the_order_it_was_made_in(insertions: list[tuple[int, bool]]) -> None:
    cells: list[str] = []
    for where, _ in insertions:
        i = where % (len(cells) + 1)
        cells.insert(i, between(cells[i - 1] if i else None, cells[i] if i < len(cells) else None))
    assert cells == sorted(set(cells))


@given(
    st.integers(0, 300),
    st.one_of(st.none(), positions),
    st.one_of(st.none(), positions),
)
def test_evenly_makes_ascending_positions_inside_the_bounds(n: int, before: str | None, after: str | None) -> None:
    if before is not None and after is not None:
        if before == after:
            return
        before, after = sorted((before, after))
    made = evenly(n, before, after)
    assert len(made) == n
    assert all(map(is_position, made))
    bounds = [p for p in (before, *made, after) if p is not None]
    assert all(a < b for a, b in pairwise(bounds))


def test_a_thousand_imported_cells_have_short_positions() -> None:
    assert {len(position) for position in evenly(1000)} == {6}


@pytest.mark.parametrize("n", [2, 60, 63, 64, 200, 1000])
def test_evenly_leaves_room_for_what_is_inserted_later(n: int) -> None:
    digits = [int(position[:-2], 16) for position in evenly(n)]
    assert all(b - a >= ROOM for a, b in pairwise(digits))


def test_a_place_in_a_wide_gap_is_in_its_middle() -> None:
    assert between("4080", "C080") == "8080"
    assert between("408180", "408980") == "408580"


def test_appending_and_prepending_a_thousand_cells_stay_under_twenty_characters() -> None:
    assert max(map(len, appended(1000))) <= 20
    assert max(map(len, prepended(1000))) <= 20


@pytest.mark.parametrize("keep_left", [True, False])
def test_a_hundred_cells_inserted_on_the_same_side_of_a_gap_stay_short(keep_left: bool) -> None:
    low, high = "80", "8180"
    for _ in range(100):
        middle = between(low, high)
        low, high = (low, middle) if keep_left else (middle, high)
    assert len(middle) <= 8


def test_the_worst_order_of_insertions_costs_one_byte_each() -> None:
    low, high = "80", "8180"
    for k in range(100):
        middle = between(low, high)
        low, high = (low, middle) if k % 2 else (middle, high)
        assert len(middle) <= 2 * (k + 3)


@pytest.mark.parametrize(("before", "after"), [("8180", "80"), ("80", "80"), ("FF80", "7F80")])
def test_bounds_in_the_wrong_order_are_refused(before: str, after: str) -> None:
    with pytest.raises(BadEdit, match="no place between"):
        between(before, after)
    with pytest.raises(BadEdit, match="no place between"):
        evenly(3, before, after)


@pytest.mark.parametrize("bad", ["", "8", "81", "7f80", "zz80", "8080 ", "80\n"])
def test_a_string_that_is_no_position_is_refused(bad: str) -> None:
    assert not is_position(bad)
    with pytest.raises(BadEdit, match="no position"):
        between(bad, None)


@pytest.mark.parametrize("bad", [None, 80, b"80"])
def test_only_strings_are_positions(bad: object) -> None:
    assert not is_position(bad)


def test_the_vectors_that_the_browser_is_tested_with_are_these() -> None:
    assert json.loads(FILE.read_text()) == vectors()
