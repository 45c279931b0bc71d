"""What a block of code mode lets its agent see: the draft and its dataflow, and what happens around it now.

A Sight reads for the views (`views.Seen`), where the notebook lives, and writes nothing. It owns the dataflow of what
was read last, which is taken over from the notebook's own where nobody has written since.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from clients.agent.checking import overlay
from clients.agent.planner import Planner
from clients.peer.notebook import Notebook
from notebook_doc.batch import Reading
from notebook_doc.dataflow.graph import Graph
from notebook_doc.dataflow.notebook_dataflow import Dataflow
from notebook_doc.draft import Draft
from notebook_doc.runtime import RuntimeDoc
from relay.messages import PresentPeer

R = TypeVar("R")


class Call(Protocol):
    """Calls a function where the notebook lives."""

    def __call__(self, function: Callable[[], R], /) -> R: ...


class Sight:
    """See the module. `queue` is what the block has planned so far; `dataflow` follows the notebook."""

    def __init__(self, notebook: Notebook, queue: Callable[[], Planner], dataflow: Dataflow, call: Call) -> None:
        self._notebook, self._queue, self._dataflow, self._call = notebook, queue, dataflow, call
        self._graph: tuple[Reading, Graph] | None = None  # of what was read

    @property
    def draft(self) -> Draft:
        """The notebook as it was read, with what is queued."""
        return self._queue().draft

    @property
    def graph_now(self) -> Graph:
        """The dataflow of the draft."""
        reading, plan = self._queue().reading, self._queue().plan
        if self._graph is None or self._graph[0] is not reading:
            self._graph = reading, self._call(lambda: self._graph_of(reading))
            self._graph[1].cycles()  # found here once, and not in every copy
        if not plan.touched:
            return self._graph[1]
        return overlay(self._graph[1], self.draft, plan.touched)

    def _graph_of(self, reading: Reading) -> Graph:
        if reading.heads != self._notebook.doc.replica.heads():
            return Dataflow(reading.notebook).graph
        self._dataflow.update(self._notebook.doc)
        return self._dataflow.graph.copy()

    def live(self, read: Callable[[RuntimeDoc], R]) -> R:
        """Read RuntimeDoc as it is now."""
        return self._call(lambda: read(self._notebook.runtime))

    def watchers(self) -> Sequence[PresentPeer]:
        """Everyone who is here."""
        return self._call(lambda: self._notebook.peers)
