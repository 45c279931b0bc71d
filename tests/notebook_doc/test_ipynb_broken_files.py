"""A file that is no notebook is refused with the place where it breaks and what to do about it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_doc.contents import attachments_from_manifest, output_from_manifest
from notebook_doc.errors import NotANotebook
from notebook_doc.ipynb import read, write

from .notebooks import as_file, notebooks

CODE = {"cell_type": "code", "source": "1", "metadata": {}, "outputs": [], "execution_count": None}
TEXT = {"cell_type": "markdown", "source": "x", "metadata": {}}
IMAGE = {"output_type": "display_data", "data": {}, "metadata": {}}


def of_cells(*cells: Any, **more: Any) -> str:
    return json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [TEXT, *cells], **more})


def without(holder: dict[str, Any], key: str) -> dict[str, Any]:
    return {k: v for k, v in holder.items() if k != key}


def of_output(output: Any) -> str:
    return of_cells(CODE | {"outputs": [IMAGE, output]})


def refused(text: str | bytes) -> NotANotebook:
    with pytest.raises(NotANotebook) as caught:
        read(text, notebook_id="n")
    assert caught.value.code == "not_a_notebook"
    assert caught.value.hint
    return caught.value


WHOLE_FILES: dict[str, tuple[str | bytes, str, str]] = {
    "no bytes": (b"", "", "the file is empty"),
    "blanks": (" \n", "", "the file is empty"),
    "only a byte order mark": (b"\xef\xbb\xbf", "", "the file is empty"),
    "an image": (b"\x89PNG\r\n\x1a\n\x00\x00", "byte 0", "not text"),
    "Latin-1": ('{"x": "é"}'.encode("latin-1"), "byte 7", "not text"),
    "half an UTF-16 character": ('{"x": 1}'.encode("utf-16") + b"\x00", "byte 18", "not text"),
    "a truncated object": ('{"cells": [\n {"cell_type":', "line 2, column 15", "ends in the middle"),
    "a truncated string": ('{"cells": [\n {"cell_ty', "line 2, column 3", "ends in the middle"),
    "a missing comma": ('{"nbformat": 4\n "cells": []}', "line 2, column 2", "not JSON: Expecting ',' delimiter"),
    "a merge conflict": ('{\n<<<<<<< HEAD\n "nbformat": 4\n=======\n', "line 2, column 1", "merge conflict"),
    "a web page": ("<!DOCTYPE html>\n<html></html>", "line 1, column 1", "HTML"),
    "a program": ("import os\nprint(1)\n", "line 1, column 1", "not JSON"),
    "a list": ("[]", "", "a list of 0, and a notebook is an object"),
    "null": ("null", "", "null, and a notebook is an object"),
    "a number of 5,000 digits": ('{"nbformat": ' + "1" * 5000 + "}", "", "a number that cannot be read"),
    "nested without end": ("[" * 100_000, "", "deeper than"),
    "nested too deeply": ('{"a":' * 200 + "1" + "}" * 200, "", "deeper than"),
    "an empty object": ("{}", "", "no 'nbformat'"),
    "another JSON file": ('{"name": "x", "cells": 3}', "", "no 'nbformat'"),
    "cells without a version": (json.dumps({"cells": [CODE]}), "", "no 'nbformat'"),
    "version 5": (of_cells(nbformat=5), "nbformat", "of version 5.4"),
    "version 0": (of_cells(nbformat=0), "nbformat", "the number 0"),
    "a version in words": (of_cells(nbformat="4"), "nbformat", "the string '4'"),
    "a version that is true": (of_cells(nbformat=True), "nbformat", "true"),
    "a minor version below 0": (of_cells(nbformat_minor=-1), "nbformat_minor", "the number -1"),
    "a minor version in words": (of_cells(nbformat_minor="five"), "nbformat_minor", "the string 'five'"),
    "no cells": ('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "", "has no 'cells'"),
    "cells that are an object": (of_cells(cells={}), "cells", "a list was expected, and there is an object"),
    "metadata that is a list": (of_cells(metadata=[1, 2]), "metadata", "a list of 2"),
    "version 3 without worksheets": ('{"nbformat": 3, "metadata": {}}', "", "of version 3.0 and could not be upgraded"),
    "version 3 of nonsense": (
        '{"nbformat": 3, "worksheets": [{"cells": [7]}], "metadata": {}}',
        "",
        "could not be upgraded",
    ),
    "version 2 of nonsense": ('{"nbformat": 2, "worksheets": 5}', "", "could not be upgraded"),
    "version 1 of newer cells": (
        json.dumps({"nbformat": 1, "cells": [CODE]}),
        "cells",
        "is of version 1, and its cells are not",
    ),
}
CELLS: dict[str, tuple[Any, str, str]] = {
    "a number": (7, "cells[1]", "there is the number 7"),
    "null": (None, "cells[1]", "there is null"),
    "no type": (without(CODE, "cell_type"), "cells[1]", "the cell has no 'cell_type'"),
    "an unknown type": (CODE | {"cell_type": "heading"}, "cells[1].cell_type", "no cell type 'heading'"),
    "a type that is a list": (CODE | {"cell_type": []}, "cells[1].cell_type", "a list of 0"),
    "no source": (without(CODE, "source"), "cells[1]", "the cell has no 'source'"),
    "a source that is null": (CODE | {"source": None}, "cells[1].source", "a string or a list of lines was expected"),
    "a source with a number in it": (CODE | {"source": ["a", 1]}, "cells[1].source[1]", "the number 1"),
    "metadata that is text": (CODE | {"metadata": "m" * 50}, "cells[1].metadata", "the string 'mmmmmmmmmmmmmmmmmmmm'…"),
    "attachments in a list": (TEXT | {"attachments": []}, "cells[1].attachments", "an object was expected"),
    "an attachment of text": (TEXT | {"attachments": {"a.png": "x"}}, "cells[1].attachments.a.png", "the string 'x'"),
    "outputs in an object": (CODE | {"outputs": {}}, "cells[1].outputs", "a list was expected"),
    "a count below 0": (CODE | {"execution_count": -1}, "cells[1].execution_count", "the number -1"),
    "a count of 64 bits": (CODE | {"execution_count": 2**63}, "cells[1].execution_count", "a count from 0"),
    "a count that is true": (CODE | {"execution_count": True}, "cells[1].execution_count", "there is true"),
    "a count with a fraction": (CODE | {"execution_count": 1.5}, "cells[1].execution_count", "the number 1.5"),
    "metadata without end": (
        CODE | {"metadata": json.loads('{"a":' * 102 + "1" + "}" * 102)},
        "cells[1].metadata",
        "deeper",
    ),
}
OUTPUTS: dict[str, tuple[Any, str, str]] = {
    "text": ("x", "", "an output, which is an object, was expected"),
    "no type": ({}, "", "the output has no 'output_type'"),
    "a type that is null": ({"output_type": None}, ".output_type", "null"),
    "a stream without text": ({"output_type": "stream", "name": "stdout"}, "", "the output has no 'text'"),
    "a stream of numbers": ({"output_type": "stream", "text": [1]}, ".text[0]", "the number 1"),
    "a stream without a proper name": ({"output_type": "stream", "name": 1, "text": ""}, ".name", "the number 1"),
    "no data": (without(IMAGE, "data"), "", "the output has no 'data'"),
    "data that is text": (IMAGE | {"data": "x"}, ".data", "an object was expected, and there is the string 'x'"),
    "metadata that is null": (IMAGE | {"metadata": None}, ".metadata", "null"),
    "a result with a count in words": (
        IMAGE | {"output_type": "execute_result", "execution_count": "1"},
        ".execution_count",
        "the string '1'",
    ),
    "an error without a name": ({"output_type": "error", "evalue": "", "traceback": []}, "", "no 'ename'"),
    "an error with an object for a value": (
        {"output_type": "error", "ename": "", "evalue": {}},
        ".evalue",
        "an object",
    ),
    "a traceback of numbers": (
        {"output_type": "error", "ename": "", "evalue": "", "traceback": ["a", 2]},
        ".traceback[1]",
        "the number 2",
    ),
    "data without end": (
        IMAGE | {"data": {"application/json": json.loads("[" * 101 + "]" * 101)}},
        "",
        "deeper",
    ),
}


@pytest.mark.parametrize(("text", "place", "message"), WHOLE_FILES.values(), ids=WHOLE_FILES)
def test_a_broken_file_is_refused(text: str | bytes, place: str, message: str) -> None:
    error = refused(text)
    assert error.place == place
    assert message in error.message
    assert not place or error.message.startswith(f"at {place}: ")


@pytest.mark.parametrize(("cell", "place", "message"), CELLS.values(), ids=CELLS)
def test_a_broken_cell_is_named(cell: Any, place: str, message: str) -> None:
    error = refused(of_cells(cell))
    assert error.place == place
    assert message in error.message


@pytest.mark.parametrize(("output", "place", "message"), OUTPUTS.values(), ids=OUTPUTS)
def test_a_broken_output_is_named(output: Any, place: str, message: str) -> None:
    error = refused(of_output(output))
    assert error.place == f"cells[1].outputs[1]{place}"
    assert message in error.message


@settings(max_examples=30)
@given(notebooks(), st.data())
def test_a_file_cut_off_anywhere_is_refused(notebook: dict[str, Any], data: st.DataObject) -> None:
    whole = as_file(notebook).rstrip("\n").encode()
    refused(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(st.binary(max_size=80))
def test_no_bytes_make_anything_but_a_notebook_or_a_refusal(raw: bytes) -> None:
    refused(raw)


@settings(max_examples=60)
@given(notebooks(), st.data())
def test_a_notebook_with_any_value_out_of_place_is_read_or_refused(
    notebook: dict[str, Any], data: st.DataObject
) -> None:
    holder: Any = notebook
    while True:
        key = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
        if not isinstance(holder[key], (dict, list)) or not holder[key] or data.draw(st.booleans()):
            break
        holder = holder[key]
    holder[key] = data.draw(st.sampled_from([None, True, 0, -1, 1.5, "", "x", [], ["x"], [0], {}, {"x": {"y": 1}}]))
    try:
        imported = read(json.dumps(notebook), notebook_id="n")
    except NotANotebook:
        return
    again = read(write(imported.model, imported.blobs.__getitem__), notebook_id="n")
    assert values(again) == values(imported)


def values(imported: Any) -> str:
    """What a model says, with its contents as values (a changed MIME type may be kept in another way)."""
    fetch = imported.blobs.__getitem__
    cells = [
        [
            cell.cell_type,
            cell.source,
            cell.metadata,
            attachments_from_manifest(cell.attachments or {}, fetch),
            [output_from_manifest(output, fetch) for output in cell.outputs],
        ]
        for cell in imported.model.cells
    ]
    return json.dumps([imported.model.nbformat_minor, imported.model.metadata, cells], sort_keys=True)
