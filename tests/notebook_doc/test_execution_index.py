"""Which executions a cell has had."""

from __future__ import annotations

import pytest

from notebook_doc.execution_index import ExecutionIndex
from notebook_doc.runtime import RuntimeDoc
from notebook_doc.runtime_records import Execution


@pytest.fixture
def runtime() -> RuntimeDoc:
    imported = Execution(id="i", cell_id="a", status="imported")
    return RuntimeDoc.create("n", [(imported, [])])


def ran(runtime: RuntimeDoc, execution_id: str, cell_id: str, seq: int, submitted: float) -> None:
    runtime.record(Execution(id=execution_id, cell_id=cell_id, status="queued", seq=seq, submitted=submitted))


def test_a_cells_executions_come_newest_first_and_what_a_file_brought_last(runtime: RuntimeDoc) -> None:
    ran(runtime, "z", "a", 1, 10.0)
    ran(runtime, "other", "b", 2, 11.0)
    ran(runtime, "y", "a", 3, 11.0)
    ran(runtime, "x", "a", 4, 11.0)
    assert ExecutionIndex(runtime).of("a") == ["x", "y", "z", "i"]


def test_a_cell_that_never_ran_has_none(runtime: RuntimeDoc) -> None:
    assert ExecutionIndex(runtime).of("b") == []


def test_a_new_execution_is_found_and_the_others_are_not_read_again(
    runtime: RuntimeDoc, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    execution = runtime.execution
    monkeypatch.setattr(
        runtime, "execution", lambda execution_id: (read.append(execution_id), execution(execution_id))[1]
    )
    index = ExecutionIndex(runtime)
    ran(runtime, "x", "a", 1, 10.0)
    assert index.of("a") == ["x", "i"]
    ran(runtime, "y", "a", 2, 11.0)
    assert index.of("a") == ["y", "x", "i"]
    assert index.of("a") == ["y", "x", "i"]
    assert sorted(read) == ["i", "x", "y"]
