"""One document of a peer and the hub's copy of it: what to send, when, and what is on the hub's disk. Pure.

A DocSync owns the sync session of the current connection and the list of this peer's own changes that the hub has not
acknowledged. It promises that local edits are sent at the next `pump`, that a message is made only when it is about to
be sent, that what merely acknowledges waits up to ACK_DELAY so that many edits share one answer, and that nothing is
sent between two copies that agree. Losing the connection loses nothing: the next one begins a new session from the
heads.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from clients.peer.errors import StartAgain
from notebook_doc.replica import Heads, Replica, SyncSession
from notebook_doc.sync_message import decode, read_change

# Seconds that an answer which only acknowledges may wait. Longer saves the hub messages (each reader answers every edit
# otherwise); shorter tells the hub sooner what need not be sent again should the link break.
ACK_DELAY: Final = 0.05


class DocSync:
    """Keeps `replica` and the hub's replica in agreement."""

    def __init__(self, replica: Replica, *, may_write: bool = True, unsaved: Iterable[bytes] = ()) -> None:
        self.replica = replica
        self.may_write = may_write
        self.hub_heads: Heads | None = None  # what the hub says is on its disk
        self._session: SyncSession | None = None
        self._joined = False  # both sides have been seen to agree on this connection
        self._fresh = True  # the hub has not said anything on this connection yet
        self._owes_at: float | None = None  # when an answer to the hub is due at the latest
        self._noticed: Heads = replica.heads()  # up to here local changes were looked at
        self._edited = False  # some of them were not yet sent
        # Own changes that the hub has not acknowledged: hash -> chunk.
        self._unsaved = {read_change(chunk).hash: chunk for chunk in unsaved}

    # --- the link -----------------------------------------------------------------------------------------------------

    def connected(self) -> None:
        """A new connection is open: begin a new session, with a message due at once."""
        self._session = self.replica.sync_session()
        self._joined = False
        self._fresh = True
        self._owes_at = 0.0

    def disconnected(self) -> None:
        """The connection is gone. Edits go on; they are sent by the next one."""
        self._session = None
        self._owes_at = None

    def receive(self, payload: bytes, now: float) -> None:
        """A sync message of the hub. Raises BadSyncMessage, ReplicaPanic, and StartAgain for a read-only replica that
        has more than the hub: what a hub forwarded and lost in a crash comes back from its author, not from readers.
        """
        if self._session is None:
            return
        self._notice_local_changes()
        message = decode(payload)
        self._session.receive(payload)
        self._noticed = self.replica.heads()
        self.hub_heads = message.heads
        self._forget_saved()
        if not self.may_write and self._fresh and self.replica.changes_since(message.heads):
            raise StartAgain("This read-only replica has changes that the hub lost; it is fetched anew.")
        self._fresh = False
        complete = not message.need and self.replica.contains(message.heads)
        self._joined = self._joined or complete
        due = now + ACK_DELAY if self._joined and complete else now
        self._owes_at = due if self._owes_at is None else min(self._owes_at, due)

    def pump(self, now: float) -> bytes | None:
        """The message to send now, if there is one. What is returned must be sent."""
        self._notice_local_changes()
        if self._session is None or not (self._edited or (self._owes_at is not None and self._owes_at <= now)):
            return None
        self._owes_at, self._edited = None, False
        return self._session.generate()

    @property
    def due(self) -> float | None:
        """When `pump` should be called again without anything else happening; None for never."""
        return self._owes_at

    # --- what is safe -------------------------------------------------------------------------------------------------

    @property
    def joined(self) -> bool:
        """Whether, on this connection, this peer has had everything the hub has."""
        return self._joined

    @property
    def saved(self) -> bool:
        """Whether every change this peer made is on the hub's disk."""
        self._notice_local_changes()
        return not self._unsaved

    def unsaved_changes(self) -> list[bytes]:
        """The chunks of this peer's changes, up to the last pump, that the hub has not acknowledged; oldest first."""
        return list(self._unsaved.values())

    def _notice_local_changes(self) -> None:
        heads = self.replica.heads()
        if heads != self._noticed:
            self._unsaved.update(self.replica.hashed_changes_since(self._noticed))
            self._noticed, self._edited = heads, True

    def _forget_saved(self) -> None:
        if self._unsaved and self.hub_heads is not None:
            missing = {change_hash for change_hash, _ in self.replica.hashed_changes_since(self.hub_heads)}
            self._unsaved = {
                change_hash: chunk for change_hash, chunk in self._unsaved.items() if change_hash in missing
            }
