"""What a batch would break: problems of the document that are not there without it, and rules for agents. Pure.

A Checker follows the dataflow of one notebook at the cost of what changed, so that checking a batch costs the batch and
not the notebook. It goes by the document as it would be, never by what has run. What was wrong before
does not count: a person's half-typed line, or names that a Jupyter notebook defines twice, hold nobody up.

Which problems refuse a batch depends on the notebook's mode. Syntax errors and what a setup cell may not read always
do. A name with two owners, a cycle and a star import do where cells run by what they depend on (lazy, reactive,
cascade); in a manual notebook, which runs as Jupyter does, they are warnings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, get_args

from clients.agent.errors import BatchRefused
from clients.agent.planner import Plan, Planner
from notebook_doc.dataflow.analysis import analyze
from notebook_doc.dataflow.cell_texts import is_setup_cell, language_of_notebook, text_of_cell
from notebook_doc.dataflow.fixes import problems_of
from notebook_doc.dataflow.graph import Graph
from notebook_doc.dataflow.notebook_dataflow import Dataflow, Mode
from notebook_doc.dataflow.problems import Problem, ProblemCode
from notebook_doc.draft import CellsOfNotebook
from notebook_doc.events import CellAdded, CellChanged, CellField, CellRemoved, MetadataChanged, NotebookEvent
from notebook_doc.notebook import NotebookDoc
from notebook_doc.policy import QUIRE, AgentsMayNot, broken_rule

ALWAYS: Final[frozenset[ProblemCode]] = frozenset(("syntax_error", "setup_reads_others"))
EVERYWHERE: Final[frozenset[ProblemCode]] = frozenset(get_args(ProblemCode))
_FIELDS: Final[tuple[CellField, ...]] = ("source", "position", "metadata", "cell_type", "attachments")


@dataclass(frozen=True, slots=True)
class Findings:
    """What a batch would bring about: `refused` keeps it from being applied, `warnings` does not."""

    refused: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


class Checker:
    """See the module. `strict`: every problem refuses, also in a manual notebook."""

    def __init__(self, dataflow: Dataflow, *, strict: bool = False) -> None:
        self._strict = strict
        self._dataflow = dataflow

    def findings(self, before: Graph, mode: Mode, merged: CellsOfNotebook, touched: Iterable[str]) -> Findings:
        """What is wrong with the merged notebook that was not before, in the cells that the batch touches."""
        touched = list(touched)
        after = overlay(before, merged, touched)
        found: dict[object, Problem] = {}
        for problem in _introduced(before, after, merged, touched):
            key = (problem.code, problem.names, problem.cells)
            found.setdefault(key, problem)
        refusing = EVERYWHERE if self._strict or mode != "manual" else ALWAYS
        return Findings(
            tuple(one for one in found.values() if one.code in refusing),
            tuple(one for one in found.values() if one.code not in refusing),
        )

    def checks(self, notebook: NotebookDoc, planner: Planner) -> _Check:
        """What to ask about the merged notebook before this plan is committed to the notebook as it is now."""
        self._dataflow.update(notebook)
        self._dataflow.graph.cycles()  # found here once, and not in every copy
        return _Check(self, self._dataflow.graph, self._dataflow.mode, planner.plan)


class _Check:
    """Called with the merged notebook: raises BatchRefused, or keeps the warnings."""

    def __init__(self, checker: Checker, before: Graph, mode: Mode, plan: Plan) -> None:
        self._checker, self._before, self._mode, self._plan = checker, before, mode, plan
        self.warnings: tuple[Problem, ...] = ()

    def __call__(self, merged: NotebookDoc) -> None:
        found = self._checker.findings(self._before, self._mode, merged, self._plan.touched)
        if found.refused:
            raise BatchRefused(found.refused, self._plan.created)
        self.warnings = found.warnings


def against_policy(notebook: NotebookDoc, planner: Planner) -> AgentsMayNot | None:
    """What the notebook's policy has against an agent committing this plan."""
    return broken_rule(notebook, planner.draft, _events(planner))


def _events(planner: Planner) -> Iterator[NotebookEvent]:
    read, draft = planner.reading.notebook, planner.draft
    for cell_id in planner.plan.touched:
        if cell_id not in read:
            yield from [CellAdded(cell_id)] if cell_id in draft else []
        elif cell_id not in draft:
            yield CellRemoved(cell_id)
        elif fields := frozenset(
            field for field in _FIELDS if _field(read, cell_id, field) != _field(draft, cell_id, field)
        ):
            yield CellChanged(cell_id, fields)
    if read.metadata().get(QUIRE) != draft.metadata().get(QUIRE):
        yield MetadataChanged(frozenset((QUIRE,)))


def _field(notebook: CellsOfNotebook, cell_id: str, field: CellField) -> object:
    return getattr(notebook.cell(cell_id), field)


def overlay(graph: Graph, notebook: CellsOfNotebook, touched: Iterable[str]) -> Graph:
    """The graph as it would be with these cells, and the order, as this notebook has them."""
    after = graph.copy()
    language = language_of_notebook(notebook.metadata())
    for cell_id in touched:
        if cell_id in notebook:
            cell = notebook.cell(cell_id)
            text = text_of_cell(cell.cell_type, cell.source, cell.metadata, language)
            after.put(cell_id, analyze(text), setup=is_setup_cell(cell.cell_type, cell.metadata))
        elif cell_id in after:
            after.remove(cell_id)
    after.set_order(notebook.cell_ids())
    return after


def _introduced(before: Graph, after: Graph, notebook: CellsOfNotebook, touched: Iterable[str]) -> Iterator[Problem]:
    for cell_id in touched:
        if cell_id not in notebook:
            continue
        had = {problem.code for problem in before.analysis(cell_id).problems}
        for problem in problems_of(after, cell_id, notebook.source):
            match problem.code:
                case "multiply_defined" if problem.names[0] in before.disputed:
                    pass
                case "cycle" if frozenset(problem.cells) in before.cycles():
                    pass
                case "setup_reads_others":
                    pass  # below, for it shows at the setup cell, whichever cell is touched
                case "syntax_error" | "star_import" if problem.code in had:
                    pass
                case _:
                    yield problem
    for cell_id in after.setup_cells:
        if set(after.inputs(cell_id)) - set(before.inputs(cell_id)):
            yield from (one for one in problems_of(after, cell_id, notebook.source) if one.code == "setup_reads_others")
