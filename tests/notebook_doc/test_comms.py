"""Comms in a RuntimeDoc: written into place, reported by name, gone without a trace when they are closed."""

from __future__ import annotations

import pytest

from notebook_doc.comms import Comm
from notebook_doc.errors import BadEdit
from notebook_doc.events import CommChanged, CommClosed, CommOpened
from notebook_doc.runtime import RuntimeDoc
from notebook_doc.runtime_records import Execution
from notebook_doc.touched import touches


def runtime() -> RuntimeDoc:
    doc = RuntimeDoc.create("n")
    doc.record(Execution(id="e1", cell_id="c1", status="done"))
    doc.comms.open("w", "jupyter.widget", "e1")
    doc.comms.put("w", "value", 3, [])
    doc.comms.put("w", "options", ["a", "b", "c"], [])
    doc.take_events()
    return doc


def test_an_open_comm_is_read_back() -> None:
    doc = runtime()
    state = {"value": 3, "options": ["a", "b", "c"]}
    assert doc.comms.comm("w") == Comm(id="w", target_name="jupyter.widget", execution_id="e1", state=state)
    assert doc.comms.ids() == ["w"]
    assert "w" in doc.comms
    assert doc.comms.trait("w", "value") == (3, [])
    assert doc.comms.trait("w", "nothing") is None
    assert doc.comms.comm("x") is None


def test_a_trait_is_changed_in_place() -> None:
    doc = runtime()
    heads = doc.replica.heads()
    doc.comms.put("w", "options", ["a", "B", "c"], [])
    assert len([touch for chunk in doc.replica.changes_since(heads) for touch in touches(chunk)]) == 1
    heads = doc.replica.heads()
    doc.comms.put("w", "options", ["a", "B", "c"], [])
    assert doc.replica.heads() == heads


def test_parts_come_and_go_with_the_value() -> None:
    doc = runtime()
    part = {"path": [], "encoding": "bytes", "inline": "YQ=="}
    doc.comms.put("w", "value", None, [part])
    assert doc.comms.trait("w", "value") == (None, [part])
    doc.comms.put("w", "value", 5, [])
    assert doc.comms.trait("w", "value") == (5, [])


def test_what_happened_is_reported_once_and_by_name() -> None:
    doc = runtime()
    with doc.edit():
        doc.comms.put("w", "value", 4, [])
        doc.comms.put("w", "options", [], [])
        doc.append_output("w", {"output_type": "stream", "name": "stdout", "text": []})
    assert doc.take_events() == [CommChanged("w", frozenset({"value", "options", "outputs"}))]
    with doc.edit():
        doc.comms.open("v", "jupyter.widget", "e1")
        doc.comms.put("v", "value", 1, [])
    assert doc.take_events() == [CommOpened("v")]
    doc.comms.close("v")
    assert doc.take_events() == [CommClosed("v")]
    assert doc.take_events() == []


def test_an_output_widget_has_outputs_as_an_execution_has() -> None:
    doc = runtime()
    shown = {"output_type": "display_data", "data": {}, "metadata": {}, "display_id": "d"}
    assert doc.has_outputs("w")
    doc.append_output("w", shown)
    assert doc.outputs("w") == [shown]
    assert doc.displays("d") == [("w", 0)]
    doc.comms.close("w")
    assert doc.displays("d") == []
    assert not doc.has_outputs("w")
    with pytest.raises(BadEdit):
        doc.append_output("w", shown)


def test_a_comm_that_is_not_open_cannot_be_written() -> None:
    doc = runtime()
    with pytest.raises(BadEdit):
        doc.comms.put("x", "value", 1, [])
    doc.comms.close("x")
