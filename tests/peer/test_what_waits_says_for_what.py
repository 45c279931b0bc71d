"""An execution that is queued says behind what it stands; one that runs or has ended waits for nothing."""

from __future__ import annotations

from clients.peer.waiting import waiting
from notebook_doc.runtime import RuntimeDoc
from notebook_doc.runtime_records import Execution, ExecutionStatus, KernelState


def runtime(*executions: tuple[str, str, ExecutionStatus, float | None]) -> RuntimeDoc:
    doc = RuntimeDoc.create("5e1f7c1a-0000-4000-8000-000000000003")
    for execution_id, cell_id, status, started in executions:
        doc.record(Execution(id=execution_id, cell_id=cell_id, status=status, started=started))
    doc.set_queue([execution_id for execution_id, _, status, _ in executions if status in ("running", "queued")])
    return doc


def test_it_names_the_cell_that_runs_how_long_it_has_run_and_how_many_stand_between() -> None:
    doc = runtime(("r", "c3", "running", 100.0), ("q", "c4", "queued", None), ("mine", "", "queued", None))
    told = "queued behind cell c3, running for 12 s (execution r), and behind 1 more"
    assert str(waiting(doc, "mine", 112.4)) == told
    assert str(waiting(doc, "q", 99.0)) == "queued behind cell c3, running for 0 s (execution r)"
    assert waiting(doc, "r", 112.0) is None
    assert waiting(doc, "not here yet", 112.0) is None


def test_while_nothing_runs_it_waits_for_the_kernel() -> None:
    doc = runtime(("mine", "", "queued", None))
    doc.set_kernel(KernelState(lifecycle="starting"))
    assert str(waiting(doc, "mine", 1.0)) == "queued until the kernel is ready (starting)"
