"""The analyzer of Python cells: makes Python of what somebody typed, as far as it is, and has it walked.

What is IPython's alone is replaced by what reads the same names. A cell that does not parse is read as far as its
statements do by themselves, so the graph does not flicker while somebody types. Never raises for what somebody typed.
"""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from typing import Final

from notebook_doc.dataflow.analysis import OPAQUE, Analysis, CellText
from notebook_doc.dataflow.ipython_lines import PythonText, body_of_cell_magic, cell_magic, statement_lines, to_python
from notebook_doc.dataflow.problems import Problem, Range
from notebook_doc.dataflow.python_parser import parse
from notebook_doc.dataflow.python_positions import Positions
from notebook_doc.dataflow.python_walk import Walk

# What is left of a statement that does not parse: what it would have bound.
_BINDS: Final = re.compile(r"(?:async\s+def|def|class)\s+([^\W\d]\w*)|([^\W\d]\w*)\s*(?::[^=\n]+)?=(?!=)")
_CONTINUES: Final = re.compile(r"\s|[)\]}]|(?:else|elif|except|finally|case)\b")
_BREAKS: Final = re.compile(r"\r\n|\r|\n")


def analyze_python(cell: CellText) -> Analysis:
    """The analysis of a cell of Python, with whatever of it is IPython's."""
    text = PythonText(cell.source)
    tree, error = _parsed(text.code)
    if error is not None:
        if cell_magic(cell.source) is not None:
            body = body_of_cell_magic(cell.source)
            if body is None:
                return _of_other_language(cell)
            text = body
        inner = to_python(text.code)
        text = PythonText(inner.code, inner.shifts, text.defs, text.keeps)
        tree, error = _parsed(text.code)
    positions = Positions(cell.source, text.shifts)
    walk = Walk(positions)
    if tree is not None:
        try:
            walk.module(tree.body)
        except RecursionError:
            error = SyntaxError("the code is nested too deeply to be analyzed")
            walk = Walk(positions)
    if error is not None:
        walk.problems.append(_syntax_error(error, positions))
        if tree is None:
            _salvage(text.code, walk)
    return walk.analysis(text)


def reads_of_expression(node: ast.expr) -> frozenset[str]:
    """The names that an expression takes from outside."""
    walk = Walk(Positions("", {}))
    walk.expression(node)
    walk.flush()
    return frozenset(walk.reads)


def _of_other_language(cell: CellText) -> Analysis:
    magic = cell_magic(cell.source)
    if magic is None or magic[0] != "sql":
        return OPAQUE
    from notebook_doc.dataflow.sql_cells import analyze_sql

    return analyze_sql(cell)


def _parsed(code: str) -> tuple[ast.Module | None, SyntaxError | None]:
    try:
        return parse(code), None
    except SyntaxError as error:
        return None, error


def _syntax_error(error: SyntaxError, positions: Positions) -> Problem:
    line, column = error.lineno or 1, max(0, (error.offset or 1) - 1)
    place = positions.in_characters(line, column)
    return Problem(code="syntax_error", message=f"Syntax error on line {line}: {error.msg}.", range=Range(place, place))


def _salvage(code: str, walk: Walk) -> None:
    """Take in what parses by itself, one statement after the other, and of the rest what it would have bound."""
    lines = _BREAKS.split(code)
    starts = [
        number
        for number in statement_lines(lines, broken=True)
        if lines[number] and not _CONTINUES.match(lines[number])
    ]
    for start, end in pairwise([*starts, len(lines)]):
        tree, _ = _parsed("\n" * start + "\n".join(lines[start:end]))
        if tree is not None:
            walk.block(tree.body)
        elif (match := _BINDS.match(lines[start])) is not None:
            walk.bind(match[1] or match[2], None)
    walk.flush()
