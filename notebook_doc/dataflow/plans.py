"""What would run, in which order and why, before anything runs; and what an edit or a delete would touch.

A Plan follows from the document, the last runs and what was asked, and from nothing else: made twice of the same it is
the same, its id included, so a plan that somebody confirms is made again and compared. Cells run after those they take
names from; where that leaves a choice, in notebook order. Estimates are how long each took the last time it ran well.
Pure. It refuses cells that are not there (UnknownCell) and runs nothing.

What a run brings along (`Bring`): "nothing", as Jupyter does; "stale": the cells upstream that are not ready; or
"dependents": those, and everything downstream. In each mode (`bring_of_mode`) one of them is what a plain run does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Literal

from notebook_doc.dataflow.notebook_dataflow import Dataflow, Mode
from notebook_doc.dataflow.problems import Problem
from notebook_doc.dataflow.staleness import Cause, Staleness
from notebook_doc.errors import UnknownCell

Bring = Literal["nothing", "stale", "dependents"]
Reason = Literal["target", "stale", "missing", "dependent"]

_OF_MODE: Final[dict[Mode, Bring]] = {
    "manual": "nothing",
    "lazy": "stale",
    "reactive": "dependents",
    "cascade": "stale",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One cell of a plan: why it runs, and about how long (milliseconds; None if it has never run).

    `refused` are the problems for which it will not run; then nothing runs in its place.
    """

    cell_id: str
    reason: Reason
    causes: tuple[Cause, ...] = ()
    estimated_ms: float | None = None
    refused: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run of `targets` would run, in this order. `id` is the same for the same plan, everywhere."""

    id: str
    targets: tuple[str, ...]
    bring: Bring
    steps: tuple[Step, ...]

    @property
    def cell_ids(self) -> list[str]:
        """The cells that will run, in order."""
        return [step.cell_id for step in self.steps if not step.refused]

    @property
    def refused(self) -> dict[str, tuple[Problem, ...]]:
        """The cells that will not run, and why."""
        return {step.cell_id: step.refused for step in self.steps if step.refused}

    @property
    def brought(self) -> list[str]:
        """The cells that will run although they were not asked for."""
        return [step.cell_id for step in self.steps if step.reason != "target" and not step.refused]

    @property
    def estimated_ms(self) -> float:
        """About how long it takes; cells that have never run count nothing."""
        return sum(step.estimated_ms or 0.0 for step in self.steps if not step.refused)


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """What an edit or the deletion of a cell would make stale: `downstream`, in the order in which they would run, and
    `broken`, those of them that would lack a name if the cell were deleted."""

    cell_id: str
    upstream: tuple[Step, ...]
    downstream: tuple[str, ...]
    broken: tuple[str, ...]
    estimated_ms: float


def bring_of_mode(mode: Mode) -> Bring:
    """What a plain run brings along in this mode."""
    return _OF_MODE[mode]


def plan_run(
    flow: Dataflow,
    staleness: Staleness,
    targets: Sequence[str],
    *,
    bring: Bring,
    refuse: bool,
    in_order_given: bool = False,
) -> Plan:
    """The plan for running these cells. With `refuse`, cells that have problems do not run.

    `in_order_given` keeps the order of the targets when they bring nothing along. Raises UnknownCell.
    """
    for cell_id in targets:
        if cell_id not in flow:
            raise UnknownCell(cell_id)
    reasons: dict[str, Reason] = dict.fromkeys(targets, "target")
    if bring != "nothing":
        if bring == "dependents":
            for cell_id in flow.graph.descendants(*targets):
                if flow.runs(cell_id):
                    reasons.setdefault(cell_id, "dependent")
        for cell_id in _not_ready(flow, staleness, reasons):
            stale = staleness.of(cell_id)
            reasons.setdefault(cell_id, "stale" if stale.status in ("stale", "failed") else "missing")
    order = list(targets) if bring == "nothing" and in_order_given else flow.graph.sorted(reasons)
    steps = tuple(_step(flow, staleness, cell_id, reasons[cell_id], refuse) for cell_id in order)
    return Plan(id=_id_of(flow, targets, bring, steps), targets=tuple(targets), bring=bring, steps=steps)


def _not_ready(flow: Dataflow, staleness: Staleness, wanted: Collection[str]) -> Iterable[str]:
    """The cells upstream of these that must run first: not ready themselves, or after one that must."""
    ancestors = flow.graph.ancestors(*wanted)
    first = [one for one in ancestors if flow.runs(one) and not staleness.of(one).is_ready]
    return {*first, *(flow.graph.descendants(*first) & ancestors)}


def _step(flow: Dataflow, staleness: Staleness, cell_id: str, reason: Reason, refuse: bool) -> Step:
    run = staleness.run(cell_id)
    return Step(
        cell_id=cell_id,
        reason=reason,
        causes=staleness.of(cell_id).causes,
        estimated_ms=None if run is None else run.ms,
        refused=flow.problems(cell_id) if refuse else (),
    )


def _id_of(flow: Dataflow, targets: Iterable[str], bring: Bring, steps: Iterable[Step]) -> str:
    digest = blake2b(digest_size=12)
    told = [bring, *targets, "", *(f"{one.cell_id} {one.reason} {flow.provenance(one.cell_id)}" for one in steps)]
    for part in told:
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


def impact_of(flow: Dataflow, staleness: Staleness, cell_id: str) -> Impact:
    """What would have to run before a cell, and what an edit of it, or its deletion, would make stale."""
    upstream = plan_run(flow, staleness, [cell_id], bring="stale", refuse=False)
    graph = flow.graph
    downstream = [one for one in graph.sorted(graph.descendants(cell_id)) if one != cell_id]
    broken = [
        one
        for one in downstream
        if any(owner == cell_id and len(graph.owners(name)) == 1 for name, owner in graph.inputs(one).items())
    ]
    ms: Callable[[str], float] = lambda one: (run.ms or 0.0) if (run := staleness.run(one)) is not None else 0.0  # noqa: E731
    return Impact(
        cell_id=cell_id,
        upstream=tuple(step for step in upstream.steps if step.cell_id != cell_id),
        downstream=tuple(downstream),
        broken=tuple(broken),
        estimated_ms=sum(map(ms, downstream)),
    )


def due_in_reactive(flow: Dataflow, staleness: Staleness, unsettled: Collection[str] = ()) -> list[str]:
    """The cells that the mode `reactive` runs by itself, in order: those that ran in the kernel of now and are stale.

    Left out is what has a problem, what is being typed in (`unsettled`), and what is downstream of either or of a cell
    that failed: it waits for that.
    """
    stale = [one for one in staleness.with_status("stale") if flow.runs(one) and not staleness.of(one).missing]
    if not stale:
        return []
    waits = {one for one in stale if one in unsettled or flow.problems(one)}
    waits |= {one for one in staleness.with_status("failed") if flow.runs(one)}
    waits |= flow.graph.descendants(*waits)
    return [one for one in flow.graph.sorted(stale) if one not in waits]
