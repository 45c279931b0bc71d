"""Is this JSON a notebook of nbformat 4 that a model can hold? If not: where exactly, and what to do.

Checks what the documents need (types of what is there, and that nothing essential is missing) and no more: a tag with a
comma or an extra key breaks nbformat's schema and nobody's notebook. Keys that programs like to leave out and that have
one obvious value (a cell's `metadata`, `outputs`, `execution_count`) are put in.
"""

from __future__ import annotations

from typing import Final

from notebook_doc.errors import NotANotebook
from notebook_doc.plain import JsonMap, JsonValue

CELL_TYPES: Final = ("code", "markdown", "raw")
COUNT_BELOW: Final = 1 << 63  # an execution count is a 64-bit integer in the documents
HINT: Final = "Correct it there with a text editor, or save the notebook again with the program that wrote it."


def check_notebook(top: JsonMap) -> None:
    """Check, and complete in place, the parsed JSON of a notebook of nbformat 4. Raises NotANotebook."""
    top.setdefault("metadata", {})
    _expect(top, "metadata", dict, "")
    _expect(top, "cells", list, "")
    for i, cell in enumerate(top["cells"]):
        place = f"cells[{i}]"
        if not isinstance(cell, dict):
            raise _unexpected("a cell, which is an object,", cell, place)
        _check_cell(cell, place)


def _check_cell(cell: JsonMap, place: str) -> None:
    _expect(cell, "cell_type", str, place)
    if cell["cell_type"] not in CELL_TYPES:
        raise NotANotebook(
            f"there is no cell type {cell['cell_type']!r}; a cell is code, markdown or raw.",
            HINT,
            place=f"{place}.cell_type",
        )
    _check_lines(cell, "source", place)
    cell.setdefault("metadata", {})
    _expect(cell, "metadata", dict, place)
    if "attachments" in cell:
        _expect(cell, "attachments", dict, place)
        for name in cell["attachments"]:
            _expect(cell["attachments"], name, dict, f"{place}.attachments")
    if cell["cell_type"] == "code":
        _check_count(cell, place)
        cell.setdefault("outputs", [])
        _expect(cell, "outputs", list, place)
        for k, output in enumerate(cell["outputs"]):
            if not isinstance(output, dict):
                raise _unexpected("an output, which is an object,", output, f"{place}.outputs[{k}]")
            _check_output(output, f"{place}.outputs[{k}]")


def _check_output(output: JsonMap, place: str) -> None:
    _expect(output, "output_type", str, place)
    match output["output_type"]:
        case "stream":
            output.setdefault("name", "stdout")
            _expect(output, "name", str, place)
            _check_lines(output, "text", place)
        case "display_data" | "execute_result" as kind:
            output.setdefault("metadata", {})
            _expect(output, "data", dict, place)
            _expect(output, "metadata", dict, place)
            if kind == "execute_result":
                _check_count(output, place)
        case "error":
            output.setdefault("traceback", [])
            _expect(output, "ename", str, place)
            _expect(output, "evalue", str, place)
            _expect(output, "traceback", list, place)
            for n, line in enumerate(output["traceback"]):
                if not isinstance(line, str):
                    raise _unexpected("a string", line, f"{place}.traceback[{n}]")


def _check_lines(holder: JsonMap, key: str, place: str) -> None:
    """A text, or a list of its lines."""
    _expect(holder, key, (str, list), place)
    if isinstance(holder[key], list):
        for n, line in enumerate(holder[key]):
            if not isinstance(line, str):
                raise _unexpected("a line, which is a string,", line, f"{place}.{key}[{n}]")


def _check_count(holder: JsonMap, place: str) -> None:
    count = holder.setdefault("execution_count", None)
    if count is not None and (type(count) is not int or not 0 <= count < COUNT_BELOW):
        raise _unexpected("a count from 0, or null,", count, f"{place}.execution_count")


_NAMES: Final = {dict: "an object", list: "a list", str: "a string", (str, list): "a string or a list of lines"}


def _expect(holder: JsonMap, key: str, kind: type | tuple[type, ...], place: str) -> None:
    if key not in holder:
        owner = "the output" if ".outputs[" in place else "the cell" if place else "the notebook"
        raise NotANotebook(f"{owner} has no {key!r}.", HINT, place=place)
    if not isinstance(holder[key], kind):
        raise _unexpected(_NAMES[kind], holder[key], f"{place}.{key}" if place else key)


def _unexpected(expected: str, found: JsonValue, place: str) -> NotANotebook:
    return NotANotebook(f"{expected} was expected, and there is {described(found)}.", HINT, place=place)


def described(value: JsonValue) -> str:
    """A JSON value in a few words, for a message."""
    match value:
        case None | True | False:
            return {None: "null", True: "true", False: "false"}[value]
        case int() | float():
            return f"the number {value!r:.20}"
        case str():
            return f"the string {value[:20]!r}{'…' if len(value) > 20 else ''}"
        case list():
            return f"a list of {len(value)}"
        case _:
            return "an object"
