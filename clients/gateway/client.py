"""One connection as a session sees it: what it may do, what it has seen, what waits for it."""

from __future__ import annotations

import asyncio

from clients.gateway.protocol import Payload, Refusal, encoded
from clients.gateway.queue import ClientQueue, Outgoing, Sources
from clients.gateway.seen import SeenTexts


class Client:
    """See the module."""

    def __init__(self, *, may_edit: bool) -> None:
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
