"""A notebook's graph as a value: who depends on whom, in which order, and what is wrong. To be shown, kept or sent.

A GraphView is made of a Dataflow and does not follow it. Everything in it is sorted in one way, cells in notebook order
and names alphabetically, so two peers that have the same notebook have equal views.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from notebook_doc.dataflow.graph import Edge
from notebook_doc.dataflow.notebook_dataflow import Dataflow, Mode
from notebook_doc.dataflow.problems import Problem
from notebook_doc.dataflow.record import problem_json


@dataclass(frozen=True, slots=True, kw_only=True)
class CellView:
    """One cell: the names it defines and those it takes from others, the cells next to it, its problems."""

    id: str
    cell_type: str
    language: str
    defines: tuple[str, ...]
    reads: tuple[str, ...]
    upstream: tuple[str, ...]
    downstream: tuple[str, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphView:
    """See the module. `order` is one in which every cell comes after those it takes names from."""

    mode: Mode
    cells: Mapping[str, CellView]
    edges: tuple[Edge, ...]
    roots: tuple[str, ...]
    leaves: tuple[str, ...]
    order: tuple[str, ...]
    cycles: tuple[frozenset[str], ...]

    @classmethod
    def of(cls, flow: Dataflow) -> GraphView:
        """The graph as it is now."""
        graph = flow.graph
        return cls(
            mode=flow.mode,
            cells={cell_id: view_of_cell(flow, cell_id) for cell_id in graph.order},
            edges=tuple(graph.edges()),
            roots=tuple(graph.roots()),
            leaves=tuple(graph.leaves()),
            order=tuple(graph.sorted()),
            cycles=graph.cycles(),
        )

    @property
    def problems(self) -> dict[str, tuple[Problem, ...]]:
        """The cells that have problems, in notebook order."""
        return {cell.id: cell.problems for cell in self.cells.values() if cell.problems}

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "mode": self.mode,
            "edges": [{"from_cell_id": e.owner, "to_cell_id": e.reader, "variable": e.name} for e in self.edges],
            "roots": list(self.roots),
            "leaves": list(self.leaves),
            "topological_order": list(self.order),
            "cycles": [sorted(cycle) for cycle in self.cycles],
            "cells": [
                {
                    "id": cell.id,
                    "cell_type": cell.cell_type,
                    "language": cell.language,
                    "defines": list(cell.defines),
                    "references": list(cell.reads),
                    "upstream_ids": list(cell.upstream),
                    "downstream_ids": list(cell.downstream),
                    "is_leaf": cell.id in self.leaves,
                    "problems": [problem_json(problem) for problem in cell.problems],
                }
                for cell in self.cells.values()
            ],
        }


def view_of_cell(flow: Dataflow, cell_id: str) -> CellView:
    """One cell of a graph."""
    graph = flow.graph
    return CellView(
        id=cell_id,
        cell_type=flow.cell_type(cell_id),
        language=flow.language(cell_id),
        defines=tuple(sorted(graph.analysis(cell_id).defs)),
        reads=tuple(graph.inputs(cell_id)),
        upstream=tuple(sorted(graph.sources_of(cell_id), key=graph.place)),
        downstream=tuple(sorted(graph.readers_of(cell_id), key=graph.place)),
        problems=flow.problems(cell_id),
    )
