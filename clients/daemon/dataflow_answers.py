"""Plans and impacts as answers to requests: their shapes are those of `relay.requests.PlanRun` and `ImpactOf`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from notebook_doc.dataflow.plans import Impact, Plan, Step
from notebook_doc.dataflow.record import problem_json
from relay.errors import ErrorCode, WireError


def plan_result(plan: Plan, may_restore: Callable[[str], bool] = lambda _: False) -> dict[str, Any]:
    """A plan, to be shown and confirmed; `may_restore` says of a cell whether it may not have to run."""
    return {
        "id": plan.id,
        "targets": list(plan.targets),
        "bring": plan.bring,
        "steps": [{**one, "cached": may_restore(one["cell_id"])} for one in steps_result(plan.steps)],
        "cell_ids": plan.cell_ids,
        "brought": plan.brought,
        "estimated_ms": plan.estimated_ms,
    }


def impact_result(impact: Impact) -> dict[str, Any]:
    """What an edit or a delete would touch."""
    return {
        "cell_id": impact.cell_id,
        "upstream": steps_result(impact.upstream),
        "downstream": list(impact.downstream),
        "broken": list(impact.broken),
        "estimated_ms": impact.estimated_ms,
    }


def steps_result(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """The steps of a plan."""
    return [
        {
            "cell_id": step.cell_id,
            "reason": step.reason,
            "causes": [{key: one for key, one in asdict(cause).items() if one is not None} for cause in step.causes],
            "estimated_ms": step.estimated_ms,
            "refused": [problem_json(problem) for problem in step.refused],
        }
        for step in steps
    ]


def refusal(plan: Plan) -> WireError:
    """Why nothing of a plan runs."""
    told = [f"cell {cell_id}: {found[0].message}" for cell_id, found in plan.refused.items()]
    more = f" (and {len(told) - 3} more)" if len(told) > 3 else ""
    message = f"It does not run, because of {'; '.join(told[:3])}{more}"
    return WireError(ErrorCode.CELL_HAS_PROBLEM, message, "Mend that, or set the execution mode to manual.")
