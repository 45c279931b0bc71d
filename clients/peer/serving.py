"""What a daemon does with a notebook: serve its requests, and write RuntimeDoc so that it can tell what is on disk.

Serving is the part of a Notebook that only a daemon uses; the hub refuses others. Requests that come before
`serve_requests` wait here, of which the hub lets there be only so many.
"""

from __future__ import annotations

from collections.abc import Callable

from clients.peer.part import Part
from notebook_doc.replica import Heads
from relay.messages import CommMessage, Request, Response


class Serving(Part):
    """See the module."""

    _serve: Callable[[Request], None] | None
    _unserved: list[Request]

    def serve_requests(self, serve: Callable[[Request], None]) -> None:
        """Hand requests that reach this peer to `serve`; answer them with `respond`."""
        self._serve = serve
        unserved, self._unserved = self._unserved, []
        for request in unserved:
            serve(request)

    @property
    def runtime_is_saved(self) -> bool:
        """Whether everything that this daemon wrote into RuntimeDoc is on the hub's disk."""
        return self._session.runtime_sync.saved

    def respond(self, response: Response) -> None:
        """Answer a request. Lost if the connection is; the hub asks again on the next one."""
        self._session.send(response)
        self._link.wake()

    def tell(self, message: CommMessage) -> None:
        """Tell every other peer what the kernel said. Lost if there is no connection. Raises FrameTooLarge."""
        self._session.send(message)
        self._link.wake()

    def runtime_saved(self, heads: Heads) -> bool:
        """Whether what this daemon had written into RuntimeDoc at these heads is on the hub's disk."""
        sync = self._session.runtime_sync
        # Heads of an earlier epoch: what they say is in the present one, which is saved as a whole.
        return sync.has_saved(heads) if sync.replica.contains(heads) else sync.saved
