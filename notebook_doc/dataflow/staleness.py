"""Whether what a cell shows is still what its code gives: a fact, derived from what ran and what the document says now.

A Run is what an execution on record says about itself: the source that ran, the cells that its inputs came from
and their provenance, the environment. A cell is fresh if all of that is what the document says now. So whoever undoes
an edit makes the cell fresh again, nobody has to remember that something became stale, and who edited does not matter.
Pure: no clock, no document, no events.

What this cannot see is what the source does not say: files, time, randomness. Running an unchanged cell again gives the
same provenance and leaves what reads from it fresh; the mode `reactive` runs the readers nevertheless. A cell that
reads a name which it defines itself goes on from what it left: each of its runs has a provenance of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from notebook_doc.dataflow.analysis import CellText, analyze
from notebook_doc.dataflow.notebook_dataflow import Dataflow
from notebook_doc.dataflow.provenance import hash_of, hash_of_source

Status = Literal["never_ran", "fresh", "stale", "failed"]
CauseKind = Literal["self", "upstream", "environment"]
Why = Literal["edited", "stale", "ran", "failed", "not_run", "added", "deleted", "interrupted", "environment"]

# Causes that are named; of a cell that a hundred edited cells lead to, these are told.
MAX_CAUSES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A cell that a run took names from, and the provenance of the run that it had them from; "" if it had not run."""

    provenance: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The last run of a cell that came to its end, as far as staleness is concerned.

    `kernel` is the process that ran it: in another one its variables are gone, whatever its outputs show; `defines` are
    their names. `ms` is how long it took.
    """

    execution_id: str
    source_hash: str
    provenance: str
    inputs: Mapping[str, Input] = field(default_factory=dict)
    environment: str = ""
    kernel: str = ""
    ok: bool = True
    ms: float | None = None
    defines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a cell is stale. `cell_id` is the upstream cell where it began, for a cause of kind `upstream`."""

    kind: CauseKind
    why: Why
    cell_id: str | None = None


@dataclass(frozen=True, slots=True)
class Freshness:
    """What is true of a cell: `stale` has causes, every other status has none.

    `failed` is a run that raised and that nothing was edited since; `missing` is whether the kernel of now lacks what
    the cell defines, because it has not run there.
    """

    status: Status
    causes: tuple[Cause, ...] = ()
    missing: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether others may take the cell's variables from the kernel as they are."""
        return self.status == "fresh" and not self.missing


NEVER: Final = Freshness("never_ran", (), missing=True)


