"""Outputs in the protocol's words: metas, consoles, errors."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from clients.gateway.outputs import (
    applied,
    console,
    displays,
    error,
    increment,
    meta,
    missing_package,
    of_inspection,
    result,
)

ERROR = {
    "output_type": "error",
    "ename": "ModuleNotFoundError",
    "evalue": "No module named 'frob.nicate'",
    "traceback": ["\x1b[31mModuleNotFoundError\x1b[0m", 'File "/tmp/x/ipykernel_12/34.py", line 1'],
}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"text/plain": "20"}, {"content_type": "json/object", "preview": 20, "type": "int"}),
        ({"text/plain": "{'a': [1, 2]}"}, {"content_type": "json/object", "preview": {"a": [1, 2]}}),
        ({"text/plain": "<object at 0x1>"}, {"content_type": "pickle/object", "preview": "<object at 0x1>"}),
        ({"text/plain": "<module 'math' (built-in)>"}, {"content_type": "module/import", "preview": "math"}),
        (
            {"text/html": "<b>x</b>", "text/plain": "x"},
            {"content_type": "text/html", "preview": "<b>x</b>", "bytes": 8},
        ),
        ({"text/markdown": "# x", "text/plain": "x"}, {"content_type": "text/markdown", "preview": "# x"}),
        ({"image/svg+xml": "<svg/>"}, {"content_type": "image/svg+xml"}),
        ({"image/png": base64.b64encode(b"1234").decode()}, {"content_type": "image/png", "bytes": 4}),
        ({"application/json": {"a": 1}}, {"content_type": "json/object", "preview": {"a": 1}}),
    ],
)
def test_a_bundle_is_shown_by_its_richest_form(data: dict[str, Any], expected: dict[str, Any]) -> None:
    assert expected.items() <= meta(data).items()


def test_a_variable_is_shown_as_the_kernel_inspects_it() -> None:
    told = "Type:        dict\nString form: {'a': 1}\nLength:      1\nDocstring:  \ndict() -> new"
    assert of_inspection(told) == {"content_type": "json/object", "bytes": 8, "preview": {"a": 1}, "type": "dict"}
    frame = of_inspection("Type:        DataFrame\nString form:\n   a\n0  1\nLength:      1\n")
    assert (frame["content_type"], frame["type"], frame["preview"]) == ("pickle/object", "DataFrame", "a\n0  1")
    assert of_inspection("")["content_type"] == "pickle/object"


def test_a_preview_is_bounded() -> None:
    shown = meta({"text/plain": "x" * 1_000_000})
    assert len(shown["preview"]) == 10_000
    assert shown["bytes"] == 1_000_000


def test_displays_and_the_result_and_the_console_are_told_apart() -> None:
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": "a"},
        {"output_type": "display_data", "data": {"text/markdown": "m"}},
        {"output_type": "stream", "name": "stderr", "text": "e"},
        {"output_type": "stream", "name": "stdout", "text": "b"},
        {"output_type": "execute_result", "data": {"text/plain": "1"}},
    ]
    assert [one["content_type"] for one in displays(outputs)] == ["text/markdown", "json/object"]
    assert result(outputs) == {"content_type": "json/object", "bytes": 1, "preview": 1, "type": "int"}
    assert (console(outputs, "stdout"), console(outputs, "stderr")) == ("ab", "e")


def test_an_error_has_no_colours_and_no_path_of_the_service() -> None:
    told = error([ERROR], "")
    assert told.startswith("ModuleNotFoundError: No module named 'frob.nicate'")
    assert "\x1b" not in told
    assert "/tmp/x" not in told
    assert error([], "it died") == "it died"


def test_a_failed_import_names_what_may_be_installed() -> None:
    assert missing_package([ERROR]) == "frob"
    assert missing_package([{**ERROR, "ename": "ValueError"}]) is None


@pytest.mark.parametrize(
    ("before", "now", "sent"),
    [("", "a\n", "a\n"), ("a\n", "a\nb", "b"), ("a\n10%", "a\n50%", "\r50%"), ("a\nb", "c", "\nc")],
)
def test_an_increment_is_what_a_terminal_lacks(before: str, now: str, sent: str) -> None:
    assert increment(before, now) == sent
    if not sent.startswith("\n"):  # the terminal keeps what was cleared
        assert applied(before, sent) == now
