"""Which executions each cell has had, without reading every execution whenever that is asked.

An ExecutionIndex owns a map from cell to executions, of one RuntimeDoc. A record's cell, number and time never change,
so an execution is read once, when it is first seen; asking again when nothing has happened reads nothing. It promises
an order that survives a new numbering: by the time an execution was asked for, then by its number.
"""

from __future__ import annotations

from bisect import insort

from notebook_doc.replica import Heads
from notebook_doc.runtime import RuntimeDoc


class ExecutionIndex:
    """See the module."""

    def __init__(self, runtime: RuntimeDoc) -> None:
        self.runtime = runtime
        self._heads: Heads = ()
        self._known: set[str] = set()
        self._of_cell: dict[str, list[tuple[float, int, str]]] = {}

    def of(self, cell_id: str) -> list[str]:
        """The ids of a cell's executions, newest first; empty if it never ran. The cell may be deleted."""
        heads = self.runtime.replica.heads()
        if heads != self._heads:
            self._heads = heads
            self._read_new()
        return [execution_id for _, _, execution_id in reversed(self._of_cell.get(cell_id, ()))]

    def _read_new(self) -> None:
        for execution_id in self.runtime.execution_ids():
            if execution_id in self._known:
                continue
            execution = self.runtime.execution(execution_id)
            assert execution is not None, "its id was just listed"
            self._known.add(execution_id)
            insort(self._of_cell.setdefault(execution.cell_id, []), (execution.submitted, execution.seq, execution_id))
