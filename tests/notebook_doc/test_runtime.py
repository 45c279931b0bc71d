"""RuntimeDoc: records of runs, outputs that grow in place, the display index, and what it reports."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from notebook_doc.errors import BadEdit, CorruptDocument
from notebook_doc.events import ExecutionChanged, KernelChanged, LatestChanged, PromptChanged, QueueChanged
from notebook_doc.replica import ROOT, Replica
from notebook_doc.runtime import RuntimeDoc
from notebook_doc.runtime_records import Execution, ExecutionError, KernelState, Manifest, Prompt, Requester
from notebook_doc.touched import touches


def text(value: str) -> Manifest:
    return {"inline": value, "encoding": "text"}


def stream(*values: str) -> Manifest:
    return {"output_type": "stream", "name": "stdout", "text": [text(value) for value in values]}


RUN = Execution(
    id="e1",
    cell_id="c1",
    status="queued",
    source="x",
    notebook_heads=(bytes(32),),
    requested_by=Requester(peer_id="p", name="Ada", kind="person"),
    seq=3,
    submitted=1.5,
)


def runtime(*executions: Execution) -> RuntimeDoc:
    doc = RuntimeDoc.create("n")
    for execution in executions:
        doc.record(execution)
    doc.take_events()
    return doc


def writes(doc: RuntimeDoc, heads: tuple[bytes, ...]) -> list[str | None]:
    return [touch.key for chunk in doc.replica.changes_since(heads) for touch in touches(chunk)]


def test_a_new_runtime_has_a_kernel_of_no_kind_and_nothing_ran() -> None:
    doc = runtime()
    assert doc.kernel() == KernelState()
    assert doc.queue() == []
    assert doc.execution_ids() == []
    assert doc.latest("c1") is None
    assert doc.shown("c1") == (None, [])
    assert doc.execution("e1") is None
    assert doc.outputs("e1") == []


def test_a_recorded_execution_is_read_back_and_is_its_cell_s_latest() -> None:
    doc = runtime(RUN)
    assert doc.execution("e1") == RUN
    assert doc.latest("c1") == "e1"
    assert doc.execution_ids() == ["e1"]
    assert doc.outputs("e1") == []


def test_an_update_writes_what_changed_and_keeps_the_outputs() -> None:
    doc = runtime(RUN)
    doc.append_output("e1", stream("hello"))
    heads = doc.replica.heads()
    doc.update(replace(RUN, status="running", started=2.0))
    assert sorted(filter(None, writes(doc, heads))) == ["started", "status"]
    assert doc.outputs("e1") == [stream("hello")]
    failed = replace(RUN, status="error", started=2.0, ended=3.0, error=ExecutionError(ename="E", evalue="v"))
    doc.update(failed)
    assert doc.execution("e1") == failed


def test_an_update_of_an_execution_that_is_not_on_record_is_refused() -> None:
    with pytest.raises(BadEdit):
        runtime().update(RUN)


@pytest.mark.parametrize(
    ("status", "ended"),
    [("queued", False), ("running", False), ("done", True), ("error", True), ("cancelled", True), ("died", True)],
)
def test_some_statuses_are_final(status: str, ended: bool) -> None:
    assert replace(RUN, status=status).is_terminal is ended  # type: ignore[arg-type]  # one of the literals


def test_setting_the_same_kernel_and_queue_writes_nothing() -> None:
    doc = runtime()
    doc.set_kernel(KernelState(lifecycle="ready", name="python3"))
    doc.set_queue(["e1", "e2"])
    heads = doc.replica.heads()
    doc.set_kernel(KernelState(lifecycle="ready", name="python3"))
    doc.set_queue(["e1", "e2"])
    assert doc.replica.heads() == heads
    assert doc.queue() == ["e1", "e2"]


def test_kernel_state_is_read_back() -> None:
    doc = runtime()
    state = KernelState(lifecycle="dead", activity="busy", name="deno", language="typescript", error="it died")
    doc.set_kernel(state)
    assert doc.kernel() == state
    doc.set_kernel(replace(state, error=None))
    assert doc.kernel().error is None


def test_the_queue_changes_by_what_differs() -> None:
    doc = runtime()
    doc.set_queue(["e1", "e2", "e3"])
    heads = doc.replica.heads()
    doc.set_queue(["e2", "e3"])
    assert len(writes(doc, heads)) == 1
    assert doc.queue() == ["e2", "e3"]


def test_outputs_are_appended_in_order_and_shown_for_the_cell() -> None:
    doc = runtime(replace(RUN, execution_count=7))
    doc.append_output("e1", stream("a"))
    doc.append_output("e1", stream("b"))
    assert doc.shown("c1") == (7, [stream("a"), stream("b")])


def test_an_output_of_an_execution_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadEdit):
        runtime().append_output("e1", stream("a"))


def test_a_changed_output_writes_what_differs() -> None:
    doc = runtime(RUN)
    doc.append_output("e1", {"output_type": "display_data", "data": {"text/plain": text("a")}, "metadata": {}})
    heads = doc.replica.heads()
    doc.set_output("e1", 0, {"output_type": "display_data", "data": {"text/plain": text("b")}, "metadata": {}})
    assert writes(doc, heads) == ["inline"]


@pytest.mark.parametrize("index", [-1, 1])
def test_an_output_that_is_not_there_cannot_be_changed(index: int) -> None:
    doc = runtime(RUN)
    doc.append_output("e1", stream("a"))
    with pytest.raises(BadEdit):
        doc.set_output("e1", index, stream("b"))


def test_a_stream_grows_at_its_end_and_what_is_sealed_is_not_touched() -> None:
    doc = runtime(RUN)
    doc.append_output("e1", stream("sealed", "tail"))
    heads = doc.replica.heads()
    doc.put_stream_tail("e1", 0, [text("tail grew"), text("next")], at=1)
    assert doc.outputs("e1") == [stream("sealed", "tail grew", "next")]
    assert "sealed" not in str(writes(doc, heads))
    doc.put_stream_tail("e1", 0, [text("short")], at=1)
    assert doc.outputs("e1") == [stream("sealed", "short")]


@pytest.mark.parametrize(("index", "at"), [(0, 2), (1, 0)])
def test_a_stream_tail_that_does_not_fit_is_refused(index: int, at: int) -> None:
    doc = runtime(RUN)
    doc.append_output("e1", stream("a"))
    with pytest.raises(BadEdit):
        doc.put_stream_tail("e1", index, [text("b")], at=at)


def test_displays_are_found_by_their_id_until_the_outputs_are_cleared() -> None:
    doc = runtime(RUN, replace(RUN, id="e2", cell_id="c2"))
    display: Manifest = {"output_type": "display_data", "data": {}, "metadata": {}, "display_id": "d"}
    doc.append_output("e1", stream("a"))
    doc.append_output("e1", display)
    doc.append_output("e2", display)
    assert sorted(doc.displays("d")) == [("e1", 1), ("e2", 0)]
    doc.clear_outputs("e1")
    assert doc.displays("d") == [("e2", 0)]
    assert doc.outputs("e1") == []
    assert doc.displays("unknown") == []


def test_an_exception_inside_edit_undoes_everything() -> None:
    doc = runtime(RUN)

    def fail() -> None:
        with doc.edit():
            doc.set_queue(["e1"])
            doc.append_output("e1", stream("a"))
            doc.append_output("gone", stream("a"))

    with pytest.raises(BadEdit):
        fail()
    assert doc.queue() == []
    assert doc.outputs("e1") == []


def test_everything_inside_edit_is_one_change() -> None:
    doc = runtime()
    heads = doc.replica.heads()
    with doc.edit():
        doc.record(RUN)
        doc.set_queue(["e1"])
        doc.append_output("e1", stream("a"))
        assert doc.outputs("e1") == [stream("a")]
    assert len(doc.replica.changes_since(heads)) == 1


def test_imported_outputs_are_shown_as_the_cell_s_latest() -> None:
    imported = Execution(id="imported-1", cell_id="c1", status="imported", execution_count=4)
    doc = RuntimeDoc.create("n", [(imported, [stream("from the file")])], b"digest")
    assert doc.shown("c1") == (4, [stream("from the file")])
    again = RuntimeDoc.create("n", [(imported, [stream("from the file")])], b"digest")
    assert again.replica.save() == doc.replica.save()


def test_each_thing_that_happened_is_reported_once() -> None:
    doc = runtime(RUN)
    doc.set_kernel(KernelState(lifecycle="ready"))
    doc.set_queue(["e1"])
    doc.append_output("e1", stream("a"))
    doc.record(replace(RUN, id="e2", cell_id="c2"))
    assert set(doc.take_events()) == {
        KernelChanged(),
        QueueChanged(),
        ExecutionChanged("e1", outputs=True, status=False),
        ExecutionChanged("e2", outputs=True, status=True),
        LatestChanged("c2"),
    }
    doc.update(replace(RUN, status="done"))
    assert doc.take_events() == [ExecutionChanged("e1", outputs=False, status=True)]
    assert doc.take_events() == []


def test_a_long_list_of_outputs_is_followed_at_the_cost_of_what_is_new() -> None:
    doc = runtime(RUN)
    assert (doc.output_count("e1"), doc.output_count("gone")) == (0, 0)

    def append(number: int) -> float:
        began = time.thread_time()  # not the clock's: other programs of the machine do not count
        with doc.edit():
            for n in range(number):
                doc.append_output("e1", {"output_type": "display_data", "data": {"text/plain": text(str(n))}})
        doc.take_events()
        assert doc.output("e1", doc.output_count("e1") - 1) is not None
        return time.thread_time() - began

    first = min(append(250) for _ in range(4))
    append(9_000)
    assert doc.output_count("e1") == 10_000
    assert min(append(250) for _ in range(4)) < 5 * first + 0.01


def test_a_prompt_is_on_the_record_until_it_is_taken_away() -> None:
    doc = runtime(RUN)
    prompt = Prompt(id="p1", text="name? ", password=True)
    doc.update(replace(RUN, prompt=prompt))
    assert doc.take_events() == [PromptChanged("e1")]
    recorded = doc.execution("e1")
    assert recorded is not None
    assert recorded.prompt == prompt
    doc.update(replace(RUN, status="done"))
    assert set(doc.take_events()) == {PromptChanged("e1"), ExecutionChanged("e1", outputs=False, status=True)}
    assert doc.execution("e1") == replace(RUN, status="done")


def test_what_the_daemon_wrote_is_reported_to_whoever_receives_it() -> None:
    daemon = runtime(RUN)
    reader = RuntimeDoc(daemon.replica.fork())
    daemon.append_output("e1", stream("a"))
    daemon.put_stream_tail("e1", 0, [text("ab")], at=0)
    reader.replica.merge(daemon.replica)
    assert reader.take_events() == [ExecutionChanged("e1", outputs=True, status=False)]


def test_a_document_without_its_roots_is_refused() -> None:
    replica = Replica()
    with replica.transaction() as transaction:
        transaction.put_uint(ROOT, "schema_version", 1)
    with pytest.raises(CorruptDocument):
        RuntimeDoc(replica)
