"""What the queue decides, as it is written into RuntimeDoc."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from clients.daemon.queue_effects import CellId, ExecutionId, RecordQueued, RecordStatus, RequestId, Status
from clients.daemon.records import ExecutionRecords
from notebook_doc.runtime import RuntimeDoc
from notebook_doc.runtime_records import Requester
from notebook_doc.touched import touches

REQUESTER = {"peer_id": "p", "name": "Ann", "kind": "person"}


@dataclass
class Page:
    """Of a notebook what records need."""

    runtime: RuntimeDoc


def queued(execution_id: str, cell_id: str, seq: int) -> RecordQueued:
    place = {"request_id": RequestId("r"), "place": seq, "seq": seq}
    what = {"source": "1 + 1", "heads": (), "requested_by": REQUESTER, "submitted": 10.0 + seq}
    return RecordQueued(ExecutionId(execution_id), CellId(cell_id), **cast(Any, what | place))


def test_what_starts_at_once_is_written_once_and_told_as_queued_and_as_running() -> None:
    runtime = RuntimeDoc.create("n")
    heads = runtime.replica.heads()
    effects = [queued("e0", "a", 0), queued("e1", "b", 1), RecordStatus(ExecutionId("e0"), Status.RUNNING, 20.0)]
    moved = ExecutionRecords(cast(Any, Page(runtime))).write(effects, ["e0", "e1"])

    assert [(one.id, one.status) for one in moved] == [("e0", "queued"), ("e1", "queued"), ("e0", "running")]
    (change,) = runtime.replica.changes_since(heads)
    assert [touch.key for touch in touches(change)].count("status") == 2
    first, second = runtime.execution("e0"), runtime.execution("e1")
    assert first is not None
    assert second is not None
    assert (first.status, first.started, first.submitted) == ("running", 20.0, 10.0)
    assert (second.status, second.started) == ("queued", None)
    assert first.requested_by == Requester(**REQUESTER)
    assert (runtime.queue(), runtime.latest("a")) == (["e0", "e1"], "e0")


def test_what_is_on_record_is_changed_where_it_is() -> None:
    runtime = RuntimeDoc.create("n")
    records = ExecutionRecords(cast(Any, Page(runtime)))
    records.write([queued("e", "a", 0), RecordStatus(ExecutionId("e"), Status.RUNNING, 20.0)], ["e"])
    heads = runtime.replica.heads()
    (ended,) = records.write([RecordStatus(ExecutionId("e"), Status.DONE, 30.0, 7)], [])

    (change,) = runtime.replica.changes_since(heads)
    assert {touch.key for touch in touches(change)} == {"status", "ended", "execution_count", None}
    assert runtime.execution("e") == ended
    assert (ended.status, ended.started, ended.ended, ended.execution_count) == ("done", 20.0, 30.0, 7)
