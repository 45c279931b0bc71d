"""What a notebook's execution mode means: which cells a request runs, what runs by itself, and what everybody is shown.

A DataflowService keeps a notebook's dataflow and what has run of it, and publishes both in RuntimeDoc. It owns the root
`dataflow` there, and the plans that wait to be confirmed. It promises that in every mode but `manual` a cell with a
problem does not run and all others do, that what is published follows the document within PUBLISH_EVERY and what a run
came from arrives with its end, and that in `reactive` nothing that it runs by itself runs twice for the same code and
inputs. It never edits the notebook.

Typing is not disturbed: an edited cell counts as settled once no person's cursor is in it and it has not been edited
for SETTLE seconds, and only then do `reactive` runs begin. So what runs is what somebody left, not what is being
written. The first is an event (a cursor that leaves), the second the pause that tells a program's edits apart.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from clients.daemon.dataflow_answers import impact_result, plan_result, refusal
from clients.daemon.errors import DaemonError
from clients.daemon.requests import cells_to_run
from clients.daemon.results.cache import ResultCache
from clients.daemon.services import Asked, Chosen, Served, Service, ServiceHost
from notebook_doc.dataflow.notebook_dataflow import Dataflow
from notebook_doc.dataflow.plans import Plan, bring_of_mode, due_in_reactive, impact_of, plan_run
from notebook_doc.dataflow.record import CellDataflow, describe
from notebook_doc.dataflow.staleness import Run, Staleness, begin_run
from notebook_doc.errors import UnknownCell
from notebook_doc.events import CellChanged, NotebookEvent
from notebook_doc.runtime import RuntimeDoc
from notebook_doc.runtime_records import Execution, KernelState, Requester
from relay.errors import ErrorCode, WireError
from relay.requests import Execute, ImpactOf, PlanRun

logger = logging.getLogger("quire.daemon")

# Seconds in which what changed is collected before it is published: two or three keystrokes are one write.
PUBLISH_EVERY: Final = 0.1
# Seconds without an edit after which a cell that no person's cursor is in counts as settled: longer than programs pause
# between the parts of one edit, shorter than people notice.
SETTLE: Final = 0.4
# Plans that can still be confirmed; each is used once.
MAX_PLANS: Final = 256
# Who asks for the runs of the mode `reactive`.
ITSELF: Final = Requester(name="reactive", kind="daemon")


class DataflowService(Service):
    """See the module. One per notebook."""

    def __init__(self, host: ServiceHost) -> None:
        self._host = host
        self._notebook = host.notebook
        self._flow = Dataflow(self._notebook.doc)
        self._staleness = Staleness(self._flow)
        self._staleness.put_all(self._notebook.runtime.dataflow.runs())
        self._began: dict[str, Run] = {}  # by execution, what it began with
        self._results = ResultCache(host.results, host.notebook)
        self._untidy = False  # results were kept since it was looked whether they are too much
        self._plans: OrderedDict[str, Plan] = OrderedDict()
        self._told: RuntimeDoc | None = None  # the document that `_due` is about
        self._due: set[str] = set(self._notebook.runtime.dataflow.cells())  # cells to be published again
        self._due |= set(self._flow.graph.order)
        self._runs_due: set[str] = set()
        self._tried: dict[str, str] = {}  # the provenance for which a cell was last run by itself
        self._edited: dict[str, float] = {}  # when a cell was last edited, of those that are not settled
        self._work = asyncio.Event()

    def serves(self) -> Served:
        """What it answers."""
        return {PlanRun: self._serve_plan, ImpactOf: self._serve_impact}

    async def run(self) -> None:
        """Publish what changes, and run what is due."""
        self._work.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_cursors(), name="watch who is typing where")
            while True:
                await self._work.wait()
                await asyncio.sleep(PUBLISH_EVERY)
                self._work.clear()
                self._look()
                self._publish()
                self._react()
                if self._untidy:
                    self._untidy = False
                    await self._results.tidy()

    # --- what happens -------------------------------------------------------------------------------------------------

    def notebook_changed(self, event: NotebookEvent) -> None:
        """Somebody edited the notebook."""
        if isinstance(event, CellChanged) and "source" in event.fields:
            self._edited[event.cell_id] = asyncio.get_running_loop().time()
        self._look()
        self._work.set()

    def kernel_changed(self, state: KernelState) -> None:
        """Another kernel has none of the variables."""
        kernel = self._host.kernel
        ready = kernel is not None and state.lifecycle == "ready"
        if self._staleness.set_kernel(kernel.keeper if kernel is not None and ready else ""):
            self._due |= set(self._flow.graph.order)
            self._tried.clear()
            self._work.set()

    def execution_changed(self, execution: Execution) -> None:
        """A run began, and takes what it takes; or it ended, and what it shows follows from that."""
        cell_id = execution.cell_id
        if cell_id is None or cell_id not in self._notebook.doc:
            return
        self._look()
        if execution.status == "running":
            self._began[execution.id] = self._begin(execution)
        elif execution.is_terminal:
            began = self._began.pop(execution.id, None)
            if execution.started is None:
                return
            run = began or self._begin(execution)
            ms = None if execution.ended is None else round((execution.ended - execution.started) * 1000, 1)
            if execution.cache == "hit":  # a run that is not restored takes as long as it did
                ms = None if execution.saved_ms is None else round(execution.saved_ms, 1)
            self._untidy |= execution.cache == "kept"
            run = replace(run, ok=execution.status == "done", ms=ms)
            self._staleness.put(cell_id, run)
            # At once, and so in the message that tells of the end: who sees that knows what is fresh.
            if self._notebook.runtime.dataflow.write(self._flow.mode, {}, {cell_id: run}):
                self._notebook.touch()
            self._due |= self._staleness.changed((cell_id,))
            self._work.set()

    def told_with(self, cell_id: str, source: str, restore: bool | None) -> Mapping[str, Any]:
        """What the result cache tells the kernel of a cell that starts; nothing if it was edited meanwhile."""
        if not self._results.is_on:
            return {}
        self._look()
        if cell_id not in self._flow or self._flow.source(cell_id) != source:
            return {}
        provenance = self._began_with(cell_id, "", source).provenance
        wanted = restore if restore is not None else not self._staleness.of(cell_id).is_ready
        return self._results.told(self._flow, cell_id, provenance, restore=wanted)

    def _begin(self, execution: Execution) -> Run:
        return self._began_with(str(execution.cell_id), execution.id, execution.source)

    def _began_with(self, cell_id: str, execution_id: str, source: str) -> Run:
        kernel = self._host.kernel
        told = {"execution_id": execution_id, "source": source, "kernel": "" if kernel is None else kernel.keeper}
        return begin_run(self._flow, cell_id, self._staleness.runs(), **told)

    def _look(self) -> None:
        """Take in what was edited."""
        mode = self._flow.mode
        changed = self._flow.update(self._notebook.doc)
        if changed:
            self._due |= self._staleness.changed(changed)
            self._forget_names([cell_id for cell_id in changed if cell_id not in self._flow])
        if changed or mode != self._flow.mode:
            self._work.set()

    async def _watch_cursors(self) -> None:
        while True:
            here = self._typed_in()
            await self._notebook.until(lambda: self._typed_in() != here)  # noqa: B023 (it is awaited here)
            self._work.set()

    def _typed_in(self) -> frozenset[str]:
        """The cells that a person's cursor is in."""
        return frozenset(
            str(one.state["cell_id"])
            for one in self._notebook.peers
            if one.peer.kind == "person" and one.state.get("cell_id") and one.state.get("anchor") is not None
        )

    # --- what is asked ------------------------------------------------------------------------------------------------

    def cells_to_run(self, cell_ids: Sequence[str], asked: Execute) -> Chosen:
        """What the mode makes of a request. Raises WireError if nothing of it may run, or its plan is another now."""
        self._look()
        mode = self._flow.mode
        if asked.plan_id is not None:
            plan = self._confirmed(asked.plan_id)
        else:
            plan = self._plan(cell_ids, asked.bring)
            if mode == "cascade" and asked.bring is None and plan.brought:
                return Chosen((), {"plan": plan_result(self._kept(plan), self._may_restore)})
        if plan.refused and not plan.cell_ids:
            raise refusal(plan)
        told: dict[str, Any] = {}
        if plan.brought:
            told["brought"] = plan.brought
        if plan.refused:
            told["refused"] = {one: [each.message for each in found] for one, found in plan.refused.items()}
        self._forget_names(plan.cell_ids)
        for cell_id in plan.cell_ids:  # asked for is tried, too
            self._tried[cell_id] = self._flow.provenance(cell_id)
        return Chosen(plan.cell_ids, told)

    async def _serve_plan(self, body: PlanRun, _asked: Asked) -> dict[str, Any]:
        self._look()
        named = Execute(cell_ids=body.cell_ids, above=body.above, below=body.below)
        plan = self._plan(cells_to_run(self._notebook.doc, named), body.bring)
        return plan_result(self._kept(plan), self._may_restore)

    async def _serve_impact(self, body: ImpactOf, _asked: Asked) -> dict[str, Any]:
        self._look()
        if body.cell_id not in self._flow:
            raise UnknownCell(body.cell_id)
        return impact_result(impact_of(self._flow, self._staleness, body.cell_id))

    def _plan(self, cell_ids: Sequence[str], bring: Any) -> Plan:
        mode = self._flow.mode
        return plan_run(
            self._flow,
            self._staleness,
            cell_ids,
            bring=bring or bring_of_mode(mode),
            refuse=mode != "manual",
            in_order_given=True,
        )

    def _may_restore(self, cell_id: str) -> bool:
        return self._results.may_restore(self._flow.provenance(cell_id))

    def _kept(self, plan: Plan) -> Plan:
        """The plan, which can be confirmed from now on."""
        self._plans[plan.id] = plan
        self._plans.move_to_end(plan.id)
        while len(self._plans) > MAX_PLANS:
            self._plans.popitem(last=False)
        return plan

    def _confirmed(self, plan_id: str) -> Plan:
        """A plan that was shown, made again of what is true now. Raises WireError if it would run something else."""
        shown = self._plans.pop(plan_id, None)
        if shown is None:
            raise WireError(ErrorCode.PLAN_GONE, "This plan is not known, or was used.", "Ask for a plan again.")
        plan = self._plan(shown.targets, shown.bring)
        more = [one for one in plan.cell_ids if one not in shown.cell_ids]
        if more:
            self._kept(plan)
            told = f"The notebook has changed since the plan was made: {', '.join(more)} would run, too."
            raise WireError(ErrorCode.PLAN_GONE, told, "Look at the new plan, and confirm that.")
        return plan

    # --- the variables in the kernel ----------------------------------------------------------------------------------

    def _forget_names(self, cell_ids: Iterable[str]) -> None:
        """Take out of the kernel what earlier runs of these cells left there and they no longer define."""
        kernel = self._host.kernel
        if self._flow.mode == "manual" or kernel is None:
            return
        runs = self._staleness.runs()
        gone: set[str] = set()
        for cell_id in cell_ids:
            run = runs.get(cell_id)
            if run is not None and run.kernel == kernel.keeper:
                left = set(run.defines) - self._flow.analysis(cell_id).defs
                gone |= {name for name in left if not self._is_held(name, cell_id, kernel.keeper)}
                if cell_id not in self._flow:  # should it come back, it has to run again
                    self._staleness.put(cell_id, replace(run, kernel="", defines=()))
                    self._runs_due.add(cell_id)
        if gone and kernel.language == "python":
            code = f"[globals().pop(_name, None) for _name in {sorted(gone)!r}] and None"
            try:
                kernel.run_silently(code)
            except DaemonError as error:  # it is ending, and they with it
                logger.info("notebook %s: %s was not removed: %s", self._notebook.id, sorted(gone), error)

    def _is_held(self, name: str, cell_id: str, kernel: str) -> bool:
        """Whether another cell has put this name into the kernel."""
        runs = self._staleness.runs()
        others = (runs.get(owner) for owner in self._flow.graph.owners(name) if owner != cell_id)
        return any(run is not None and run.kernel == kernel and name in run.defines for run in others)

    # --- what is shown, and what runs by itself -----------------------------------------------------------------------

    def _publish(self) -> None:
        runtime = self._notebook.runtime
        if runtime is not self._told:
            self._told = runtime
            self._due |= {*runtime.dataflow.cells(), *self._flow.graph.order}
            self._runs_due |= {*runtime.dataflow.runs(), *self._staleness.runs()}
        due, self._due = self._due, set()
        runs_due, self._runs_due = self._runs_due, set()
        cells: dict[str, CellDataflow | None] = {
            cell_id: describe(self._flow, self._staleness, cell_id) if cell_id in self._flow else None
            for cell_id in due
        }
        runs: Mapping[str, Run | None] = {cell_id: self._staleness.run(cell_id) for cell_id in runs_due}
        if runtime.dataflow.write(self._flow.mode, cells, runs):
            self._notebook.touch()

    def _react(self) -> None:
        """In the mode `reactive`: run what ran before, is stale now, and is settled."""
        if self._flow.mode != "reactive":
            return
        unsettled = self._unsettled()
        due = [
            cell_id
            for cell_id in due_in_reactive(self._flow, self._staleness, unsettled)
            if self._tried.get(cell_id) != self._flow.provenance(cell_id)
        ]
        if not due:
            return
        self._forget_names(due)
        for cell_id in due:
            self._tried[cell_id] = self._flow.provenance(cell_id)
        try:
            self._host.run_cells(due, Asked(f"reactive-{uuid.uuid4().hex}", ITSELF))
        except (WireError, UnknownCell) as error:
            logger.warning("notebook %s: nothing runs by itself: %s", self._notebook.id, error)

    def _unsettled(self) -> set[str]:
        """The cells that are being edited; looks again when the next of them may have settled."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._edited = {cell_id: at for cell_id, at in self._edited.items() if now - at < SETTLE}
        if self._edited:
            loop.call_at(min(self._edited.values()) + SETTLE, self._work.set)
        return {*self._edited, *self._typed_in()}
