"""What a notebook's cells depend on: its graph, what is stale, what a run would bring along, and its execution mode.

Flow is the part of a Notebook that knows dataflow. The graph and what is stale are worked out here, from the replicas,
so they are true at once after an edit, also while offline; plans are the daemon's, who will carry them out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from clients.peer.errors import PeerError
from clients.peer.part import Part
from notebook_doc.dataflow.notebook_dataflow import MODES, Dataflow, Mode
from notebook_doc.dataflow.problems import Fix, apply_fix
from notebook_doc.dataflow.staleness import Cause, Freshness, Staleness
from notebook_doc.dataflow.view import CellView, GraphView, view_of_cell
from notebook_doc.errors import BadEdit, UnknownCell
from notebook_doc.notebook import NotebookDoc
from relay.requests import Bring, ImpactOf, PlanRun

if TYPE_CHECKING:
    from clients.peer.cell import Cell
    from clients.peer.notebook import Notebook


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """A cell that would run: why (`target`, `stale`, `missing` in the kernel, `dependent`), and about how long.

    `cached`: there is a result of the same code, inputs and environment, which is restored if the inputs' values agree.
    """

    cell_id: str
    reason: str
    causes: tuple[Cause, ...] = ()
    estimated_ms: float | None = None
    refused: tuple[str, ...] = ()  # the messages of the problems for which it will not run
    cached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """What would run, in order. Give it to `run` to have it run; it is good once, and only while it is still true."""

    id: str
    targets: tuple[str, ...]
    steps: tuple[PlannedStep, ...]
    brought: tuple[str, ...]
    estimated_ms: float

    @property
    def cell_ids(self) -> list[str]:
        """The cells that will run, in order."""
        return [step.cell_id for step in self.steps if not step.refused]

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> RunPlan:
        """A plan from the daemon's answer."""
        return cls(
            id=result["id"],
            targets=tuple(result["targets"]),
            steps=steps_of(result["steps"]),
            brought=tuple(result["brought"]),
            estimated_ms=result["estimated_ms"],
        )


class NeedsConfirmation(PeerError):
    """In the mode `cascade` a run would bring other cells along; nothing runs until its `plan` is run."""

    def __init__(self, plan: RunPlan) -> None:
        told = f"{', '.join(plan.brought)} would run, too, because what they define is stale or missing."
        super().__init__(told, "Run the plan that this error has, or run with bring='nothing'.")
        self.plan = plan


