"""Errors of the agents' tools.

PeerError
└── AgentError                 what an agent asked for cannot be done; nothing of it was
    ├── BatchRefused           the notebook would be broken: `problems` say where and what mends it
    ├── NoSuchText             a text to replace is not in the cell, or several times
    └── NoSuchCell             no cell has this id, name or index, or several have this name
"""

from __future__ import annotations

from collections.abc import Sequence

from clients.peer.errors import PeerError
from notebook_doc.dataflow.problems import Problem


class AgentError(PeerError):
    """What an agent asked for cannot be done; nothing of it was."""


class BatchRefused(AgentError):
    """A batch that would break the notebook. Nothing of it was applied, installed or run."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        told = "\n".join(f"- {described(problem)}" for problem in problems)
        super().__init__(
            f"The batch would break the notebook, so nothing was changed:\n{told}", "Mend it and try again."
        )


class NoSuchText(AgentError):
    """A text that is to be replaced is not in the cell exactly once."""


class NoSuchCell(AgentError):
    """No cell is meant by this, or several are."""


def described(problem: Problem) -> str:
    """A problem in one line: rule, cells, range, what it is, how to mend it."""
    where = ", ".join(problem.cells)
    place = "" if problem.range is None else f" at {problem.range.start}:{problem.range.end}"
    fixes = f" Fix: {' Or: '.join(fix.title for fix in problem.fixes)}." if problem.fixes else ""
    return f"{problem.code} ({where}{place}): {problem.message}{fixes}"
