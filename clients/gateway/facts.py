"""What is true of each cell, in the words of the JSON protocol: idle, running, ready, error or stale, and why.

Facts follows the notebook and its executions with the same dataflow that everybody has, and owns what the gateway has
seen run. It promises that an undone edit makes cells ready again, since staleness is derived and not remembered, and
that asking costs what changed. Pure: it is told what happened.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from notebook_doc.dataflow.notebook_dataflow import Dataflow
from notebook_doc.dataflow.staleness import Cause, Freshness, Run, Staleness, begin_run
from notebook_doc.notebook import NotebookDoc
from notebook_doc.runtime import RuntimeDoc
from notebook_doc.runtime_records import Execution

Status = Literal["idle", "running", "ready", "error", "stale"]
_REASONS = {"upstream": "upstream", "environment": "env"}
_DETAILS = {"self": "source_changed", "upstream": "input_changed", "environment": "env_changed"}


@dataclass(frozen=True, slots=True)
class CellFacts:
    """A cell's status, and for one that is not what it was, why."""

    status: Status
    staleness_reasons: tuple[str, ...] = ()
    causality: dict[str, Any] | None = None

    def payload(self, cell_id: str) -> dict[str, Any]:
        """What a `cell_status` frame says."""
        told: dict[str, Any] = {"cell_id": cell_id, "status": self.status}
        if self.staleness_reasons:
            told["staleness_reasons"] = list(self.staleness_reasons)
        if self.causality is not None:
            told["causality"] = self.causality
        return told


@dataclass(slots=True)
class Facts:
    """See the module."""

    doc: NotebookDoc
    flow: Dataflow = field(init=False)
    staleness: Staleness = field(init=False)
    running: dict[str, str] = field(init=False, default_factory=dict)  # cell id -> the execution that runs
    edits: int = field(init=False, default=0)
    _began: dict[str, Run] = field(init=False, default_factory=dict)
    _kernel: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self.flow = Dataflow(self.doc)
        self.staleness = Staleness(self.flow)

    def remember(self, runtime: RuntimeDoc) -> None:
        """Take in what ran before this looked, as the daemon has it on record."""
        self.look(self.doc, runtime)
        self.staleness.put_all(runtime.dataflow.runs())

    def look(self, doc: NotebookDoc, runtime: RuntimeDoc) -> None:
        """Take in what was edited, and which kernel there is. `edits` counts when the graph or a source changed."""
        self.doc = doc
        spool = runtime.spool()
        alive = spool is not None and runtime.kernel().lifecycle == "ready"
        self._kernel = spool.keeper if spool is not None and alive else ""
        self.staleness.set_kernel(self._kernel)
        changed = self.flow.update(doc)
        self.staleness.changed(changed)
        for cell_id in changed:
            if cell_id not in self.flow:
                self.running.pop(cell_id, None)
        self.edits += bool(changed)

    def moved(self, execution: Execution) -> None:
        """An execution began or ended."""
        cell_id = execution.cell_id
        if cell_id not in self.flow:
            return
        if execution.status == "running":
            self.running[cell_id] = execution.id
            self._began[execution.id] = self._begin(execution)
        elif execution.is_terminal:
            if self.running.get(cell_id) == execution.id:
                del self.running[cell_id]
            run = self._began.pop(execution.id, None)
            if execution.started is None:
                return
            if was_cancelled(execution):
                self.staleness.put(cell_id, None)
                return
            run = replace(run or self._begin(execution), kernel=self._kernel)  # which is on record when it has ended
            ms = None if execution.ended is None else round((execution.ended - execution.started) * 1000, 1)
            if execution.cache == "hit":  # a run that is not restored takes as long as it did
                ms = None if execution.saved_ms is None else round(execution.saved_ms, 1)
            self.staleness.put(cell_id, replace(run, ok=execution.status == "done", ms=ms))

    def _begin(self, execution: Execution) -> Run:
        told = {"execution_id": execution.id, "source": execution.source, "kernel": self._kernel}
        return begin_run(self.flow, execution.cell_id, self.staleness.runs(), **told)

    def freshness(self, cell_id: str) -> Freshness:
        """What staleness says of a cell."""
        return self.staleness.of(cell_id)

    def of(self, cell_id: str) -> CellFacts:
        """What is true of a cell."""
        if cell_id in self.running:
            return CellFacts("running")
        fresh = self.staleness.of(cell_id)
        if fresh.status == "failed":
            return CellFacts("error")
        if fresh.status != "stale":
            return CellFacts("ready" if fresh.is_ready else "idle")
        kinds = [cause.kind for cause in fresh.causes]
        details = [self._detail(cell_id, cause) for cause in fresh.causes]
        if "self" in kinds:
            return CellFacts("idle", (), {"reason": "self", "details": details})
        reasons = tuple(dict.fromkeys(_REASONS[kind] for kind in kinds))
        return CellFacts("stale", reasons, {"reason": reasons[0], "details": details})

    def _detail(self, cell_id: str, cause: Cause) -> dict[str, Any]:
        where = cause.cell_id if cause.cell_id is not None else cell_id
        told: dict[str, Any] = {"type": _DETAILS[cause.kind]}
        if cause.kind != "environment":
            told |= {"cell_id": where, "cell_name": self.name(where)}
        return told

    def name(self, cell_id: str) -> str:
        """What to call a cell: the names that it defines, or else its first line."""
        defines = sorted(self.flow.analysis(cell_id).defs)
        if defines:
            return ", ".join(defines[:3])
        first = next((line for line in self.flow.source(cell_id).splitlines() if line.strip()), "")
        return first.strip()[:40] or cell_id

    def all(self, cell_ids: Iterable[str]) -> dict[str, CellFacts]:
        """What is true of these cells."""
        return {cell_id: self.of(cell_id) for cell_id in cell_ids}


def was_cancelled(execution: Execution) -> bool:
    """Whether somebody ended it, before it began or while it ran."""
    interrupted = execution.error is not None and execution.error.ename == "KeyboardInterrupt"
    return execution.status == "cancelled" or (execution.status == "error" and interrupted)
