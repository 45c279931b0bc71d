"""The next epoch of a RuntimeDoc says what the last one said, and with the archive nothing that ran is lost."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_doc.errors import CorruptDocument
from notebook_doc.events import (
    CommChanged,
    CommClosed,
    CommOpened,
    ExecutionChanged,
    KernelChanged,
    LatestChanged,
    QueueChanged,
)
from notebook_doc.replica import ROOT, Replica
from notebook_doc.rotation import (
    CELLS_NAMED,
    MERGED,
    archive_entry,
    catch_up,
    events_between,
    merges_with,
    next_epoch,
    read_archive,
    superseded,
    write_archive,
)
from notebook_doc.runtime import RuntimeDoc
from notebook_doc.runtime_records import Execution, ExecutionError, KernelState, Manifest, Requester
from notebook_doc.sync_message import read_change

ID = "6f1c2a4e-0000-4000-8000-000000000006"
CELLS = ("a", "b", "c")


def text(value: str) -> Manifest:
    return {"inline": value, "encoding": "text"}


def stream(value: str) -> Manifest:
    return {"output_type": "stream", "name": "stdout", "text": [text(value)]}


def figure(value: str, display_id: str) -> Manifest:
    data: Manifest = {"image/png": {"blob": value * 64, "size": 7, "encoding": "base64"}}
    return {"output_type": "display_data", "data": data, "metadata": {}, "display_id": display_id}


def ran(number: int, cell_id: str = "a", status: str = "done") -> Execution:
    return Execution(
        id=f"e{number}",
        cell_id=cell_id,
        status=status,  # type: ignore[arg-type]  # one of the literals
        source=f"run {number}",
        notebook_heads=(bytes(32),),
        requested_by=Requester(peer_id="p", name="Ada", kind="person"),
        seq=number,
        execution_count=number + 1,
        submitted=1.0 + number,
        started=2.0,
        ended=3.0,
        error=ExecutionError(ename="E", evalue="no") if status == "error" else None,
    )


def history(seed: int, steps: int) -> RuntimeDoc:
    """A document to which a daemon has done whatever daemons do."""
    random, doc = Random(seed), RuntimeDoc.create(ID)
    known: list[str] = []
    for number in range(steps):
        dice = random.random()
        if dice < 0.3 or not known:
            doc.record(ran(number, random.choice(CELLS), random.choice(("queued", "done", "error"))))
            known.append(f"e{number}")
        elif dice < 0.5:
            doc.append_output(random.choice(known), stream(f"line {number}\n"))
        elif dice < 0.6:
            doc.append_output(random.choice(known), figure("ab"[number % 2], random.choice("xy")))
        elif dice < 0.75:
            name = random.choice(known)
            for index, output in enumerate(doc.outputs(name)):
                if output["output_type"] == "stream":
                    doc.put_stream_tail(name, index, [text(f"tail {number}")], 0)
        elif dice < 0.8:
            doc.clear_outputs(random.choice(known))
        elif dice < 0.9:
            doc.set_kernel(KernelState(lifecycle="ready", activity=random.choice(("idle", "busy")), name="python3"))
        else:
            doc.set_queue(random.sample(known, min(2, len(known))))
    return doc


def reads(doc: RuntimeDoc, names: Sequence[str]) -> dict[str, object]:
    """All that anybody can read of these executions and of what is beside them."""
    return {
        "kernel": doc.kernel(),
        "queue": doc.queue(),
        "executions": {name: (doc.execution(name), doc.outputs(name)) for name in names},
        "shown": {cell: doc.shown(cell) for cell in CELLS},
        "displays": {
            display: {place for place in doc.displays(display) if place[0] in names} for display in ("x", "y")
        },
    }


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.integers(0, 80), st.integers(1, 3), st.sampled_from((0, 2_000, 10**6)))
def test_epoch_and_archive_together_give_back_every_execution(
    seed: int, steps: int, per_cell: int, history_bytes: int
) -> None:
    doc = history(seed, steps)
    gone = superseded(doc, live=("e3",), per_cell=per_cell, history_bytes=history_bytes)
    data, entry = write_archive(doc, gone)
    fresh = next_epoch(doc, leave_out=gone, archive=[{"blob": "0" * 64, **entry}] if gone else [])
    kept = [name for name in doc.execution_ids() if name not in gone]
    assert fresh.execution_ids() == kept
    assert reads(fresh, kept) == reads(doc, kept)
    back = {archived.execution.id: archived for archived in read_archive(data)}
    assert {name: (archived.execution, archived.outputs) for name, archived in back.items()} == {
        name: (doc.execution(name), doc.outputs(name)) for name in gone
    }
    assert fresh.next_seq() == doc.next_seq()
    assert entry["executions"] == len(gone)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.integers(0, 60))
def test_a_watcher_of_both_has_nothing_to_look_at(seed: int, steps: int) -> None:
    doc = history(seed, steps)
    doc.take_events()
    assert events_between(doc, next_epoch(doc)) == []


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.integers(0, 60))
def test_the_next_epoch_goes_on_as_the_last_one_would_have(seed: int, steps: int) -> None:
    doc = history(seed, steps)
    fresh = next_epoch(doc)
    for side in (doc, fresh):
        side.set_kernel(KernelState(lifecycle="stopped", name="deno", error="over"))
        side.set_queue(["z"])
        side.record(ran(1000))
        side.append_output("e1000", stream("more"))
        side.append_output("e1000", figure("a", "x"))
        side.put_stream_tail("e1000", 0, [text("more and more")], 0)
    assert reads(fresh, fresh.execution_ids()) == reads(doc, doc.execution_ids())


def test_an_epoch_is_the_seed_and_one_change_whatever_happened_before() -> None:
    doc = history(1, 300)
    fresh = next_epoch(doc)
    assert (fresh.epoch, fresh.notebook_id) == (1, ID)
    assert len(fresh.replica.changes_since(())) == 2
    assert len(fresh.replica.save()) < len(doc.replica.save())


def test_an_epoch_is_a_document_of_its_own_and_follows_from_number_and_content_alone() -> None:
    doc = history(1, 50)
    first, again, later = next_epoch(doc), next_epoch(doc), next_epoch(doc, number=7)
    assert first.replica.save() == again.replica.save()
    assert first.replica.actor != again.replica.actor
    assert len({doc.genesis, first.genesis, later.genesis, next_epoch(first).genesis}) == 4
    assert first.genesis == read_change(first.replica.changes_since(RuntimeDoc.blank().replica.heads())[0]).actor


def test_an_epoch_survives_being_saved_and_loaded() -> None:
    fresh = next_epoch(history(2, 60))
    loaded = RuntimeDoc(Replica.load(fresh.replica.save()))
    assert loaded.replica.heads() == fresh.replica.heads()
    assert loaded.replica.json(ROOT) == fresh.replica.json(ROOT)


def test_whatever_else_stands_at_the_root_is_carried_over() -> None:
    doc = history(3, 10)
    with doc.edit():
        doc._tx.put_json(ROOT, "comms", {"w1": {"state": {"value": 2**70, "bits": [1.0, None, {"deep": True}]}}})
        doc._tx.put_json(ROOT, "later", {"a": [1]})
        doc._tx.put_json(doc._kernel, "keeper", {"pid": 17})
    fresh = next_epoch(doc)
    for key in ("comms", "later", "kernel"):
        here, there = (side.replica.child(ROOT, key) for side in (doc, fresh))
        assert here is not None
        assert there is not None
        assert fresh.replica.json(there) == doc.replica.json(here)


def test_what_is_shown_runs_or_may_still_get_outputs_is_never_left_out() -> None:
    doc = RuntimeDoc.create(ID)
    for number in range(4):
        doc.record(ran(number))
    doc.record(ran(4, "b", "running"))
    doc.record(ran(5, "b"))
    assert superseded(doc, live=("e1",), per_cell=1, history_bytes=0) == ["e0", "e2"]


def test_the_newest_of_each_cell_stay_as_long_as_there_is_room_for_history() -> None:
    doc = RuntimeDoc.create(ID)
    for number in range(12):
        doc.record(ran(number, "ab"[number % 2]))
    assert superseded(doc, per_cell=3) == [f"e{number}" for number in range(6)]
    assert superseded(doc, per_cell=3, history_bytes=0) == [f"e{number}" for number in range(10)]


def test_a_cell_that_is_gone_shows_nothing_so_its_last_run_is_history_too() -> None:
    doc = RuntimeDoc.create(ID)
    doc.record(ran(0, "a"))
    doc.record(ran(1, "b"))
    gone = superseded(doc, cells={"b"}, per_cell=0)
    assert gone == ["e0"]
    assert next_epoch(doc, leave_out=gone).latest("a") is None


def test_displays_do_not_point_at_what_is_left_out() -> None:
    doc = RuntimeDoc.create(ID)
    doc.record(ran(0))
    doc.record(ran(1))
    doc.append_output("e0", figure("a", "x"))
    doc.append_output("e0", figure("a", "only there"))
    doc.append_output("e1", figure("b", "x"))
    fresh = next_epoch(doc, leave_out=["e0"])
    assert fresh.displays("x") == [("e1", 0)]
    assert fresh.displays("only there") == []


def test_the_number_of_the_next_run_goes_on_when_the_last_one_is_only_in_the_archive() -> None:
    doc = RuntimeDoc.create(ID)
    doc.record(ran(0, "a"))
    doc.record(ran(41, "deleted"))
    _, entry = write_archive(doc, ["e41"])
    assert next_epoch(doc, leave_out=["e41"], archive=[entry]).next_seq() == 42


def test_a_watcher_is_told_what_really_changed_between_two_documents() -> None:
    doc = RuntimeDoc.create(ID)
    doc.record(ran(0, "a"))
    doc.record(ran(1, "b"))
    doc.take_events()
    fresh = next_epoch(doc)
    fresh.append_output("e1", stream("new"))
    fresh.record(ran(2, "a"))
    fresh.set_kernel(KernelState(lifecycle="ready"))
    fresh.set_queue(["e2"])
    assert events_between(doc, fresh) == [
        KernelChanged(),
        QueueChanged(),
        LatestChanged("a"),
        ExecutionChanged("e1", outputs=True, status=False),
        ExecutionChanged("e2", outputs=False, status=True),
    ]


def test_widgets_are_carried_over_with_what_they_captured_and_the_run_their_outputs_go_to_is_named() -> None:
    doc = RuntimeDoc.create(ID)
    doc.record(ran(0))
    for comm_id in ("slider", "out", "gone"):
        doc.comms.open(comm_id, "jupyter.widget", "e0")
    doc.comms.put("slider", "value", {"x": [1, 2.0]}, [{"path": [], "inline": "QQ==", "encoding": "bytes"}])
    doc.append_output("out", figure("a", "x"))
    doc.take_events()
    fresh = next_epoch(doc)
    assert fresh.comms.comm("slider") == doc.comms.comm("slider")
    assert fresh.outputs("out") == doc.outputs("out")
    assert fresh.displays("x") == [("out", 0)]
    assert fresh.comms.execution_ids() == {"e0"}
    assert events_between(doc, fresh) == []
    fresh.comms.put("slider", "value", 3, [])
    fresh.comms.close("gone")
    fresh.comms.open("new", "jupyter.widget", "")
    fresh.append_output("out", stream("more"))
    assert events_between(doc, fresh) == [
        CommClosed("gone"),
        CommOpened("new"),
        CommChanged("out", frozenset(["outputs"])),
        CommChanged("slider", frozenset(["value"])),
    ]


def test_what_is_written_while_the_next_epoch_is_made_is_written_into_it_too() -> None:
    doc = history(5, 60)
    fresh = next_epoch(RuntimeDoc(doc.replica.fork()), leave_out=["e0"])
    doc.record(ran(2000, "b", "queued"))
    doc.update(ran(2000, "b", "done"))
    doc.set_queue(["e2000"])
    doc.set_kernel(KernelState(lifecycle="dead", error="killed"))
    doc.comms.open("w", "jupyter.widget", "e2000")
    catch_up(fresh, doc, leave_out=["e0"])
    kept = [name for name in doc.execution_ids() if name != "e0"]
    assert fresh.execution_ids() == kept
    assert {name: fresh.execution(name) for name in kept} == {name: doc.execution(name) for name in kept}
    assert (fresh.queue(), fresh.kernel(), fresh.comms.ids()) == (doc.queue(), doc.kernel(), ["w"])
    assert fresh.latest("b") == "e2000"


def test_what_was_not_told_of_the_old_document_is_told_with_the_new() -> None:
    doc = RuntimeDoc.create(ID)
    doc.record(ran(0))
    doc.take_events()
    doc.append_output("e0", stream("late"))
    assert events_between(doc, next_epoch(doc)) == [ExecutionChanged("e0", outputs=True, status=False)]


def test_the_list_of_archives_stays_short_and_nothing_is_written_anew_often() -> None:
    archives: list[Manifest] = []
    written = 0
    random = Random(1)
    total = 0
    for _ in range(20_000):
        size = random.randrange(100, 20_000)
        total += size
        count = merges_with(archives, size)
        merged = size + sum(int(str(entry["size"])) for entry in archives[len(archives) - count :])
        written += merged
        archives = [*archives[: len(archives) - count], {"size": merged}]
        assert len(archives) < total / 2**22 + 4 * MERGED**2
    assert written < 12 * total


def test_an_archive_of_very_many_cells_does_not_name_them() -> None:
    doc = RuntimeDoc.create(ID)
    with doc.edit():
        for number in range(CELLS_NAMED + 1):
            doc.record(ran(number, f"c{number}"))
    data, entry = write_archive(doc, doc.execution_ids())
    assert "cells" not in entry
    assert archive_entry(data) == entry
    assert write_archive(doc, ["e1", "e0"])[1]["cells"] == ["c0", "c1"]


def test_a_damaged_archive_says_so() -> None:
    for data in (b"{", b"[]\n", b'{"id": "e"}\n', b"\xff\n"):
        with pytest.raises(CorruptDocument):
            read_archive(data)
