"""What one cell says about names: which it defines, which it reads, and what is wrong with it alone.

An Analysis is made from a cell's text and nothing else, so it is the same at every peer and can be kept as long as the
text stays: `analyze` is cached by language and source. Each language has its analyzer, a function from CellText to
Analysis; a language without one is opaque, which means that its cells define and read nothing. Nothing here raises for
what somebody typed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from notebook_doc.dataflow.problems import Problem, Range

# Texts whose analysis is remembered after they were edited, so that undoing an edit costs nothing.
REMEMBERED: Final = 4096


# Where a name is bound: line (from 1, 0 if nobody knows), column in bytes, whether the name itself stands there.
Place = tuple[int, int, bool]


@dataclass(frozen=True, slots=True)
class CellText:
    """What an analyzer is given. `result` is the variable that metadata says a query's result goes to."""

    language: str
    source: str
    result: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """See the module. Names that begin with one underscore belong to their cell alone and are in none of the sets.

    `defs` may be there after the cell ran; `reads` may be taken from what other cells left, `deferred` being those of
    them that are read only when a function made here is called. `deleted` are others' names that it deletes. `bound` is
    every name that it binds at all, the cell's own, imported and deleted ones included.
    """

    defs: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    deferred: frozenset[str] = frozenset()
    deleted: frozenset[str] = frozenset()
    bound: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)
    find: Callable[[str, Place], Range] = field(default=lambda _name, _place: Range(0, 0), compare=False, repr=False)

    def site(self, name: str) -> Range:
        """Where the cell first binds one of its `defs`."""
        return self.find(name, self.places[name])


OPAQUE: Final = Analysis()
Analyzer = Callable[[CellText], Analysis]


def is_private(name: str) -> bool:
    """Whether a name belongs to its cell alone: one leading underscore, or nothing but underscores."""
    return name.startswith("_") and (not name.startswith("__") or not name.strip("_"))


def analyze(cell: CellText) -> Analysis:
    """The analysis of a cell."""
    return _analyze(cell.language, cell.source, cell.result)


def forget() -> None:
    """Remember no analysis any more: for those who measure what one costs."""
    _analyze.cache_clear()


@lru_cache(maxsize=REMEMBERED)
def _analyze(language: str, source: str, result: str) -> Analysis:
    analyzer = _analyzers().get(language)
    if analyzer is None or not source.strip():
        return OPAQUE
    return analyzer(CellText(language, source, result))


@lru_cache(maxsize=1)
def _analyzers() -> Mapping[str, Analyzer]:
    """Made at first use: the analyzers need this module's types."""
    from notebook_doc.dataflow.markdown_cells import analyze_markdown
    from notebook_doc.dataflow.python_cells import analyze_python
    from notebook_doc.dataflow.sql_cells import analyze_sql

    return {"python": analyze_python, "sql": analyze_sql, "markdown": analyze_markdown}