class Staleness:
    """What is true of each cell, kept current: `put` what ran, `changed` what the document says, then `of` any cell.

    Owns the answers it has given until something that they depend on changes; says the same as one made afresh.
    """

    def __init__(self, dataflow: Dataflow) -> None:
        self._flow = dataflow
        self._runs: dict[str, Run] = {}
        self._takers: dict[str, set[str]] = {}  # which cells' runs took something from a cell
        self._known: dict[str, Freshness] = {}
        self._by_status: dict[Status, set[str]] = {}  # the cells of which something is known
        self._unsure: set[str] | None = None  # those of which it is not known any more; None: of all
        self._kernel = ""

    def put(self, cell_id: str, run: Run | None) -> None:
        """This is a cell's last run now; None if it has none any more."""
        before = self._runs.pop(cell_id, None)
        for owner in () if before is None else before.inputs:
            self._takers[owner].discard(cell_id)
        if run is not None:
            self._note(cell_id, run)
        self.changed((cell_id,))

    def put_all(self, runs: Mapping[str, Run]) -> None:
        """These are all last runs, by cell."""
        self._runs, self._takers = {}, {}
        for cell_id, run in runs.items():
            self._note(cell_id, run)
        self._forget_all()

    def _note(self, cell_id: str, run: Run) -> None:
        self._runs[cell_id] = run
        for owner in run.inputs:
            self._takers.setdefault(owner, set()).add(cell_id)

    def set_kernel(self, kernel: str) -> bool:
        """This is the process that holds the variables now, "" if there is none; whether it is another."""
        if kernel == self._kernel:
            return False
        self._kernel = kernel
        self._forget_all()
        return True

    def _forget_all(self) -> None:
        self._known.clear()
        self._by_status.clear()
        self._unsure = None

    def changed(self, cell_ids: Iterable[str]) -> frozenset[str]:
        """These say something else or ran; the cells of which something else may be true now."""
        changed = set(cell_ids)
        for cell_id in tuple(changed):
            changed |= self._takers.get(cell_id, set())
        affected = changed | self._flow.graph.descendants(*changed)
        for cell_id in affected:
            known = self._known.pop(cell_id, None)
            if known is not None:
                self._by_status[known.status].discard(cell_id)
        if self._unsure is not None:
            self._unsure |= affected
        return frozenset(affected)

    def run(self, cell_id: str) -> Run | None:
        """The last run of a cell; None if it has never run."""
        return self._runs.get(cell_id)

    def runs(self) -> Mapping[str, Run]:
        """The last runs of all cells that have run, those that were deleted since included."""
        return self._runs

    def of(self, cell_id: str) -> Freshness:
        """What is true of a cell. Costs what changed upstream since it was last asked."""
        known, graph = self._known, self._flow.graph
        path = [cell_id]
        while path:  # depth first without recursion
            one = path[-1]
            if one in known:
                path.pop()
                continue
            cycle = graph.cycle_of(one)
            missing = [owner for owner in sorted(graph.sources_of(one)) if owner not in known and owner not in cycle]
            if missing:
                path += missing
            else:
                path.pop()
                known[one] = found = self._found(one)
                self._by_status.setdefault(found.status, set()).add(one)
        return known[cell_id]

    def with_status(self, status: Status) -> set[str]:
        """The cells of the notebook with this status. Costs what changed since it was last asked, and these."""
        unsure = self._flow.graph.order if self._unsure is None else self._unsure
        for cell_id in unsure:
            if cell_id in self._flow:
                self.of(cell_id)
        self._unsure = set()
        return {one for one in self._by_status.get(status, ()) if one in self._flow}

    def _found(self, cell_id: str) -> Freshness:
        run, flow = self._runs.get(cell_id), self._flow
        if run is None:
            return NEVER
        missing = run.kernel != self._kernel or not self._kernel
        causes: list[Cause] = []
        if run.source_hash != flow.source_hash(cell_id):
            causes.append(Cause("self", "edited"))
        if run.environment != flow.environment:
            causes.append(Cause("environment", "environment"))
        causes += self._upstream(cell_id, run)
        if causes:
            return Freshness("stale", tuple(dict.fromkeys(causes))[:MAX_CAUSES], missing)
        return Freshness("fresh" if run.ok else "failed", (), missing)

    def _upstream(self, cell_id: str, run: Run) -> list[Cause]:
        """Which cells that this one takes names from are not what they were when it ran, and where that began."""
        graph, causes = self._flow.graph, list[Cause]()
        owners = graph.inputs(cell_id)
        cycle = graph.cycle_of(cell_id)
        for owner in sorted(set(owners.values()), key=graph.place):
            known = None if owner in cycle else self._known.get(owner)
            had = run.inputs.get(owner)
            if known is not None and known.status == "stale":
                for cause in known.causes:
                    if cause.kind == "environment":
                        causes.append(cause)
                    else:
                        causes.append(Cause("upstream", cause.why, owner if cause.kind == "self" else cause.cell_id))
            elif known is not None and known.status == "failed":
                causes.append(Cause("upstream", "failed", owner))
            elif known is not None and known.status == "never_ran":
                causes.append(Cause("upstream", "not_run", owner))
            elif had is None:
                causes.append(Cause("upstream", "added", owner))
            elif owner in cycle and self._flow.source_hash(owner) != had.provenance:
                causes.append(Cause("upstream", "edited", owner))
            elif _given(self._flow, cell_id, self._runs.get(owner), owner) != had.provenance:
                causes.append(Cause("upstream", "ran", owner))
        for owner in sorted(run.inputs.keys() - set(owners.values())):
            if run.source_hash == self._flow.source_hash(
                cell_id
            ):  # else it is the edit of this cell that no longer reads it
                causes.append(Cause("upstream", "deleted" if owner not in self._flow else "edited", owner))
        return causes


def begin_run(
    flow: Dataflow, cell_id: str, runs: Mapping[str, Run], *, execution_id: str, source: str, kernel: str
) -> Run:
    """What is to be put on record of a run of this source, a cell's, that begins now; how it ends is not known yet."""
    language = flow.language(cell_id)
    analysis = analyze(CellText(language, source)) if source != flow.source(cell_id) else flow.analysis(cell_id)
    names: dict[str, list[str]] = {}
    for name in sorted(analysis.reads):
        if (owner := flow.graph.source_of(name, cell_id)) is not None:
            names.setdefault(owner, []).append(name)
    inputs = {
        owner: Input(provenance=_given(flow, cell_id, runs.get(owner), owner), names=tuple(taken))
        for owner, taken in names.items()
    }
    source_hash = hash_of_source(language, source)
    by_name = {name: one.provenance for one in inputs.values() for name in one.names}
    if (analysis.reads - analysis.deferred) & analysis.defs:  # it goes on from what it left: each run gives another
        by_name[""] = execution_id
    return Run(
        execution_id=execution_id,
        source_hash=source_hash,
        provenance=hash_of(source_hash, by_name, flow.environment),
        inputs=inputs,
        environment=flow.environment,
        kernel=kernel,
        ok=False,
        defines=tuple(sorted(analysis.defs)),
    )


def _given(flow: Dataflow, reader: str, run: Run | None, owner: str) -> str:
    """The provenance of what a reader gets from a run; in a circle the source counts alone, else it would never end."""
    if run is None:
        return ""
    return run.source_hash if owner in flow.graph.cycle_of(reader) else run.provenance
