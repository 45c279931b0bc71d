"""A file read and written again says the same, to the byte where nbformat wrote it."""

from __future__ import annotations

import json
import logging
import random
import warnings
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_doc.ipynb import content_digest, read, write
from notebook_doc.ipynb_read import UNKNOWN_KEYS
from notebook_doc.model import NotebookModel

from .notebooks import as_file, json_values, notebooks

NOTEBOOK_ID = "0b57d6a1-3a52-4a5e-8f0e-2d1f8a9c0001"
fewer = settings(max_examples=30)  # whole notebooks are slow to draw


def rewritten(text: str | bytes, notebook_id: str = NOTEBOOK_ID) -> str:
    imported = read(text, notebook_id=notebook_id)
    return write(imported.model, imported.blobs.__getitem__)


def model(text: str | bytes, notebook_id: str = NOTEBOOK_ID) -> NotebookModel:
    return read(text, notebook_id=notebook_id).model


@fewer
@given(notebooks())
def test_a_file_written_by_nbformat_comes_back_byte_for_byte(notebook: dict[str, Any]) -> None:
    text = as_file(notebook)
    assert rewritten(text) == text
    assert rewritten(text.encode()) == text


@fewer
@given(notebooks(), st.integers(0, 4), st.booleans())
def test_a_file_laid_out_otherwise_says_the_same_to_nbformat(
    notebook: dict[str, Any], indent: int, ascii: bool
) -> None:
    text = json.dumps(notebook, indent=indent, ensure_ascii=ascii)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before, after = nbformat.reads(text, as_version=4), nbformat.reads(rewritten(text), as_version=4)
    assert nbformat.v4.writes_json(before) == nbformat.v4.writes_json(after)  # NaN is not equal to itself


@fewer
@given(notebooks())
def test_what_was_valid_is_written_valid(notebook: dict[str, Any]) -> None:
    text = as_file(notebook)
    if nbformat.validator.isvalid(json.loads(text)):
        assert nbformat.validator.isvalid(json.loads(rewritten(text)))


@fewer
@given(notebooks())
def test_reading_is_deterministic(notebook: dict[str, Any]) -> None:
    text = as_file(notebook)
    random.seed(1)
    one = read(text, notebook_id=NOTEBOOK_ID)
    random.seed(2)
    two = read(text, notebook_id=NOTEBOOK_ID)
    assert one == two or "NaN" in text
    assert content_digest(one.model) == content_digest(two.model)
    assert one.blobs == two.blobs


@fewer
@given(notebooks((5,)))
def test_the_ids_of_a_new_file_are_kept(notebook: dict[str, Any]) -> None:
    assert [cell.id for cell in model(as_file(notebook)).cells] == [cell["id"] for cell in notebook["cells"]]


@fewer
@given(notebooks(), json_values)
def test_keys_that_nbformat_does_not_know_come_back_where_they_were(notebook: dict[str, Any], value: Any) -> None:
    notebook["later"] = value
    for cell in notebook["cells"]:
        cell["later"] = value
        for output in cell.get("outputs", []):
            output["later"] = value
    text = as_file(notebook)
    assert rewritten(text) == text


CELL = {"cell_type": "code", "source": "1", "metadata": {}, "outputs": [], "execution_count": None}


def of_cells(*cells: dict[str, Any], minor: int = 4, **more: Any) -> dict[str, Any]:
    return {"nbformat": 4, "nbformat_minor": minor, "metadata": {}, "cells": list(cells), **more}


def test_ints_of_any_size_stay_ints() -> None:
    notebook = of_cells() | {"metadata": {"big": 10**100, "negative": -(2**70), "float": 1e16, "one": 1.0}}
    metadata = model(json.dumps(notebook)).metadata
    assert metadata == notebook["metadata"]
    assert type(metadata["big"]) is int
    assert type(metadata["one"]) is float


