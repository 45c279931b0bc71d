"""A daemon without kernels: it answers each request once its replica holds the heads the request named.

It owns what it has answered, what still waits, and what it was told is safe. Running a cell is writing one execution
into RuntimeDoc, so that the second document is synced in these worlds too; what it says of a run is the source as its
own replica has it. It may start RuntimeDoc afresh at any moment, also twice before anybody heard of it.
"""

from __future__ import annotations

from typing import Any

from notebook_doc.rotation import next_epoch
from notebook_doc.runtime_records import Execution
from relay.messages import Request, Response
from relay.requests import Execute
from tests.simulation.world import SimulatedPeer, World


class SimulatedDaemon:
    """See the module. `work` is called whenever the daemon gets to run."""

    def __init__(self, world: World, name: str = "daemon") -> None:
        self.peer: SimulatedPeer = world.add_peer(name, "daemon")
        self.answered: dict[str, dict[str, Any]] = {}
        self._waiting: dict[str, Request] = {}
        self._world = world
        self.safe: set[str] = set()  # executions that the hub said are on its disk

    def work(self) -> None:
        for message in self.peer.received:
            if isinstance(message, Request):
                self._waiting[message.id] = message
        self.peer.received.clear()
        for request in list(self._waiting.values()):
            if request.id not in self.answered and self._ready(request):
                self.answered[request.id] = self._run(request)
            if request.id in self.answered:
                del self._waiting[request.id]
                self.peer.session.send(Response(id=request.id, result=self.answered[request.id]))
        if self.peer.session.runtime_sync.saved:
            self.safe |= set(self.peer.session.runtime.execution_ids())

    def rotate(self) -> None:
        """Start RuntimeDoc afresh."""
        if self.peer.session.runtime.genesis is not None:
            self.peer.session.begin_epoch(next_epoch(self.peer.session.runtime))

    def die(self) -> None:
        """kill -9; what comes back knows nothing."""
        self._world.crash_peer(self.peer)
        self.answered.clear()
        self._waiting.clear()
        self.peer.received.clear()

    def _ready(self, request: Request) -> bool:
        return self.peer.session.runtime.genesis is not None and self.peer.doc.replica.contains(request.required_heads)

    def _run(self, request: Request) -> dict[str, Any]:
        assert isinstance(request.body, Execute)
        doc = self.peer.doc
        cell_ids = [cell_id for cell_id in request.body.cell_ids or doc.cell_ids() if cell_id in doc]
        for cell_id in cell_ids:
            execution_id = f"{request.id.replace(chr(0), '/')}/{cell_id}"
            self.peer.session.runtime.record(
                Execution(id=execution_id, cell_id=cell_id, status="done", source=doc.source(cell_id))
            )
        return {"sources": {cell_id: doc.source(cell_id) for cell_id in cell_ids}}
