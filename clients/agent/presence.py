"""What an agent tells the others of itself once it has written: where it is, what it says, what it did. Pure.

`cell_id`, `anchor` and `head` are as every peer says them; `toast` and `report` are lines for people to read, each with
an id of its own, so that a page shows it once; a report names its change, by which it can be undone.
"""

from __future__ import annotations

import hashlib
from typing import Any

from clients.agent.planner import Plan
from clients.agent.report import Report
from notebook_doc import edits
from notebook_doc.notebook import NotebookDoc


def presence_of(plan: Plan, report: Report, notebook: NotebookDoc) -> dict[str, Any]:
    """The presence state after a batch; empty if there is nothing to tell."""
    here = [*plan.touched, *plan.runs, *(one.cell_id for one in plan.words if one.cell_id is not None)]
    here = [cell_id for cell_id in here if cell_id in notebook]
    state: dict[str, Any] = {}
    if here:
        state["cell_id"] = here[-1]
        if any(isinstance(one, edits.SetSource | edits.Create) and one.cell_id == here[-1] for one in plan.batch):
            end = len(notebook.source(here[-1]))
            state |= {"anchor": end, "head": end}
    said = [one for one in plan.words if one.text]
    if said:
        state["toast"] = _line(said[-1].text, said[-1].cell_id, report)
    if text := _in_short(report):
        state["report"] = _line(text, here[-1] if here else None, report)
        if report.change:
            state["report"]["change"] = report.change
    if state:
        state["status"] = "running" if plan.runs else "editing"
    return state


def _line(text: str, cell_id: str | None, report: Report) -> dict[str, Any]:
    digest = hashlib.sha256(f"{report.change} {report.proposal} {text}".encode())
    return {"id": digest.hexdigest()[:16], "text": text, "cell_id": cell_id}


def _in_short(report: Report) -> str:
    """What was done and with whose work it was merged, in a line."""
    did = (("created", report.created), ("edited", report.edited), ("moved", report.moved), ("deleted", report.deleted))
    parts = [f"{what} {len(cells)} cell{'s' if len(cells) > 1 else ''}" for what, cells in did if cells]
    shared = [one for one in report.merged if one.shared]
    if shared:
        who = sorted({name for one in shared for name in one.by}) or ["others"]
        parts.append(f"merged with what {' and '.join(who)} wrote meanwhile")
    return ", ".join(parts)
