"""One connection as a session sees it: who it is, what it may do, what it has seen, what waits for it.

A client that says its name is a peer of its own, with a replica beside the session's, so its edits and runs are its own
to everybody. What it edits is in both replicas at once; everything else it is told from the session's.
"""

from __future__ import annotations

import asyncio

from clients.gateway.protocol import Payload, Refusal, encoded
from clients.gateway.queue import ClientQueue, Outgoing, Sources
from clients.gateway.seen import SeenTexts
from clients.peer.notebook import Notebook


class Client:
    """See the module. `peer` is the notebook as it has it: the session's, or its own."""

    def __init__(self, peer: Notebook, *, may_edit: bool) -> None:
        self.peer = peer
        self.may_edit = may_edit
        self.seen = SeenTexts()
        self.queue = ClientQueue()
        self.ready = asyncio.Event()  # something waits in the queue

    def tell(self, frame: Outgoing) -> None:
        """Queue a frame for this client."""
        self.queue.put(frame)
        self.ready.set()

    def reply(self, kind: str, payload: Payload, sources: Sources | None = None) -> None:
        """Answer this client alone."""
        self.tell(Outgoing(kind, encoded(payload), sources))

    def refuse(self, refusal: Refusal) -> None:
        """Tell it what was wrong."""
        self.reply("error", refusal.payload)