@dataclass(frozen=True, slots=True, kw_only=True)
class EditImpact:
    """What an edit of a cell, or its deletion, would make stale; `broken` of it would lack a name without the cell."""

    cell_id: str
    upstream: tuple[PlannedStep, ...]
    downstream: tuple[str, ...]
    broken: tuple[str, ...]
    estimated_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How long the last run of each cell took, in milliseconds, longest first."""

    cells: Mapping[str, float]

    @property
    def total_ms(self) -> float:
        """All of them together."""
        return sum(self.cells.values())


class Flow(Part):
    """See the module."""

    _flow: Dataflow | None = None
    _flow_of: NotebookDoc | None = None
    _staleness: Staleness | None = None
    _seen_runs: object = None

    @property
    def dataflow(self) -> Dataflow:
        """The dataflow, as the notebook is here now. It follows the notebook; look, do not change it."""
        if self._flow is None or self._flow_of is not self.doc:
            self._flow, self._flow_of, self._staleness = Dataflow(self.doc), self.doc, None
            return self._flow
        changed = self._flow.update(self.doc)
        if changed and self._staleness is not None:
            self._staleness.changed(changed)
        return self._flow

    @property
    def graph(self) -> GraphView:
        """Who depends on whom, as a value."""
        return GraphView.of(self.dataflow)

    @property
    def mode(self) -> Mode:
        """What a run brings along: "manual", "lazy", "reactive" or "cascade" (see docs/dataflow.md); assignable."""
        return self.dataflow.mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        if mode not in MODES:
            raise BadEdit(f"{mode!r} is no execution mode.", f"Use one of {', '.join(MODES)}.")
        self._set_own("execution_mode", mode)

    @property
    def keeps_results(self) -> bool:
        """Whether cells' results are kept and restored where code, inputs and environment are the same; assignable.

        What is kept and what refused is in docs/dataflow.md. An execution's `record.cache` says what came of it.
        """
        own = cast("Notebook", self).metadata.get("quire")
        return isinstance(own, dict) and own.get("cache") is True

    @keeps_results.setter
    def keeps_results(self, on: bool) -> None:
        self._set_own("cache", on)

    def _set_own(self, key: str, value: Any) -> None:
        whole = cast("Notebook", self)
        metadata = whole.metadata
        own = metadata.get("quire")
        own = own if isinstance(own, dict) else {}
        whole.set_metadata({**metadata, "quire": {**own, key: value}})

    def freshness(self, cell: str | Cell) -> Freshness:
        """Whether what a cell shows is what its code gives now, and if not, why. Raises UnknownCell."""
        return self._current_staleness(_known(self.dataflow, cell)).of(_id(cell))

    def cell_view(self, cell: str | Cell) -> CellView:
        """What a cell defines and reads, what is next to it, and its problems. Raises UnknownCell."""
        return view_of_cell(_known(self.dataflow, cell), _id(cell))

    def apply_fix(self, fix: Fix) -> None:
        """Carry out a problem's fix, as one change. Raises BadEdit if the cell was edited since, NotAllowed."""
        with cast("Notebook", self).edit():
            apply_fix(self.doc, fix)

    @property
    def profile(self) -> Profile:
        """How long each cell took when it last ran."""
        runs = self.runtime.dataflow.runs()
        took = [(run.ms, cell_id) for cell_id, run in runs.items() if run.ms is not None and cell_id in self.doc]
        return Profile(cells={cell_id: ms for ms, cell_id in sorted(took, key=lambda one: (-one[0], one[1]))})

    async def plan(
        self,
        cells: Sequence[str | Cell] | str | Cell | None = None,
        *,
        above: str | Cell | None = None,
        below: str | Cell | None = None,
        bring: Bring | None = None,
    ) -> RunPlan:
        """What `run` with these arguments would run, and why; nothing runs. Raises RequestFailed."""
        named = None if cells is None else list(cells) if isinstance(cells, list | tuple) else [cast("str", cells)]
        body = PlanRun(
            cell_ids=None if named is None else [_id(cell) for cell in named],
            above=None if above is None else _id(above),
            below=None if below is None else _id(below),
            bring=bring,
        )
        return RunPlan.of(await self.request(body))

    async def impact(self, cell: str | Cell) -> EditImpact:
        """What an edit of a cell, or its deletion, would make stale. Raises RequestFailed."""
        result = await self.request(ImpactOf(cell_id=_id(cell)))
        return EditImpact(
            cell_id=result["cell_id"],
            upstream=steps_of(result["upstream"]),
            downstream=tuple(result["downstream"]),
            broken=tuple(result["broken"]),
            estimated_ms=result["estimated_ms"],
        )

    def _current_staleness(self, flow: Dataflow) -> Staleness:
        runtime = self.runtime
        seen = (runtime, runtime.replica.heads())
        if self._staleness is None:
            self._staleness, self._seen_runs = Staleness(flow), None
        if seen != self._seen_runs:
            self._seen_runs = seen
            self._staleness.put_all(runtime.dataflow.runs())
            spool = runtime.spool()
            alive = spool is not None and runtime.kernel().lifecycle == "ready"
            self._staleness.set_kernel(spool.keeper if spool is not None and alive else "")
        return self._staleness


def steps_of(steps: Sequence[Mapping[str, Any]]) -> tuple[PlannedStep, ...]:
    """The steps of a plan from the daemon's answer."""
    return tuple(
        PlannedStep(
            cell_id=step["cell_id"],
            reason=step["reason"],
            causes=tuple(Cause(one["kind"], one["why"], one.get("cell_id")) for one in step["causes"]),
            estimated_ms=step["estimated_ms"],
            refused=tuple(problem["message"] for problem in step["refused"]),
            cached=bool(step.get("cached")),
        )
        for step in steps
    )


def _known(flow: Dataflow, cell: str | Cell) -> Dataflow:
    if _id(cell) not in flow:
        raise UnknownCell(_id(cell))
    return flow


def _id(cell: str | Cell) -> str:
    return cell if isinstance(cell, str) else cell.id
