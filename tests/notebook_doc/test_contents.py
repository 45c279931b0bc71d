"""Values of outputs and attachments become contents and come back exactly, inline or as blobs."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notebook_doc.contents import (
    INLINE_BELOW,
    attachments_from_manifest,
    attachments_manifest,
    content_of,
    is_text,
    output_from_manifest,
    output_manifest,
    value_of,
)
from notebook_doc.errors import BadEdit, CorruptDocument
from notebook_doc.plain import MAX_DEPTH, plain, well_formed

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
mimes = st.sampled_from(
    [
        "text/plain",
        "text/html",
        "image/png",
        "image/svg+xml",
        "application/json",
        "application/vnd.x+json",
        "audio/wav",
        "x",
    ]
)


def no_blob(sha: str) -> bytes:
    raise AssertionError(f"blob {sha} was asked for")


def there_and_back(mime: str, value: Any) -> Any:
    content, raw = content_of(mime, value)
    blobs = {} if raw is None else {hashlib.sha256(raw).hexdigest(): raw}
    return value_of(content, blobs.__getitem__)


@given(
    mimes, json_values | st.text(min_size=1024, max_size=3000) | st.binary().map(lambda b: base64.b64encode(b).decode())
)
def test_every_value_comes_back_exactly(mime: str, value: Any) -> None:
    again = there_and_back(mime, value)
    assert again == value
    assert json.dumps(again) == json.dumps(value)  # 1 is not 1.0 is not True


@given(st.binary(max_size=4000), st.sampled_from(["", "\n", "76", "76-open", "odd"]))
def test_base64_comes_back_in_the_layout_it_had(raw: bytes, layout: str) -> None:
    value = {
        "": base64.b64encode(raw).decode(),
        "\n": base64.b64encode(raw).decode() + "\n",
        "76": base64.encodebytes(raw).decode(),
        "76-open": base64.encodebytes(raw).decode().rstrip("\n"),
        "odd": base64.b64encode(raw).decode()[::-1],
    }[layout]
    assert there_and_back("image/png", value) == value


@pytest.mark.parametrize(
    ("value", "encoding"),
    [
        (base64.b64encode(bytes(2000)).decode(), "base64"),
        (base64.b64encode(bytes(2000)).decode() + "\n", "base64\n"),
        (base64.encodebytes(bytes(2000)).decode(), "base64/76"),
    ],
)
def test_a_large_image_is_a_blob_of_its_bytes(value: str, encoding: str) -> None:
    content, raw = content_of("image/png", value)
    assert raw == bytes(2000)
    assert content == {"blob": hashlib.sha256(raw).hexdigest(), "size": 2000, "encoding": encoding}


@pytest.mark.parametrize("tail", ["\n\n", "=", " ", "é"])
def test_base64_in_a_form_of_its_own_is_kept_as_text(tail: str) -> None:
    value = base64.b64encode(bytes(1500)).decode() + tail
    content, raw = content_of("image/png", value)
    assert content["encoding"] == "text"
    assert raw == value.encode()


@pytest.mark.parametrize(
    ("mime", "text"),
    [
        ("text/plain", True),
        ("text/plain; charset=utf-8", True),
        ("TEXT/HTML", True),
        ("image/svg+xml", True),
        ("application/json", True),
        ("application/geo+json", True),
        ("application/vnd.plotly.v1+json", True),
        ("application/atom+xml", True),
        ("application/javascript", True),
        ("text/latex", True),
        ("image/png", False),
        ("image/jpeg", False),
        ("audio/ogg", False),
        ("video/mp4", False),
        ("application/pdf", False),
        ("application/octet-stream", False),
    ],
)
def test_the_mime_type_decides_what_is_text(mime: str, text: bool) -> None:
    assert is_text(mime) is text


@pytest.mark.parametrize("letter", ["a", "é", "😀"])
def test_a_content_moves_out_of_the_document_at_one_kibibyte_of_utf8(letter: str) -> None:
    size = len(letter.encode())
    just_below, at = letter * ((INLINE_BELOW - 1) // size), letter * -(-INLINE_BELOW // size)
    assert content_of("text/plain", just_below) == ({"inline": just_below, "encoding": "text"}, None)
    content, raw = content_of("text/plain", at)
    assert raw == at.encode()
    assert content == {"blob": hashlib.sha256(raw).hexdigest(), "size": len(raw), "encoding": "text"}


@pytest.mark.parametrize(
    ("value", "encoding"), [("[1]", "text"), (None, "json"), ([1], "json"), ({"a": 1.0}, "json"), (10**30, "json")]
)
def test_a_json_type_that_holds_a_string_stays_a_string(value: Any, encoding: str) -> None:
    content, _ = content_of("application/json", value)
    assert content["encoding"] == encoding
    assert value_of(content, no_blob) == value


def test_half_a_surrogate_pair_becomes_a_replacement_character() -> None:
    assert there_and_back("text/plain", "a\ud83db") == "a\ufffdb"
    assert there_and_back("application/json", ["\udc00é"]) == ["\ufffdé"]
    assert there_and_back("text/plain", "\ud83d\ude00") == "😀"
    assert plain({"\ud83d": ["\udc00"]}) == {"\ufffd": ["\ufffd"]}


@given(st.text())
def test_whole_unicode_is_left_as_it_is(text: str) -> None:
    assert well_formed(text) == text


def nested(levels: int) -> Any:
    value: Any = "core"
    for _ in range(levels):
        value = [value]
    return value


def test_values_nested_without_reason_are_refused() -> None:
    assert plain(nested(MAX_DEPTH)) == there_and_back("application/json", nested(MAX_DEPTH)) == nested(MAX_DEPTH)
    with pytest.raises(BadEdit, match="deeper than 100"):
        plain(nested(MAX_DEPTH + 1))
    with pytest.raises(BadEdit, match="deeper than 100"):
        content_of("application/json", nested(MAX_DEPTH + 1))


def test_a_value_that_is_not_json_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="set is no JSON value"):
        plain({"a": {1}})


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"encoding": "text"},
        {"blob": "ab", "size": 2, "encoding": "base65"},
        {"inline": "{", "encoding": "json"},
        {"blob": "ab", "size": 2, "encoding": "json"},
        {"blob": "ab", "size": 2, "encoding": "text"},
    ],
)
def test_a_content_that_is_none_is_refused_by_name(bad: Any) -> None:
    with pytest.raises(CorruptDocument, match="content"):
        value_of(bad, lambda sha: b"\xff{")


OUTPUTS = {
    "stream": {"output_type": "stream", "name": "stdout", "text": "1\r2\n\x1b[0m"},
    "a large stream": {"output_type": "stream", "name": "stderr", "text": "é" * 5000},
    "an empty stream": {"output_type": "stream", "name": "stdout", "text": ""},
    "display": {
        "output_type": "display_data",
        "data": {"text/plain": "<x>", "image/png": "iVBORw0KGgo=\n", "application/x+json": {"a": [1, None]}},
        "metadata": {"image/png": {"width": 10}, "isolated": True},
    },
    "result": {"output_type": "execute_result", "data": {}, "metadata": {}, "execution_count": 3},
    "error": {"output_type": "error", "ename": "E", "evalue": "", "traceback": ["a", "b" * 2000]},
    "unknown keys": {"output_type": "stream", "name": "stdout", "text": "x", "more": {"data": [1]}},
    "an unknown type": {"output_type": "later", "data": {"text/plain": 5}, "text": "as it is"},
}


@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
def test_an_output_comes_back_as_it_was(output: dict[str, Any]) -> None:
    manifest, blobs = output_manifest(output)
    assert output_from_manifest(manifest, blobs.__getitem__) == output
    assert all(hashlib.sha256(raw).hexdigest() == sha for sha, raw in blobs.items())


def test_a_stream_is_the_concatenation_of_its_contents() -> None:
    sealed, raw = content_of("text/plain", "a" * 2000)
    assert raw is not None
    manifest = {"output_type": "stream", "name": "stdout", "text": [sealed, {"inline": "b", "encoding": "text"}]}
    assert output_from_manifest(manifest, lambda _: raw)["text"] == "a" * 2000 + "b"


def test_a_kernels_display_id_is_kept_while_live_and_left_out_of_files() -> None:
    message = {"data": {"text/plain": "x"}, "metadata": {}, "transient": {"display_id": "d1"}}
    manifest, _ = output_manifest({"output_type": "display_data", **message})
    assert manifest["display_id"] == "d1"
    assert "transient" not in manifest
    assert output_from_manifest(manifest, no_blob) == {
        "output_type": "display_data",
        "data": {"text/plain": "x"},
        "metadata": {},
    }


def test_a_manifest_shares_nothing_with_the_message_it_was_made_from() -> None:
    message: dict[str, Any] = {"output_type": "display_data", "data": {}, "metadata": {"a": []}}
    manifest, _ = output_manifest(message)
    message["metadata"]["a"].append(1)
    assert manifest["metadata"] == {"a": []}


def test_attachments_come_back_as_they_were() -> None:
    attachments = {
        "fig.png": {"image/png": base64.b64encode(bytes(3000)).decode()},
        "é.txt": {"text/plain": "x"},
        "none": {},
    }
    manifest, blobs = attachments_manifest(attachments)
    assert list(blobs.values()) == [bytes(3000)]
    assert attachments_from_manifest(manifest, blobs.__getitem__) == attachments
