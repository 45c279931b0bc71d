"""Runs as clients are told of them: begun, printing, ended, and what they put out.

A Runs follows the executions of one notebook and owns what it knows of them: those under way, those it has told of to
the end, what each cell shows, and which execution is which step of a plan. It promises the protocol's order for each of
them: progress, running, console, output or error, status.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from clients.gateway import outputs as shapes
from clients.gateway.facts import CellFacts, Facts, was_cancelled
from clients.gateway.following import FollowedRun, outputs_of
from clients.gateway.protocol import Payload
from clients.peer.errors import PeerError
from clients.peer.notebook import Notebook
from notebook_doc.runtime_records import Execution
from relay.errors import WireError

# Variables that a run shows, and the seconds that the kernel has to say what they are.
MAX_VARIABLES: Final = 20
VARIABLES_SECONDS: Final = 2.0
# Executions that are remembered as told.
MAX_TOLD: Final = 4096


@dataclass(slots=True)
class _Cascade:
    """A plan under way: which of its cells come when."""

    plan_id: str
    executions: dict[str, int] = field(default_factory=dict)  # execution id -> its place
    total: int = 0


class Runs:
    """See the module. `tell` sends a frame to everybody, `tell_status` a cell's status."""

    def __init__(
        self,
        notebook: Notebook,
        facts: Facts,
        tell: Callable[[str, Payload], None],
        tell_status: Callable[[str, CellFacts], None],
    ) -> None:
        self._notebook, self._facts = notebook, facts
        self._tell, self._tell_status = tell, tell_status
        self._cascades: dict[str, _Cascade] = {}  # by execution
        self._runs: dict[str, FollowedRun] = {}
        self._shown: dict[str, tuple[str, Payload]] = {}  # cell -> (execution, what it put out)
        self._told: OrderedDict[str, None] = OrderedDict()  # executions of which there is nothing more to tell
        for cell_id in notebook.doc.cell_ids():
            latest = notebook.runtime.latest(cell_id)
            if latest is not None and self.unfinished(cell_id) is None:
                self._told[latest] = None  # it had ended before this looked

    def unfinished(self, cell_id: str) -> str | None:
        """The execution of a cell that runs or waits."""
        latest = self._notebook.runtime.latest(cell_id) if cell_id in self._notebook.doc else None
        return latest if latest is not None and self._notebook.runtime.status(latest) in ("queued", "running") else None

    def is_plan(self, plan_id: str, execution_ids: Sequence[str]) -> None:
        """These executions are the steps of a plan, in order."""
        cascade = _Cascade(plan_id, {one: number for number, one in enumerate(execution_ids)}, len(execution_ids))
        self._cascades.update(dict.fromkeys(cascade.executions, cascade))

    def forget(self, cell_id: str) -> None:
        """A cell is gone."""
        self._shown.pop(cell_id, None)

    def under_way(self, cell_id: str) -> Payload:
        """What a cell that runs has printed, as far as everybody was told; empty if it does not run."""
        run = self._runs.get(self._facts.running.get(cell_id, ""))
        if run is None:
            return {}
        told = {f"console_{stream}": text for stream, text in run.console.items()}
        return {"display_outputs": [], **told}

    async def shown(self, cell_id: str) -> Payload:
        """What a cell shows: of its latest run that has ended."""
        latest = self._notebook.runtime.latest(cell_id)
        if latest is not None and latest not in self._runs and self._shown.get(cell_id, ("",))[0] != latest:
            hit = (record := self._notebook.runtime.execution(latest)) is not None and record.cache == "hit"
            self._shown[cell_id] = latest, shapes.shown(await outputs_of(self._notebook, latest)) | {"cache_hit": hit}
        return self._shown.get(cell_id, ("", {}))[1]

    async def follow(self, record: Execution) -> None:
        """Tell what an execution has done since the last time."""
        if record.status == "imported" or record.id in self._told:
            return
        run = self._runs.get(record.id)
        run = run or self._runs.setdefault(record.id, FollowedRun(self._notebook, record.id))
        cell_id = record.cell_id
        if not run.began and record.started is not None:
            run.began = True
            self._tell_progress(record)
            self._facts.look(self._notebook.doc, self._notebook.runtime)
            self._facts.moved(replace(record, status="running"))  # it may have ended since
            self._tell_status(cell_id, CellFacts("running"))
        async for stream, text in run.increments():
            run.console[stream] = shapes.applied(run.console.get(stream, ""), text)
            self._tell("cell_console", {"cell_id": cell_id, "stream": stream, "text": text})
        if record.is_terminal:
            await self._ended(record, run)

    def _tell_progress(self, record: Execution) -> None:
        cascade = self._cascades.get(record.id)
        if cascade is not None:
            told = {"plan_id": cascade.plan_id, "current_cell_id": record.cell_id, "total": cascade.total}
            self._tell("cascade_progress", {**told, "completed": cascade.executions[record.id]})

    async def _ended(self, record: Execution, run: FollowedRun) -> None:
        del self._runs[record.id]
        self._told[record.id] = None
        while len(self._told) > MAX_TOLD:
            self._told.popitem(last=False)
        self._cascades.pop(record.id, None)
        cell_id = record.cell_id
        outputs = await run.outputs()
        self._facts.look(self._notebook.doc, self._notebook.runtime)
        self._facts.moved(record)
        self._shown[cell_id] = record.id, shapes.shown(outputs) | {"cache_hit": record.cache == "hit"}
        if was_cancelled(record):
            self._tell_status(cell_id, CellFacts("idle"))
        elif record.status == "done":
            variables = await self._variables(cell_id)
            self._tell("cell_output", self._output(record, outputs, variables))
            self._tell_status(cell_id, self._facts.of(cell_id))
        else:
            fallback = self._notebook.kernel.error or f"The execution ended as {record.status}."
            told: Payload = {"cell_id": cell_id, "error": shapes.error(outputs, fallback)}
            if (package := shapes.missing_package(outputs)) is not None:
                told["suggest_install"] = package
            self._tell("cell_error", told)
            self._tell_status(cell_id, CellFacts("error"))

    async def _variables(self, cell_id: str) -> Payload:
        """The variables of a cell that others read, as the kernel shows them beside whatever it runs."""
        graph = self._facts.flow.graph
        read = [name for name in sorted(graph.analysis(cell_id).defs) if set(graph.readers(name)) - {cell_id}]
        found: Payload = {name: shapes.of_repr("") for name in read}
        with suppress(TimeoutError, PeerError, WireError):  # what the kernel does not say in time is named, not shown
            async with asyncio.timeout(VARIABLES_SECONDS):
                for name in read[:MAX_VARIABLES]:
                    inspected = await self._notebook.inspect(name)
                    if inspected is not None:
                        found[name] = shapes.of_inspection(inspected.text)
        return found

    def _output(self, record: Execution, outputs: Sequence[dict[str, Any]], variables: Payload) -> Payload:
        displays = shapes.displays(outputs)
        result = shapes.result(outputs)
        took = 0.0 if record.ended is None or record.started is None else record.ended - record.started
        told: Payload = {
            "cell_id": record.cell_id,
            "outputs": variables if result is None else {**variables, "_": result},
            "cache_hit": record.cache == "hit",
            "duration_ms": round(took * 1000, 1),
            "stdout": shapes.console(outputs, "stdout"),
            "stderr": shapes.console(outputs, "stderr"),
            "execution_method": "cached" if record.cache == "hit" else "kernel",
            "artifact_uri": None,
            "mutation_warnings": [],
        }
        if displays:
            told |= {"display": displays[-1], "displays": displays}
        return told