@pytest.mark.parametrize("spelled", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_lacks_and_python_writes_come_back(spelled: str) -> None:
    text = as_file(of_cells()).replace('"metadata": {}', f'"metadata": {{\n  "x": {spelled}\n }}')
    assert rewritten(text) == text


def test_the_model_holds_plain_containers_of_its_own() -> None:
    def walk(value: Any) -> None:
        assert type(value) in (dict, list, str, int, float, bool, type(None))
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
            walk(inner)

    result = {"output_type": "execute_result", "data": {"application/json": {"a": [{}]}}, "metadata": {"m": {}}}
    read_model = model(json.dumps(of_cells(CELL | {"outputs": [result], "metadata": {"x": [{"y": {}}]}})))
    walk(read_model.metadata)
    walk(read_model.cells[0].metadata)
    walk(list(read_model.cells[0].outputs))


def test_transient_metadata_is_dropped_as_nbformat_does() -> None:
    notebook = of_cells(CELL | {"metadata": {"trusted": True, "kept": 1}}) | {
        "metadata": {"signature": "x", "orig_nbformat": 3, "kept": 2}
    }
    read_model = model(json.dumps(notebook))
    assert read_model.metadata == {"kept": 2}
    assert read_model.cells[0].metadata == {"kept": 1}


def test_empty_attachments_are_written_for_text_and_never_for_code() -> None:
    markdown = {"cell_type": "markdown", "source": "", "metadata": {}, "attachments": {}}
    text = as_file(of_cells(markdown))
    assert rewritten(text) == text
    assert "attachments" not in rewritten(as_file(of_cells(CELL | {"attachments": {}})))


def test_half_a_surrogate_pair_is_replaced_everywhere_in_a_file() -> None:
    half = "\ud83d"
    output = {"output_type": "error", "ename": half, "evalue": half, "traceback": [half]}
    notebook = of_cells(CELL | {"source": [half], "metadata": {half: [half]}, "outputs": [output]})
    text = rewritten(json.dumps(notebook | {"metadata": {"x": half}}))
    assert text.count("\ufffd") == 7
    text.encode("utf-8")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_file_in_another_unicode_encoding_is_read(encoding: str) -> None:
    text = as_file(of_cells(CELL | {"source": "é😀"}))
    assert rewritten(text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("leave_out", "from_output"),
    [("metadata", False), ("outputs", False), ("execution_count", False), ("metadata", True)],
)
def test_a_key_that_has_one_obvious_value_may_be_missing(leave_out: str, from_output: bool) -> None:
    output = {"output_type": "execute_result", "data": {}, "metadata": {}, "execution_count": None}
    whole = CELL | ({"outputs": [output]} if from_output else {})
    holed = json.loads(json.dumps(whole))
    del (holed["outputs"][0] if from_output else holed)[leave_out]
    assert rewritten(json.dumps(of_cells(holed))) == as_file(of_cells(whole))


def test_a_notebook_without_metadata_or_minor_version_is_completed() -> None:
    assert rewritten('{"nbformat": 4, "cells": []}') == as_file(of_cells(minor=5))


def test_a_later_minor_version_of_known_cells_is_read_as_the_newest_known() -> None:
    text = as_file(of_cells(CELL | {"id": "a", "later": 1}, minor=9))
    assert rewritten(text) == text.replace('"nbformat_minor": 9', '"nbformat_minor": 5')


def test_unknown_keys_never_shadow_what_the_model_says() -> None:
    cell = {"cell_type": "markdown", "source": "# t", "metadata": {}, "outputs": [], "execution_count": 7}
    read_model = model(json.dumps(of_cells(cell)))
    assert read_model.cells[0].metadata == {UNKNOWN_KEYS: {"outputs": [], "execution_count": 7}}
    text = as_file(
        of_cells(
            {
                "cell_type": "code",
                "source": "",
                "metadata": {UNKNOWN_KEYS: {"source": "x", "outputs": [1], "id": "x", "attachments": {}}},
            }
            | {"outputs": [], "execution_count": None}
        )
    )
    assert json.loads(rewritten(text))["cells"][0] == CELL | {"source": []}


VERSION_3 = {
    "nbformat": 3,
    "nbformat_minor": 0,
    "metadata": {"name": "old", "kept": 1},
    "worksheets": [
        {
            "metadata": {},
            "cells": [
                {"cell_type": "heading", "level": 2, "source": ["Title"], "metadata": {}},
                {
                    "cell_type": "code",
                    "language": "python",
                    "collapsed": True,
                    "input": ["1\n", "2"],
                    "metadata": {},
                    "prompt_number": 4,
                    "outputs": [
                        {"output_type": "stream", "stream": "stderr", "text": ["hm\n"]},
                        {"output_type": "pyout", "prompt_number": 4, "text": ["2"], "png": "iVBORw0K", "metadata": {}},
                        {"output_type": "pyerr", "ename": "E", "evalue": "v", "traceback": ["t"]},
                    ],
                },
            ],
        }
    ],
}
VERSION_2 = {
    "nbformat": 2,
    "metadata": {"name": ""},
    "worksheets": [
        {
            "cells": [
                {"cell_type": "markdown", "source": "text"},
                {
                    "cell_type": "code",
                    "input": "1",
                    "language": "python",
                    "outputs": [],
                    "prompt_number": 1,
                    "collapsed": False,
                },
            ]
        }
    ],
}
VERSION_1 = {"cells": [{"cell_type": "text", "text": "hello"}, {"cell_type": "code", "code": "1", "prompt_number": 2}]}


@pytest.mark.parametrize(
    ("old", "sources"),
    [(VERSION_3, ["## Title", "1\n2"]), (VERSION_2, ["text", "1"]), (VERSION_1, ["hello", "1"])],
    ids=["3", "2", "1"],
)
def test_older_versions_are_upgraded_the_same_way_every_time(old: dict[str, Any], sources: list[str]) -> None:
    random.seed(1)
    first = model(json.dumps(old))
    random.seed(2)
    assert model(json.dumps(old)) == first
    assert first.nbformat_minor == 5
    assert [cell.source for cell in first.cells] == sources
    nbformat.validate(json.loads(rewritten(json.dumps(old))))


def test_an_upgraded_notebook_keeps_its_outputs() -> None:
    cell = model(json.dumps(VERSION_3)).cells[1]
    assert cell.execution_count == 4
    assert cell.metadata == {"collapsed": True}
    assert cell.outputs == (
        {"output_type": "stream", "name": "stderr", "text": [{"inline": "hm\n", "encoding": "text"}]},
        {
            "output_type": "execute_result",
            "execution_count": 4,
            "metadata": {},
            "data": {
                "text/plain": {"inline": "2", "encoding": "text"},
                "image/png": {"inline": "iVBORw0K", "encoding": "base64"},
            },
        },
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["t"]},
    )


def test_the_digest_tells_apart_what_json_tells_apart() -> None:
    digests = {
        content_digest(model(text))
        for text in (
            as_file(of_cells(minor=4)),
            as_file(of_cells(minor=5)),
            as_file(of_cells(CELL)),
            as_file(of_cells(CELL | {"execution_count": 1})),
            as_file(of_cells(CELL, CELL)),
            *(as_file(of_cells() | {"metadata": {"x": x}}) for x in (1, 1.0, True, "1", None, [1])),
        )
    }
    assert len(digests) == 11
    both_ways = [
        as_file(of_cells()).replace('"metadata": {}', f'"metadata": {x}') for x in ('{"a":1,"b":2}', '{"b":2,"a":1}')
    ]
    assert len({content_digest(model(text)) for text in both_ways}) == 1
    assert all(len(digest) == 32 for digest in digests)


def test_reading_neither_logs_nor_warns(caplog: pytest.LogCaptureFixture) -> None:
    twice = CELL | {"id": "a"}
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings():
        warnings.simplefilter("error")
        model(json.dumps(of_cells(twice, twice, CELL, minor=5)))
    assert caplog.records == []
