"""Ids for cells that come without one, and known cells recognised in a file that was edited elsewhere."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notebook_doc.cell_identity import cell_ids, is_cell_id
from notebook_doc.ipynb import read, same_cells
from notebook_doc.model import CellModel

NOTEBOOK_ID = "0b57d6a1-3a52-4a5e-8f0e-2d1f8a9c0001"


def ids_of(*cells: dict[str, Any], minor: int = 5, notebook_id: str = NOTEBOOK_ID) -> list[str]:
    whole = [{"cell_type": "markdown", "source": "x", "metadata": {}, **cell} for cell in cells]
    text = json.dumps({"nbformat": 4, "nbformat_minor": minor, "metadata": {}, "cells": whole})
    return [cell.id for cell in read(text, notebook_id=notebook_id).model.cells]


def test_cells_without_ids_get_the_same_ones_every_time() -> None:
    cells = ({"source": "a"}, {"source": "a"}, {"source": "b"})
    assert ids_of(*cells, minor=4) == ids_of(*cells, minor=4)
    assert len(set(ids_of(*cells, minor=4))) == 3
    assert set(ids_of(*cells, minor=4)).isdisjoint(ids_of(*cells, minor=4, notebook_id="another"))


def test_a_derived_id_depends_on_its_cell_and_not_on_its_neighbours() -> None:
    before = ids_of({"source": "a"}, {"source": "b"}, minor=4)
    assert ids_of({"source": "new"}, {"source": "a"}, {"source": "b"}, minor=4)[1:] == before


def test_the_derived_ids_of_this_release_are_those_of_every_release() -> None:
    assert cell_ids("n", [(None, "code", "x"), (None, "code", "x"), (None, "markdown", "x")]) == [
        "675a28c75b621171",
        "05800cd970c215e8",
        "43f738f4d59c9710",
    ]


@pytest.mark.parametrize("bad", ["", "a b", "é", "x" * 65, "a\n", 7, None, ["a"], "a/b"])
def test_an_id_that_nbformat_forbids_is_replaced(bad: Any) -> None:
    first, second = ids_of({"id": bad}, {"id": "good"})
    assert is_cell_id(first)
    assert second == "good"
    assert ids_of({"id": bad}, {"id": "good"}) == [first, second]


def test_of_cells_with_one_id_the_first_keeps_it() -> None:
    first, second, third = ids_of({"id": "a", "source": "1"}, {"id": "a", "source": "2"}, {"id": "a", "source": "2"})
    assert first == "a"
    assert len({first, second, third}) == 3


def test_a_derived_id_evades_one_that_is_given_later() -> None:
    (derived,) = ids_of({})
    ids = ids_of({}, {"id": derived})
    assert ids[1] == derived
    assert ids[0] != derived


def test_an_id_in_an_older_file_is_used_and_not_written() -> None:
    assert ids_of({"id": "mine"}, minor=4) == ["mine"]


@given(st.lists(st.tuples(st.sampled_from([None, "a", "b", "bad id", 3]), st.just("code"), st.sampled_from(["", "x"]))))
def test_ids_are_valid_and_unique_whatever_came(cells: list[tuple[Any, str, str]]) -> None:
    ids = cell_ids("n", cells)
    assert len(set(ids)) == len(ids) == len(cells)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", cell_id) for cell_id in ids)


def matched(old: list[str], new: list[str]) -> list[str | None]:
    """The old sources that the new ones are recognised as."""
    known = [(str(i), source) for i, source in enumerate(old)]
    found = same_cells(known, [CellModel(id="-", cell_type="code", source=source) for source in new])
    assert len(set(found.values())) == len(found)
    return [old[int(found[j])] if j in found else None for j in range(len(new))]


def test_cells_that_did_not_change_are_themselves() -> None:
    assert matched(["a", "b", "c"], ["a", "b", "c"]) == ["a", "b", "c"]


def test_new_cells_are_new() -> None:
    assert matched(["a", "b"], ["new one", "a", "x = 5", "b", "last"]) == [None, "a", None, "b", None]


def test_a_deleted_cell_does_not_pass_its_id_to_its_neighbour() -> None:
    assert matched(["a", "b", "c"], ["a", "c"]) == ["a", "c"]


def test_an_edited_cell_is_recognised_by_what_it_still_says() -> None:
    old = ["import os", "x = load('file', key)\nplot(x)", "y = x + 1"]
    new = ["import os", "y = x + 2", "x = load('other', key)\nplot(x)", "print('new')"]
    assert matched(old, new) == ["import os", "y = x + 1", "x = load('file', key)\nplot(x)", None]


def test_a_rewritten_cell_between_known_ones_is_that_cell() -> None:
    assert matched(["a", "x = 1", "c"], ["a", "print('hello')", "c"]) == ["a", "x = 1", "c"]


def test_a_moved_cell_is_recognised_wherever_it_went() -> None:
    assert matched(["a", "b", "c", "d"], ["d", "a", "b", "c"]) == ["d", "a", "b", "c"]


def test_an_empty_cell_elsewhere_is_a_new_one() -> None:
    assert matched(["", "a"], ["a", ""]) == ["a", None]


def test_equal_cells_are_told_apart_by_their_order() -> None:
    known = [("1", ""), ("2", "x"), ("3", ""), ("4", "")]
    new = [CellModel(id="-", cell_type="code", source=source) for source in ["", "x", "", "y", ""]]
    assert same_cells(known, new) == {0: "1", 1: "2", 2: "3", 4: "4"}


def test_nothing_known_and_nothing_new_match_nothing() -> None:
    assert matched([], ["a"]) == [None]
    assert matched(["a"], []) == []


sources = st.lists(st.sampled_from(["", "a", "b", "a b c", "a b d", "import x\nf(x)", "import y\nf(y)"]), max_size=12)


@given(sources, sources)
def test_no_known_cell_is_recognised_twice_and_equal_files_match_wholly(old: list[str], new: list[str]) -> None:
    matched(old, new)
    assert matched(old, old) == old
