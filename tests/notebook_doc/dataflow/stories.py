"""A notebook whose cells are edited and "run" in a test: what runs is noted as the daemon would note it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from notebook_doc.dataflow.notebook_dataflow import Dataflow
from notebook_doc.dataflow.plans import Bring, Plan, due_in_reactive, plan_run
from notebook_doc.dataflow.staleness import Freshness, Staleness, begin_run
from notebook_doc.notebook import NotebookDoc

NOTEBOOK_ID = "5e1f7c1a-0000-4000-8000-000000000001"


class Story:
    """Cells are named by what the test calls them; `cells` gives their sources in order."""

    def __init__(self, doc: NotebookDoc | None = None, /, **cells: str) -> None:
        self.doc = NotebookDoc.create(NOTEBOOK_ID) if doc is None else doc
        with self.doc.edit():
            for cell_id, source in cells.items():
                self.doc.add_cell(source, cell_id=cell_id)
        self.flow = Dataflow(self.doc)
        self.staleness = Staleness(self.flow)
        self.staleness.set_kernel("kernel 1")
        self._kernel = "kernel 1"
        self._runs = 0

    def look(self) -> Story:
        """Take in what was edited."""
        self.staleness.changed(self.flow.update(self.doc))
        return self

    def edit(self, cell_id: str, source: str) -> None:
        self.doc.set_source(cell_id, source)
        self.look()

    def delete(self, cell_id: str) -> None:
        self.doc.delete_cell(cell_id)
        self.look()

    def run(self, *cell_ids: str, ok: bool = True, ms: float = 10.0) -> None:
        for cell_id in cell_ids:
            self._runs += 1
            run = begin_run(
                self.flow,
                cell_id,
                self.staleness.runs(),
                execution_id=f"run {self._runs}",
                source=self.flow.source(cell_id),
                kernel=self._kernel,
            )
            self.staleness.put(cell_id, replace(run, ok=ok, ms=ms))

    def run_all(self) -> None:
        self.run(*self.flow.graph.sorted(self.flow.code_cells))

    def restart(self, kernel: str = "kernel 2") -> None:
        self._kernel = kernel
        self.staleness.set_kernel(kernel)

    def of(self, cell_id: str) -> Freshness:
        return self.staleness.of(cell_id)

    def statuses(self) -> dict[str, str]:
        return {cell_id: self.of(cell_id).status for cell_id in self.flow.code_cells}

    def causes(self, cell_id: str) -> list[tuple[str, str, str | None]]:
        return [(one.kind, one.why, one.cell_id) for one in self.of(cell_id).causes]

    def plan(self, *targets: str, bring: Bring = "stale", refuse: bool = True) -> Plan:
        return plan_run(self.flow, self.staleness, targets, bring=bring, refuse=refuse)

    def due(self, unsettled: Sequence[str] = ()) -> list[str]:
        return due_in_reactive(self.flow, self.staleness, unsettled)
