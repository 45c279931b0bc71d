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
    """A batch that would break the notebook. Nothing of it was applied, installed or run.

    Its text names cells that the batch was to make (`created`) by their number in it, `problems` by their ids.
    """

    def __init__(self, problems: Sequence[Problem], created: Sequence[str] = ()) -> None:
        self.problems = tuple(problems)
        told = "\n".join(f"- {described(problem)}" for problem in problems)
        for number, cell_id in enumerate(created, 1):  # nobody has seen their ids
            told = told.replace(cell_id, "the new cell" if len(created) == 1 else f"new cell {number}")
        super().__init__(
            f"The batch would break the notebook, so nothing was changed:\n{told}", "Mend it and try again."
        )


class NoSuchText(AgentError):
    """A text that is to be replaced is not in the cell exactly once."""


class NoSuchCell(AgentError):
    """No cell is meant by this, or several are."""


def described(problem: Problem) -> str:
    """A problem in one line: rule, cells that the message does not name, range, what it is, how to mend it."""
    where = [", ".join(one for one in problem.cells if one not in problem.message)]
    where += [] if problem.range is None else [f"at {problem.range.start}:{problem.range.end}"]
    fixes = f" Fix: {' Or: '.join(fix.title for fix in problem.fixes)}." if problem.fixes else ""
    return f"{problem.code} ({' '.join(filter(None, where))}): {problem.message}{fixes}"
