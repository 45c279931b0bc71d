"""What the parts of a Notebook stand on: its session, the way to ask, and the way to say that something was edited.

Each part (editing, running, serving, an editor's questions) is a class of its own that knows this and no other part;
Notebook puts them together and provides what is only declared here.
"""

from __future__ import annotations

from typing import Any, Final

from clients.peer.link import Link
from clients.peer.session import PeerSession
from notebook_doc.notebook import NotebookDoc
from notebook_doc.runtime import RuntimeDoc
from relay.messages import PeerInfo, Role
from relay.requests import RequestBody

# Seconds to wait for the answer to a request.
REQUEST_SECONDS: Final = 60.0


class Part:
    """See the module."""

    _session: PeerSession
    _link: Link
    _draft: NotebookDoc | None = None  # what is read and edited in the session's place

    @property
    def id(self) -> str:
        """The notebook's UUID."""
        return self._session.notebook_id

    @property
    def peer(self) -> PeerInfo:
        """Who this peer is to the others."""
        return self._session.peer

    @property
    def role(self) -> Role:
        """What this peer may do."""
        return self._session.role

    @property
    def doc(self) -> NotebookDoc:
        """The NotebookDoc, for what this class has no method for. Call `touch` after editing it directly."""
        return self._session.notebook if self._draft is None else self._draft  # a document without cells is false

    @property
    def runtime(self) -> RuntimeDoc:
        """The RuntimeDoc: read-only unless this peer is the daemon."""
        return self._session.runtime

    def touch(self) -> None:
        """Documents were edited directly: send it, tell subscribers."""
        raise NotImplementedError

    async def request(self, body: RequestBody, *, timeout: float = REQUEST_SECONDS) -> dict[str, Any]:
        """Ask the hub or the daemon for something, relying on every edit made here. Survives reconnects.

        Raises RequestFailed with the answer's error, TimeoutError, Refused if the session has ended.
        """
        raise NotImplementedError

    def _check_alive(self) -> None:
        """Raises what ended the session, if it has ended."""
        raise NotImplementedError
