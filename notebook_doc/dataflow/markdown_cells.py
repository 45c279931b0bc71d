"""What a Markdown cell reads: the expressions in `{{ … }}`, which are shown as their values.

Names in an expression that it binds itself (comprehensions, lambdas) are its own. Code spans and fenced code are passed
over; what is no expression is text. A Markdown cell defines nothing.
"""

from __future__ import annotations

import ast
import re
from typing import Final

from notebook_doc.dataflow.analysis import OPAQUE, Analysis, CellText, is_private

_CODE: Final = re.compile(r"^(```+|~~~+).*?(?:^\1|\Z)|(`+)[^`].*?\2", re.DOTALL | re.MULTILINE)
_SHOWN: Final = re.compile(r"\{\{(.+?)\}\}", re.DOTALL)


def analyze_markdown(cell: CellText) -> Analysis:
    """The analysis of a Markdown cell."""
    if "{{" not in cell.source:
        return OPAQUE
    reads: set[str] = set()
    for expression in _SHOWN.findall(_CODE.sub(" ", cell.source)):
        try:
            tree = ast.parse(expression.strip(), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        from notebook_doc.dataflow.python_cells import reads_of_expression

        reads |= reads_of_expression(tree.body)
    return Analysis(reads=frozenset(name for name in reads if not is_private(name)))
