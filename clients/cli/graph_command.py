"""`quire graph`, `quire plan` and `quire profile`: what depends on what, what a run would run, how long cells took.

The graph is worked out of the file, so it needs no service. The others ask: the service that runs, or a private one for
as long as the command takes. Cells are named by their place, from 1, or by their id.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from clients.cli.errors import OK, NotebookUnusable, WrongName
from clients.cli.in_service import with_notebook
from clients.cli.notebook_path import notebook_path
from clients.peer.flow import PlannedStep, Profile, RunPlan
from clients.peer.notebook import Notebook
from notebook_doc.dataflow.notebook_dataflow import Dataflow
from notebook_doc.dataflow.staleness import Cause
from notebook_doc.dataflow.view import GraphView
from notebook_doc.errors import NotebookDocError
from notebook_doc.interchange import notebook_from_model
from notebook_doc.notebook import NotebookDoc
from relay.errors import WireError
from relay.requests import Bring
from sync_server.notebook_file import parse_file, read_file

NOBODY: Final = "00000000-0000-0000-0000-000000000000"  # the notebook id, where it means nothing
PROBLEMS: Final = 1  # the exit code of `quire graph --check` for a notebook with problems


def graph(path: Path, *, as_json: bool, check: bool) -> int:
    """Print who depends on whom, and the problems. With `check`, 1 if there are any. Raises NotebookUnusable."""
    doc = _read(notebook_path(path))
    view = GraphView.of(Dataflow(doc))
    if as_json:
        print(json.dumps(view.as_json(), indent=2))
    else:
        print("\n".join(graph_lines(doc, view)))
    return PROBLEMS if check and view.problems else OK


def plan(path: Path, cells: Sequence[str], bring: Bring | None, *, as_json: bool) -> int:
    """Print what running these cells (none: all) would run, in order, and why. Raises CliError."""

    async def show(notebook: Notebook) -> int:
        ids = notebook.doc.cell_ids()
        named = [_cell_id(name, ids) for name in cells] or None
        found = await notebook.plan(named, bring=bring)
        if as_json:
            print(json.dumps(_plan_json(found), indent=2))
        else:
            print("\n".join(plan_lines(notebook.doc, found)))
        return OK

    return with_notebook(path, "quire plan", show)


def profile(path: Path, *, as_json: bool) -> int:
    """Print how long the last run of each cell took, longest first. Raises CliError."""

    async def show(notebook: Notebook) -> int:
        found = notebook.profile
        if as_json:
            print(json.dumps({"total_ms": found.total_ms, "cells": dict(found.cells)}, indent=2))
        else:
            print("\n".join(profile_lines(notebook.doc, found)))
        return OK

    return with_notebook(path, "quire profile", show)


# --- as people read it ------------------------------------------------------------------------------------------------


def graph_lines(doc: NotebookDoc, view: GraphView) -> list[str]:
    """A line for each cell that defines or takes something, then the problems."""
    name = _Namer(doc)
    lines = [f"mode {view.mode}"]
    for cell in view.cells.values():
        taken = ", ".join(f"{edge.name} ← {name(edge.owner)}" for edge in view.edges if edge.reader == cell.id)
        if cell.defines or taken:
            lines.append(f"{name(cell.id):>8}  {', '.join(cell.defines) or '-':<30}  {taken}".rstrip())
    for cell_id, problems in view.problems.items():
        for problem in problems:
            message = problem.message
            for one in problem.cells:
                message = message.replace(one, name(one))
            lines.append(f"problem in {name(cell_id)}: {message}")
            lines += [f"    fix: {fix.title}" for fix in problem.fixes]
    return lines


def plan_lines(doc: NotebookDoc, found: RunPlan) -> list[str]:
    """A line for each cell that would run, and about how long it takes."""
    name = _Namer(doc)
    lines = [f"{name(step.cell_id):>8}  {_why(step, name):<40}  {_took(step)}".rstrip() for step in found.steps]
    return [
        *lines,
        f"{len(found.cell_ids)} of {len(found.steps)} cells run, about {_time(found.estimated_ms) or '0 ms'}",
    ]


def profile_lines(doc: NotebookDoc, found: Profile) -> list[str]:
    """A line for each cell that ran."""
    name = _Namer(doc)
    if not found.cells:
        return ["Nothing has run yet."]
    return [
        *(f"{_time(ms):>10}  {name(cell_id)}" for cell_id, ms in found.cells.items()),
        f"{_time(found.total_ms):>10}  together",
    ]


def _why(step: PlannedStep, name: _Namer) -> str:
    if step.refused:
        return f"does not run: {step.refused[0]}"
    causes = ", ".join(_cause(cause, name) for cause in step.causes)
    return f"{step.reason}: {causes}" if causes else step.reason


def _cause(cause: Cause, name: _Namer) -> str:
    return cause.why if cause.cell_id is None else f"{name(cause.cell_id)} {cause.why.replace('_', ' ')}"


def _took(step: PlannedStep) -> str:
    return f"{_time(step.estimated_ms)}, or from the cache" if step.cached else _time(step.estimated_ms)


def _time(ms: float | None) -> str:
    if ms is None:
        return ""
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def _plan_json(found: RunPlan) -> dict[str, object]:
    steps = [
        {
            "cell_id": step.cell_id,
            "reason": step.reason,
            "causes": [{"kind": one.kind, "why": one.why, "cell_id": one.cell_id} for one in step.causes],
            "estimated_ms": step.estimated_ms,
            "refused": list(step.refused),
            "cached": step.cached,
        }
        for step in found.steps
    ]
    return {"id": found.id, "targets": list(found.targets), "steps": steps, "estimated_ms": found.estimated_ms}


class _Namer:
    """Cells by their place, which people see; those that are gone by their id."""

    def __init__(self, doc: NotebookDoc) -> None:
        self._places = {cell_id: place for place, cell_id in enumerate(doc.cell_ids(), 1)}

    def __call__(self, cell_id: str) -> str:
        place = self._places.get(cell_id)
        return f"cell {place}" if place is not None else f"cell {cell_id} (deleted)"


def _cell_id(name: str, ids: Sequence[str]) -> str:
    if name in ids:
        return name
    if name.isdecimal() and 1 <= int(name) <= len(ids):
        return ids[int(name) - 1]
    raise WrongName(f"There is no cell {name}.", f"Name one by its place, 1 to {len(ids)}, or by its id.")


def _read(path: Path) -> NotebookDoc:
    try:
        state = read_file(path)
        if state is None:
            raise NotebookUnusable(f"There is no file {path}.", "Check the path.")
        return notebook_from_model(NOBODY, parse_file(state, path, NOBODY).model)
    except (WireError, NotebookDocError) as error:
        raise NotebookUnusable(error.message, error.hint) from error
