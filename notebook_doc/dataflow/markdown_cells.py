"""What a Markdown cell reads: the expressions in `{{ … }}`, which are shown as their values.

Names in an expression that it binds itself (comprehensions, lambdas) are its own. Code spans and fenced code are passed
over; what is no expression is text. A Markdown cell defines nothing.
"""

from __future__ import annotations

import re
from typing import Final

from notebook_doc.dataflow.analysis import OPAQUE, Analysis, CellText, is_private
from notebook_doc.dataflow.python_parser import parse_expression

_CODE: Final = re.compile(r"^(```+|~~~+).*?(?:^\1|\Z)|(`+)[^`].*?\2", re.DOTALL | re.MULTILINE)
_SHOWN: Final = re.compile(r"\{\{(.+?)\}\}", re.DOTALL)


def analyze_markdown(cell: CellText) -> Analysis:
    """The analysis of a Markdown cell."""
    if "{{" not in cell.source:
        return OPAQUE
    reads: set[str] = set()
    for expression in _SHOWN.findall(_CODE.sub(" ", cell.source)):
        if (tree := parse_expression(expression)) is None:
            continue
        from notebook_doc.dataflow.python_cells import reads_of_expression

        reads |= reads_of_expression(tree)
    return Analysis(reads=frozenset(name for name in reads if not is_private(name)))
