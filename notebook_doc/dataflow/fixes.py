"""What is wrong with each cell of a graph, and which edits would mend it.

Pure functions of a graph and the sources: everybody who has the same cells finds the same problems in the same cells. A
fix that renames is only offered where every occurrence of the name is sure to be the same variable. Nothing is decided
here about who may run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from notebook_doc.dataflow.graph import Graph
from notebook_doc.dataflow.problems import DeleteCell, Fix, MergeCells, Problem, Range, ReplaceText
from notebook_doc.dataflow.python_parser import parse
from notebook_doc.dataflow.python_positions import Positions
from notebook_doc.dataflow.python_scopes import FUNCTIONS, parameter_names, pattern_name

_STAR: re.Pattern[str] = re.compile(r"from\s+([.\w]+)\s+import\s*\(?\s*\*\s*\)?")
Source = Callable[[str], str]


def problems_of(graph: Graph, cell_id: str, source: Source) -> tuple[Problem, ...]:
    """What is wrong with a cell, by itself and together with others."""
    analysis = graph.analysis(cell_id)
    own = tuple(_own(problem, cell_id, source) for problem in analysis.problems)
    shared = [_multiply_defined(graph, cell_id, name, source) for name in sorted(analysis.defs & graph.disputed)]
    if cycle := graph.cycle_of(cell_id):
        shared.append(_cycle(graph, cell_id, cycle))
    if graph.is_setup(cell_id) and (inputs := graph.inputs(cell_id)):
        shared.append(_setup(graph, cell_id, inputs))
    return (*own, *shared)


def _own(problem: Problem, cell_id: str, source: Source) -> Problem:
    fixes: tuple[Fix, ...] = ()
    if problem.code == "star_import" and problem.range is not None:
        place = problem.range
        said = source(cell_id)[place.start : place.end]
        match = _STAR.fullmatch(said)
        if match is not None and not match[1].startswith("."):
            edit = ReplaceText(cell_id, place, said, f"import {match[1]}")
            fixes = (Fix(f"Import the module {match[1]} instead, and write {match[1]}.name", (edit,)),)
    return Problem(code=problem.code, message=problem.message, range=problem.range, cells=(cell_id,), fixes=fixes)


def _multiply_defined(graph: Graph, cell_id: str, name: str, source: Source) -> Problem:
    owners = graph.owners(name)
    place = graph.analysis(cell_id).site(name)
    fixes = []
    private = f"_{name}"
    if private not in graph.analysis(cell_id).bound and (ranges := occurrences(source(cell_id), name)):
        edits = tuple(ReplaceText(cell_id, one, name, private) for one in ranges)
        fixes.append(Fix(f"Rename it to {private}, which belongs to this cell alone", edits))
    if len(owners) == 2:
        fixes.append(Fix("Merge both cells into one", (MergeCells(tuple(owners)),)))
    fixes.append(Fix("Delete this cell", (DeleteCell(cell_id),)))
    others = ", ".join(one for one in owners if one != cell_id)
    return Problem(
        code="multiply_defined",
        message=f"{name} is defined here and in {others}; one cell must own it.",
        range=place,
        names=(name,),
        cells=tuple(owners),
        fixes=tuple(fixes),
    )


def _cycle(graph: Graph, cell_id: str, cycle: frozenset[str]) -> Problem:
    cells = tuple(sorted(cycle, key=graph.place))
    names = sorted({name for one in cells for name, owner in graph.inputs(one).items() if owner in cycle})
    given = [name for name in names if name in graph.analysis(cell_id).defs]
    message = f"These cells depend on each other in a circle: {', '.join(cells)}, through {', '.join(names)}."
    return Problem(
        code="cycle",
        message=message,
        range=graph.analysis(cell_id).site(given[0]) if given else None,
        names=tuple(names),
        cells=cells,
        fixes=(Fix("Merge these cells into one", (MergeCells(cells),)),),
    )


def _setup(graph: Graph, cell_id: str, inputs: dict[str, str]) -> Problem:
    owners = tuple(sorted(set(inputs.values()), key=graph.place))
    message = (
        f"The setup cell runs before all others and cannot read {', '.join(inputs)}, which {', '.join(owners)} define."
    )
    merge = MergeCells((*owners, cell_id)) if graph.place(owners[0]) < graph.place(cell_id) else None
    fixes = (Fix("Merge those cells with the setup cell", (merge,)),) if merge else ()
    return Problem(
        code="setup_reads_others",
        message=message,
        names=tuple(inputs),
        cells=tuple(sorted((cell_id, *owners), key=graph.place)),
        fixes=fixes,
    )


def occurrences(source: str, name: str) -> list[Range]:
    """Where a cell of Python names a variable of the module; empty if an inner scope has a variable of that name, or if
    some place cannot be found for sure."""
    try:
        tree = parse(source)
    except SyntaxError:
        return []
    positions = Positions(source, {})
    found: list[Range] = []
    inner = {id(node) for scope in ast.walk(tree) if _is_scope(scope) for node in ast.walk(scope) if node is not scope}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == name:
            if id(node) in inner and not isinstance(node.ctx, ast.Load):
                return []
            start = positions.at(node.lineno, node.col_offset)
            found.append(Range(start, start + len(name)))
        elif (
            (_is_scope(node) and not isinstance(node, ast.ClassDef) and name in _parameters(node))
            or (isinstance(node, ast.Global | ast.Nonlocal) and name in node.names)
            or pattern_name(node) == name
            or (isinstance(node, ast.ExceptHandler) and node.name == name)
            or (isinstance(node, ast.alias) and name in (node.asname, node.name.partition(".")[0]))
        ):
            return []
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name:
            if id(node) in inner:
                return []
            start = source.index(name, source.index(" ", positions.at(node.lineno, node.col_offset)))
            found.append(Range(start, start + len(name)))
    exact = all(source[one.start : one.end] == name for one in found)
    return sorted(found, key=lambda one: one.start) if exact and len(set(found)) == len(found) else []


def _is_scope(node: ast.AST) -> bool:
    return type(node) in FUNCTIONS or isinstance(
        node, ast.Lambda | ast.ClassDef | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    )


def _parameters(node: ast.AST) -> list[str]:
    return parameter_names(node.args) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) else []
