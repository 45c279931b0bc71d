"""What a client sends is a message or is refused in words; frames to clients have the shape that clients know."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.gateway.protocol import (
    TYPES,
    CellExecute,
    CellSourceUpdate,
    NotebookRunAll,
    NotebookSync,
    Refusal,
    encoded,
    frame,
    read,
)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"type": "cell_execute", "payload": {"cell_id": "c"}}, CellExecute("c")),
        ({"type": "cell_execute", "payload": {"cell_id": "c", "more": 1}, "seq": 9}, CellExecute("c")),
        ({"type": "cell_source_update", "payload": {"cell_id": "c", "source": ""}}, CellSourceUpdate("c", "")),
        ({"type": "notebook_sync"}, NotebookSync()),
        ({"type": "notebook_run_all", "payload": {}}, NotebookRunAll(continue_on_error=True)),
    ],
)
def test_a_message_is_read(sent: dict[str, Any], expected: object) -> None:
    assert read(json.dumps(sent)) == expected


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("{", "not JSON"),
        ("[]", "is an object"),
        ("7", "is an object"),
        ("null", "is an object"),
        ("{}", "no type"),
        ('{"type": 3}', "no type"),
        ('{"type": "dance"}', "'dance'"),
        ('{"type": "notebook_sync", "payload": null}', "must be an object"),
        ('{"type": "notebook_sync", "payload": []}', "must be an object"),
        ('{"type": "cell_execute"}', "cell_id"),
        ('{"type": "cell_execute", "payload": {"cell_id": 3}}', "cell_id"),
        ('{"type": "cell_source_update", "payload": {"cell_id": "c"}}', "source"),
        ('{"type": "notebook_run_all", "payload": {"continue_on_error": "yes"}}', "continue_on_error"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_anything_else_is_refused_with_what_is_wrong(sent: str, told: str) -> None:
    with pytest.raises(Refusal, match=told):
        read(sent)


def test_a_binary_frame_is_refused() -> None:
    with pytest.raises(Refusal, match="Binary"):
        read(b"{}")


def test_a_refusal_names_the_cell_if_the_message_did() -> None:
    with pytest.raises(Refusal) as caught:
        read('{"type": "cell_source_update", "payload": {"cell_id": "c", "source": 1}}')
    assert caught.value.payload["cell_id"] == "c"


@settings(max_examples=40)
@given(st.sampled_from(sorted(TYPES)), st.recursive(st.none() | st.text() | st.integers(), st.lists))
def test_no_payload_does_anything_else_than_be_read_or_refused(kind: str, payload: object) -> None:
    with suppress(Refusal):
        read(json.dumps({"type": kind, "payload": payload}))


def test_a_frame_has_type_seq_time_and_payload() -> None:
    assert json.loads(frame("error", 3, 1767225600.25, encoded({"error": "x"}))) == {
        "type": "error",
        "seq": 3,
        "ts": "2026-01-01T00:00:00.250Z",
        "payload": {"error": "x"},
    }
