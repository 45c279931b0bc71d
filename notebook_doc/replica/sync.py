"""The Automerge sync protocol with one peer: a session for each connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automerge.core import Document, Message, SyncState

from notebook_doc.errors import BadSyncMessage, ReplicaPanic
from notebook_doc.sync_message import need_of, with_need

if TYPE_CHECKING:
    from notebook_doc.replica.document import Replica


class SyncSession:
    """The Automerge sync protocol with one peer over one connection. Owns the sync state; the replica is shared."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._state = SyncState()

    def receive(self, payload: bytes) -> None:
        """Take in a message of the peer, its changes included. Raises BadSyncMessage, ReplicaPanic.

        Of what the peer asks for by hash, only what is here is passed on: the core sends nothing at all if it lacks one
        of them, and two peers that wait for what a third one lost would then never talk again.
        """
        if need := need_of(payload):
            here = self._replica.present(need)
            if len(here) < len(need):
                payload = with_need(payload, [change_hash for change_hash in need if change_hash in here])
        try:
            self._replica._call(self._replica._source.receive_sync_message, self._state, Message.decode(payload))
        except ReplicaPanic:
            raise
        except Exception as error:
            raise BadSyncMessage(f"the document core cannot read it ({error})") from error

    def generate(self, *, as_empty: bool = False) -> bytes | None:
        """The next message for the peer, or None if there is nothing to say. What is generated must be sent.

        `as_empty`: say that nothing is here, not even a seed, so that the peer answers with one whole document.
        """
        source = Document() if as_empty else self._replica._source
        message = self._replica._call(source.generate_sync_message, self._state)
        return None if message is None else message.encode()
