"""What a service is told and may do, with a real daemon and kernel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from clients.daemon import main
from clients.daemon.launch_plan import LaunchPlan
from clients.daemon.services import Asked, Chosen, Served, Service, ServiceHost, table_of
from clients.peer.errors import RequestFailed
from clients.peer.notebook import Notebook
from notebook_doc.events import CellChanged, NotebookEvent
from notebook_doc.runtime_records import Execution, KernelState, Requester
from relay.errors import ErrorCode, WireError
from relay.requests import Execute, Save
from tests.daemon.service import notebook_file, running_service
from tests.support.aio import aio


class Witness(Service):
    """Notes what it is told; runs c1 whenever c0 has run; refuses to run c2."""

    def __init__(self, host: ServiceHost) -> None:
        self.host = host
        self.told: list[tuple[str, str, bool]] = []
        self.kernel: list[str] = []
        self.edited: list[NotebookEvent] = []

    def serves(self) -> Served:
        return {Save: self._serve}

    async def _serve(self, body: Save, asked: Asked) -> dict[str, Any]:
        return {}

    def cells_to_run(self, cell_ids: Sequence[str], asked: Execute) -> Chosen:
        if "c2" in cell_ids:
            raise WireError(ErrorCode.BAD_REQUEST, "Not this one.")
        return Chosen(cell_ids)

    def execution_changed(self, execution: Execution) -> None:
        outputs = self.host.notebook.runtime.outputs(execution.id)
        self.told.append((execution.cell_id, execution.status, bool(outputs)))
        if execution.cell_id == "c0" and execution.is_terminal:
            self.host.run_cells(["c1"], Asked(f"after {execution.id}", Requester(kind="daemon")))

    def notebook_changed(self, event: NotebookEvent) -> None:
        self.edited.append(event)
        raise RuntimeError("a service that fails harms nobody")

    def kernel_changed(self, state: KernelState) -> None:
        self.kernel.append(state.lifecycle)


class Planned:
    """Says what to launch."""

    async def resolve(self, notebook: Notebook, folder: Path) -> LaunchPlan:
        return LaunchPlan(name="python3", cwd=folder, env={"PATH": "/usr/bin", "PLANNED": "yes"})


@aio
async def test_a_service_is_told_of_edits_executions_and_the_kernel_and_chooses_what_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Witness] = []
    monkeypatch.setattr(main, "SERVICES", (lambda host: made.append(Witness(host)) or made[-1],))
    monkeypatch.setattr(main, "RESOLVER", Planned())
    path = notebook_file(tmp_path, ["1", "import os; print(os.environ['PLANNED'])", "3"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        (await ann.cells["c0"].run()).check()
        assert await ann.until(lambda: (latest := ann.cells["c1"].execution) is not None and latest.ok, 60)
        shown = ann.cells["c1"].execution
        assert shown is not None
        assert await shown.text() == "yes\n"
        (witness,) = made
        assert witness.told == [
            ("c0", "queued", False),
            ("c0", "running", False),
            ("c0", "done", True),
            ("c1", "queued", False),
            ("c1", "running", False),
            ("c1", "done", True),
        ]
        assert witness.kernel[:2] == ["starting", "ready"]
        with pytest.raises(RequestFailed, match="Not this one"):
            await ann.run(["c2"])
        ann.cells["c0"].source = "2"
        await ann.saved()
        assert await ann.until(lambda: bool(witness.edited), 60)
        assert witness.edited == [CellChanged("c0", frozenset({"source"}))]


def test_a_request_is_served_by_one() -> None:
    async def serve(body: Any, asked: Asked) -> dict[str, Any]:
        return {}

    with pytest.raises(AssertionError, match="Save is served by two"):
        table_of([{Save: serve}, {Save: serve}])
