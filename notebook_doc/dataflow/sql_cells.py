"""What a SQL cell reads and defines: `{name}` interpolations, the tables it names, the variable its result goes to.

A table name counts as a read because engines that query data frames (DuckDB's `%%sql`) find them by their variable; if
no cell defines a variable of that name it means nothing. Common table expressions and qualified names (`schema.table`)
are the query's own. The result's variable is in the first line (`%%sql name <<`, `%%sql --out name`) or in the
metadata. Strings and comments are passed over, except for interpolations. Knows no dialect.
"""

from __future__ import annotations

import ast
import re
from typing import Final

from notebook_doc.dataflow.analysis import Analysis, CellText, is_private
from notebook_doc.dataflow.ipython_lines import cell_magic, without_cell_magic
from notebook_doc.dataflow.problems import Range
from notebook_doc.dataflow.python_parser import parse_expression

_INTERPOLATED: Final = re.compile(r"\{\{?([^{}]+)\}?\}")
_SILENT: Final = re.compile(r"--[^\r\n]*|/\*.*?(?:\*/|\Z)|'(?:[^']|'')*(?:'|\Z)", re.DOTALL)
_NAME: Final = r"(?:\"[^\"]+\"|`[^`]+`|[^\W\d]\w*)"
_TABLES: Final = re.compile(
    rf"\b(?:from|join|into|update|table)\s+({_NAME}(?:\s*\.\s*{_NAME})*(?:\s+(?:as\s+)?(?!where\b|on\b|join\b|left\b"
    rf"|right\b|inner\b|outer\b|cross\b|full\b|group\b|order\b|limit\b|union\b|set\b|values\b){_NAME})?"
    rf"(?:\s*,\s*{_NAME}(?:\s*\.\s*{_NAME})*)*)(?!\s*\()",
    re.IGNORECASE,
)
_TABLE: Final = re.compile(rf"({_NAME})(\s*\.\s*{_NAME})*")
_CTE: Final = re.compile(
    rf"(?:\bwith\b(?:\s+recursive\b)?|,)\s*({_NAME})\s*(?:\([^()]*\)\s*)?\bas\b\s*\(", re.IGNORECASE
)
_RESULT: Final = re.compile(r"(?:^|\s)([^\W\d]\w*)\s*<<|--out\s+([^\W\d]\w*)")


def analyze_sql(cell: CellText) -> Analysis:
    """The analysis of a SQL cell, with or without its `%%sql` line."""
    magic = cell_magic(cell.source)
    query = cell.source if magic is None else without_cell_magic(cell.source)
    result, site = cell.result, Range(0, 0)
    if magic is not None and (match := _RESULT.search(magic[1])) is not None:
        result = match[1] or match[2]
        at = cell.source.index(result, cell.source.index(magic[1]))
        site = Range(at, at + len(result))
    reads = {name for text in _INTERPOLATED.findall(query) for name in _names(text)}
    bare = _SILENT.sub(" ", query)
    own = {_unquoted(name).lower() for name in _CTE.findall(bare)}
    for listed in _TABLES.findall(bare):
        for item in listed.split(","):
            table = _TABLE.match(item.strip())
            if table is not None and not table[2] and _unquoted(table[1]).lower() not in own:
                reads.add(_unquoted(table[1]))
    defs = frozenset({result} - {""})
    public = frozenset(name for name in defs if not is_private(name))
    return Analysis(
        defs=public,
        reads=frozenset(name for name in reads if not is_private(name)),
        bound=defs,
        places=dict.fromkeys(public, (1, 0, False)),
        find=lambda _name, _place: site,
    )


def _names(expression: str) -> list[str]:
    tree = parse_expression(expression)
    return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)] if tree is not None else []


def _unquoted(name: str) -> str:
    return name.strip('"`')
