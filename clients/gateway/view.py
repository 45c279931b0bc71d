"""A notebook as the JSON protocol shows it: cells, graph, plans, impact, profile. Pure; everything is sorted.

What these functions return is what goes into a frame's payload or a REST answer, and nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from clients.gateway.facts import Facts
from notebook_doc.dataflow.plans import Impact, Plan, Step
from notebook_doc.runtime import RuntimeDoc

Payload = dict[str, Any]


def dag(facts: Facts, sources: Mapping[str, str]) -> Payload:
    """Who depends on whom, and what each cell says."""
    graph = facts.flow.graph
    place = {cell_id: number for number, cell_id in enumerate(graph.order)}
    edges = sorted(graph.edges(), key=lambda edge: (place[edge.owner], place[edge.reader], edge.name))
    return {
        "edges": [{"from_cell_id": e.owner, "to_cell_id": e.reader, "variable": e.name} for e in edges],
        "roots": sorted(graph.roots(), key=graph.place),
        "leaves": sorted(graph.leaves(), key=graph.place),
        "topological_order": graph.sorted(),
        "cells": [_cell_of_dag(facts, sources, cell_id) for cell_id in graph.order],
    }


def _cell_of_dag(facts: Facts, sources: Mapping[str, str], cell_id: str) -> Payload:
    graph = facts.flow.graph
    analysis = graph.analysis(cell_id)
    readers = graph.readers_of(cell_id)
    return {
        "id": cell_id,
        "source": sources.get(cell_id, ""),
        "defines": sorted(analysis.defs),
        "references": sorted(analysis.reads & _defined(facts, analysis.reads)),
        "upstream_ids": sorted(graph.sources_of(cell_id), key=graph.place),
        "downstream_ids": sorted(readers, key=graph.place),
        "is_leaf": not readers,
    }


def _defined(facts: Facts, names: Iterable[str]) -> frozenset[str]:
    return frozenset(name for name in names if facts.flow.graph.owners(name))


def cell(facts: Facts, sources: Mapping[str, str], cell_id: str, order: int, shown: Mapping[str, Any]) -> Payload:
    """A cell of a notebook's state; `shown` is what its outputs are."""
    doc, flow = facts.doc, facts.flow
    state = facts.of(cell_id)
    kind = doc.cell_type(cell_id)
    run = facts.staleness.run(cell_id)
    told: Payload = {
        **_cell_of_dag(facts, sources, cell_id),
        "language": flow.language(cell_id) or kind,
        "cell_type": kind,
        "name": facts.name(cell_id),
        "order": order,
        "status": state.status,
        "staleness_reasons": list(state.staleness_reasons),
        "display_outputs": [],
        "console_stdout": "",
        "console_stderr": "",
        "cache_hit": False,
        "duration_ms": None if run is None else run.ms,
        "problems": [problem.message for problem in flow.problems(cell_id)],
        **shown,
    }
    if state.causality is not None:
        told["causality"] = state.causality
    return told


def steps(facts: Facts, plan: Plan) -> list[Payload]:
    """The steps of a plan; what was asked for is the target, what runs again or first says why."""
    return [_step(facts, step) for step in plan.steps]


def _step(facts: Facts, step: Step) -> Payload:
    return {
        "cell_id": step.cell_id,
        "cell_name": facts.name(step.cell_id),
        "reason": step.reason,
        "skip": bool(step.refused),
        "estimated_ms": step.estimated_ms or 0.0,
    }


def prompt(facts: Facts, cell_id: str, plan: Plan) -> Payload:
    """What a run would bring along, for somebody to confirm."""
    return {
        "cell_id": cell_id,
        "plan_id": plan.id,
        "steps": steps(facts, plan),
        "cells_to_run": plan.cell_ids,
        "estimated_duration_ms": plan.estimated_ms,
    }


def impact(facts: Facts, found: Impact) -> Payload:
    """What a run of a cell needs, and what it makes stale."""
    ready = not any(step.reason != "target" for step in found.upstream)
    return {
        "target_cell_id": found.cell_id,
        "upstream": [] if ready else [_step(facts, step) for step in found.upstream],
        "downstream": [
            {
                "cell_id": cell_id,
                "cell_name": facts.name(cell_id),
                "current_status": facts.of(cell_id).status,
                "new_status": "stale:upstream",
            }
            for cell_id in found.downstream
        ],
        "estimated_ms": found.estimated_ms,
    }


def profile(facts: Facts, runtime: RuntimeDoc) -> Payload:
    """How long cells took when they last ran."""
    cells: list[Payload] = []
    saved = 0.0
    for cell_id in facts.flow.code_cells:
        run = facts.staleness.run(cell_id)
        latest = runtime.latest(cell_id)
        record = None if latest is None else runtime.execution(latest)
        hit = record is not None and record.cache == "hit"
        took = (
            0.0 if record is None or record.started is None or record.ended is None else record.ended - record.started
        )
        if hit and run is not None and run.ms is not None:
            saved += max(0.0, run.ms - took * 1000)
        cells.append(
            {
                "cell_id": cell_id,
                "cell_name": facts.name(cell_id),
                "status": facts.of(cell_id).status,
                "duration_ms": round(took * 1000, 1),
                "cache_hit": hit,
                "execution_count": 0 if record is None else record.execution_count or 0,
            }
        )
    return {
        "total_execution_ms": round(sum(float(one["duration_ms"]) for one in cells), 1),
        "cache_hits": len([one for one in cells if one["cache_hit"]]),
        "cache_misses": len([one for one in cells if one["execution_count"] and not one["cache_hit"]]),
        "cache_savings_ms": round(saved, 1),
        "cell_profiles": cells,
    }
