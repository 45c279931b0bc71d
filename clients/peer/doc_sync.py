"""One document of a peer and the hub's copy of it: what to send, when, and what is on the hub's disk. Pure.

A DocSync owns the sync session of the current connection and the list of this peer's own changes that the hub has not
acknowledged. It promises that local edits are sent at the next `pump`, that a message is made only when it is about to
be sent, that what merely acknowledges waits up to ACK_DELAY so that many edits share one answer, and that nothing is
sent between two copies that agree. Losing the connection loses nothing: the next one begins a new session from the
heads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from clients.peer.errors import StartAgain
from notebook_doc.replica import Heads, Replica, SyncSession
from notebook_doc.seed import holds_only_seed
from notebook_doc.sync_message import Have, SyncMessage, decode, encode, read_change

# Seconds that an answer which only acknowledges may wait. Longer saves the hub messages (each reader answers every edit
# otherwise); shorter tells the hub sooner what need not be sent again should the link break.
ACK_DELAY: Final = 0.25


class DocSync:
    """Keeps `replica` and the hub's replica in agreement."""

    def __init__(self, replica: Replica, *, may_write: bool = True, unsaved: Iterable[bytes] = ()) -> None:
        self.replica = replica
        self.may_write = may_write
        self.hub_heads: Heads | None = None  # what the hub says is on its disk
        self._session: SyncSession | None = None
        self._empty = False  # nothing has been received yet into a replica that holds only its seed
        self._joined = False  # both sides have been seen to agree on this connection
        self._unexamined = True  # whether this replica has more than the hub is not known yet on this connection
        self._owes_at: float | None = None  # when an answer to the hub is due at the latest
        self._pumped: Heads = replica.heads()  # up to here local changes were looked at
        self._has_news = False  # there are local changes that no message was made for
        # Own changes that the hub has not acknowledged: hash -> chunk.
        self._unsaved = {read_change(chunk).hash: chunk for chunk in unsaved}

    # --- the link -----------------------------------------------------------------------------------------------------

    def connected(self) -> None:
        """A new connection is open: begin a new session, with a message due at once."""
        self._session = self.replica.sync_session()
        self._empty = holds_only_seed(self.replica)
        self._joined = False
        self._unexamined = True
        self._owes_at = 0.0

    def disconnected(self) -> None:
        """The connection is gone. Edits go on; they are sent by the next one."""
        self._session = None
        self._owes_at = None

    def receive(self, payload: bytes, now: float) -> None:
        """A sync message of the hub. Raises BadSyncMessage, ReplicaPanic, and StartAgain for a read-only replica that
        has more than the hub: what a hub forwarded and lost in a crash comes back from its author, not from readers.
        """
        self.receive_all((payload,), now)

    def receive_all(self, payloads: Sequence[bytes], now: float) -> None:
        """Sync messages that arrived together, in order. Raises as `receive` does.

        Their changes are applied in one call, whose cost grows with the length of the text and hardly with the number
        of changes.
        """
        if self._session is None or not payloads:
            return
        if self._unexamined and len(payloads) > 1:  # a later one may bring what the hub only forwards so far
            for payload in payloads:
                self.receive(payload, now)
            return
        self._notice_local_changes()
        messages = [decode(payload) for payload in payloads]
        if len(messages) > 1 and all(message.has_plain_changes for message in messages):
            self.replica.apply([chunk for message in messages for chunk in message.chunks])
            payloads = [message.without_changes() for message in messages]
        for payload, message in zip(payloads, messages, strict=True):
            self._session.receive(self._without_whole(payload, message))
        self._pumped = self.replica.heads()
        self.hub_heads = messages[-1].heads
        self._forget_saved()
        has_hubs = self.replica.contains(self.hub_heads)
        if has_hubs and self._unexamined:
            self._unexamined = False
            if not self.may_write and self.replica.changes_since(self.hub_heads):
                raise StartAgain("This read-only replica has changes that the hub lost; it is fetched anew.")
        complete = has_hubs and not any(message.need for message in messages)
        self._joined = self._joined or complete
        due = now + ACK_DELAY if self._joined and complete else now
        self._owes_at = due if self._owes_at is None else min(self._owes_at, due)

    def pump(self, now: float) -> bytes | None:
        """The message to send now, if there is one. What is returned must be sent."""
        self._notice_local_changes()
        answer_is_due = self._owes_at is not None and self._owes_at <= now
        if self._session is None or not (self._has_news or answer_is_due):
            return None
        self._has_news, self._owes_at = False, None
        return self._session.generate(as_empty=self._empty)

    @property
    def due(self) -> float | None:
        """When `pump` should be called again without anything else happening; None for never."""
        return self._owes_at

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection on which this document is synced."""
        return self._session is not None

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

    def has_saved(self, heads: Heads) -> bool:
        """Whether the changes of this peer that these heads name, and so all before them, are on the hub's disk."""
        self._notice_local_changes()
        return self._unsaved.keys().isdisjoint(heads)

    def unsaved_changes(self) -> list[bytes]:
        """The chunks of this peer's changes, up to the last pump, that the hub has not acknowledged; oldest first."""
        return list(self._unsaved.values())

    def _without_whole(self, payload: bytes, message: SyncMessage) -> bytes:
        """What is left of the hub's first message to an empty replica once the document in it was loaded.

        The core sends a whole document to whoever does not say what it has; the hub has what it has just sent.
        """
        whole = message.whole_document if self._empty else None
        self._empty = False
        if whole is None:
            return payload
        self.replica.take_whole(whole)
        self.replica.apply(self.unsaved_changes())  # those that waited for what they build on are not in it
        return encode(message.heads, message.need, (Have(message.heads, b""),), (), message.tail)

    def _notice_local_changes(self) -> None:
        heads = self.replica.heads()
        if heads != self._pumped:
            self._unsaved.update(self.replica.hashed_changes_since(self._pumped))
            self._pumped = heads
            self._has_news = True

    def _forget_saved(self) -> None:
        if self._unsaved and self.hub_heads is not None:
            if self.hub_heads == self._pumped:  # it has what is here: that need not be asked of the core
                self._unsaved = {}
                return
            missing = {change_hash for change_hash, _ in self.replica.hashed_changes_since(self.hub_heads)}
            self._unsaved = {
                change_hash: chunk for change_hash, chunk in self._unsaved.items() if change_hash in missing
            }
