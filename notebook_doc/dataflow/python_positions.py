"""From where Python's parser says a node is (lines, bytes) to code points of the cell's own source.

Lines of the analyzed code are those of the cell; a line from which something was taken away in front says by how many
bytes. Costs nothing until it is asked.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from notebook_doc.dataflow.analysis import Place
from notebook_doc.dataflow.problems import Range

_BREAKS = re.compile(r"\r\n|\r|\n")


class Positions:
    """The places of one source. Owns the offsets of its lines, once they are needed."""

    def __init__(self, source: str, shifts: Mapping[int, int]) -> None:
        self._source = source
        self._shifts = shifts
        self._starts: list[int] | None = None
        self._ascii = source.isascii()

    def of(self, name: str, place: Place) -> Range:
        """Where a name is bound."""
        line, column, is_name = place
        start = self.at(line, column) if line else 0
        if not is_name:  # a definition, an import, a pattern: the name stands somewhere in it
            start = self._search(name, start)
        return Range(start, min(start + len(name), len(self._source)))

    def whole(self, node: ast.AST) -> Range:
        """All of a node."""
        start = self.at(node.lineno, node.col_offset)  # type: ignore[attr-defined]
        return Range(start, self.at(node.end_lineno, node.end_col_offset))  # type: ignore[attr-defined]

    def at(self, line: int, column: int) -> int:
        """The code point at a line (from 1) and a column in bytes of UTF-8 (from 0)."""
        begin = self._begin(line)
        column += self._shifts.get(line, 0)
        if self._ascii:
            return min(begin + column, len(self._source))
        return begin + len(self._source[begin : begin + column].encode()[:column].decode(errors="ignore"))

    def in_characters(self, line: int, column: int) -> int:
        """The code point at a line (from 1) and a column in characters (from 0), as syntax errors count."""
        return min(self._begin(line) + column + self._shifts.get(line, 0), len(self._source))

    def _begin(self, line: int) -> int:
        if self._starts is None:
            self._starts = [0, *(match.end() for match in _BREAKS.finditer(self._source))]
        return self._starts[min(line, len(self._starts)) - 1]

    def _search(self, name: str, start: int) -> int:
        match = re.compile(rf"\b{re.escape(name)}\b").search(self._source, start)
        return start if match is None else match.start()
