"""One document of a room: what each peer has, what is forwarded, what is stored, what is acknowledged. Pure.

A Channel owns the hub's replica of one document and a link for each peer. It takes what peers send, the end of each
event-loop turn, and the news that a batch is on disk, and answers with effects for its shell to carry out. It promises:

1. What one peer sent in a turn reaches every peer that is up to date in one message at the end of that turn, without
   waiting for the replica or the disk. What cannot be forwarded that way is forwarded once the replica has it.
2. The replica takes changes in batches, at most one batch being on its way to the disk. Between batches its heads are
   exactly the durable heads; only then is the ordinary sync protocol spoken, to peers that join, fell behind or need
   something.
3. `heads` in what the hub sends are durable heads, always. So a peer finds a change of its own there only after it is
   on disk.
4. A message is made only when it is handed over to be sent. A peer whose queue is busy gets none and catches up later.
5. When a peer has what the hub has and knows it, nothing is sent.
6. Changes that the replica cannot take are never stored; whoever sent them is refused.

Why forwarding needs no replica: a change names its dependencies and its hash follows from its bytes, so the heads after
it are computed ("projected") from the message alone. `have` of a forwarded message is those projected heads, by which
the receiver knows that the hub wants none of these changes back, although its `heads` do not contain them yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from notebook_doc.errors import BadSyncMessage, NotebookDocError, ReplicaPanic
from notebook_doc.replica import Heads, Replica, SyncSession
from notebook_doc.sync_message import ChangeChunk, Have, SyncMessage, changes_in, decode, encode, read_change
from sync_server.arrivals import Arrival, brought_by, changes_of, chunks_of, forwarded_of
from sync_server.effects import HUB, Effect, PeerKey, Persist, Refuse, Reload, Send
from sync_server.projection import Projection

# Changes of one peer that wait for dependencies nobody has sent. A peer in good order has none, or a few while it is
# joining.
MAX_ORPHANS: Final = 4096
# Changes applied and stored in one batch; bounds how long one batch holds the loop (about 50 us a change).
MAX_BATCH: Final = 400

# Asked before changes are taken: the replica, what is under way into it, the new changes (None: a whole document).
Guard = Callable[[Replica, Iterable[bytes], Sequence[ChangeChunk] | None], NotebookDocError | None]


@dataclass(slots=True)
class _Link:
    """What the hub knows of one peer's copy."""

    may_write: bool
    session: SyncSession
    guard: Guard | None = None
    untried: bool = True  # nothing was said in this session
    said: SyncMessage | None = None  # the latest header, not yet told to the session
    live: bool = False  # gets what is forwarded
    settled: bool = False  # on this connection the hub has had all that the peer has
    behind: bool = False  # is owed a message of the sync protocol
    busy: bool = False  # its queue is not drained
    told: Heads | None = None  # durable heads it was told last
    orphans: int = 0
    authored: bool = field(default=False)  # has changes that were not acknowledged yet

    def renew(self, replica: Replica) -> None:
        """Nothing is taken for granted any more: sync from the beginning."""
        self.session, self.untried, self.live = replica.sync_session(), True, False


class Channel:
    """See the module. `replica` must hold exactly what is stored."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self._links: dict[PeerKey, _Link] = {}
        self._durable: Heads = replica.heads()
        self._projection = Projection(replica)
        self._inbox: list[Arrival] = []
        self._opening: tuple[bytes, bytes] | None = None  # what a newcomer said last, and what it was answered
        self._outgoing: list[tuple[PeerKey, bytes]] = []  # to be forwarded at the end of this turn
        self._batch: list[bytes] | None = None  # on its way to the disk
        self.batches_begun = 0  # sent to the disk, and of these stored: who waits for a change waits for its batch
        self.batches_stored = 0
        self._suspects: bool = False  # the replica was lost: take what waits one author at a time
        self._reloading = False

    # --- peers --------------------------------------------------------------------------------------------------------

    def join(self, peer: PeerKey, *, may_write: bool, guard: Guard | None = None) -> None:
        """A peer is connected. It speaks first. `guard` is asked before any of its changes is taken."""
        self._links[peer] = _Link(may_write, self.replica.sync_session(), guard)

    def leave(self, peer: PeerKey) -> None:
        """A peer is gone. What it sent stays."""
        self._links.pop(peer, None)

    def busy(self, peer: PeerKey) -> None:
        """A peer's queue is not drained: skip it until `drained`."""
        if (link := self._links.get(peer)) is not None:
            link.busy = True

    def drained(self, peer: PeerKey) -> list[Effect]:
        """A peer's queue is empty again."""
        link = self._links.get(peer)
        if link is None or not link.busy:
            return []
        link.busy = False
        # It was passed over when the others were told.
        return [*self._forward(), *self._converse(), *self._acknowledge([peer])]

    def succeeded_by(self, replica: Replica) -> Channel:
        """A channel with the same peers for the document that takes this one's place: everyone is synced anew.

        This one is done with: what it still had to store is nobody's business any more, and counts as stored.
        """
        self.batches_stored = self.batches_begun
        successor = Channel(replica)
        for peer, link in self._links.items():
            successor.join(peer, may_write=link.may_write)
            if link.busy:
                successor.busy(peer)
        return successor

    # --- what is known ------------------------------------------------------------------------------------------------

    @property
    def durable_heads(self) -> Heads:
        """The heads that are on disk."""
        return self._durable

    @property
    def idle(self) -> bool:
        """Whether everything that arrived is on disk."""
        return not self._inbox and self._batch is None and not self._outgoing

    @property
    def unstored_bytes(self) -> int:
        """How much has arrived and is not on disk."""
        return sum(map(len, self._batch or ())) + sum(map(len, chunks_of(self._inbox)))

    def is_quiet(self, peer: PeerKey) -> bool:
        """Whether this peer is up to date and has been told so."""
        link = self._links[peer]
        return link.live and not link.behind and link.told == self._durable

    # --- input --------------------------------------------------------------------------------------------------------

    def receive(self, peer: PeerKey, payload: bytes) -> list[Effect]:
        """A sync message arrived. Its changes are forwarded at the end of the turn."""
        link = self._links.get(peer)
        if link is None:
            return []
        try:
            message = decode(payload)
            changes = changes_in(message.chunks)
        except BadSyncMessage as error:
            return [self._refuse(peer, "bad_sync", f"A sync message from you was refused: {error.message}.")]
        if message.chunks:
            if not link.may_write and self._brings_news(changes):
                return [
                    self._refuse(
                        peer,
                        "read_only",
                        "You sent changes to a document that you may only read; none was taken.",
                        "Reconnect with a fresh replica of it, and do not write to that one.",
                    )
                ]
            if link.guard is not None and (why := self._against(link.guard, changes)) is not None:
                return [self._refuse(peer, why.code, why.message, why.hint)]
            link.authored = True
            if link.may_write:
                self._take(peer, link, message.chunks, changes)
            if link.orphans > MAX_ORPHANS:
                return [
                    self._refuse(peer, "bad_sync", f"More than {MAX_ORPHANS} of your changes lack what they build on.")
                ]
        link.said = message
        if _starts_over(message) and link.live:
            link.renew(self.replica)  # the old session would not send anything twice
        known = self._projection.has_all(message.heads)
        link.settled = link.settled or known
        if not link.live or message.need or not known:
            link.behind = True
        return []

    def offer(self, chunks: Sequence[bytes]) -> None:
        """Changes the hub itself made, on a fork of the replica (an edit of the file from outside): like a peer's."""
        link = _Link(True, self.replica.sync_session())
        self._take(HUB, link, tuple(chunks), changes_in(chunks))

    def end_of_turn(self) -> list[Effect]:
        """Everything that arrived in this turn has been received."""
        return [*self._forward(), *self._converse()]

    @property
    def has_work(self) -> bool:
        """Whether `work` would do something."""
        return bool(self._inbox) and self._batch is None and not self._reloading

    def committed(self) -> list[Effect]:
        """The batch is on disk."""
        assert self._batch is not None, "a batch was on its way"
        self._batch = None
        self.batches_stored += 1
        self._opening = None
        self._durable = self.replica.heads()
        return [*self._forward(), *self._converse(), *self._acknowledge(self._authors())]

    def acknowledge_all(self) -> list[Effect]:
        """Tell every peer that does not know yet what is on disk. Called now and then: readers are in no hurry."""
        return [*self._forward(), *self._acknowledge(self._links)]

    def reloaded(self, replica: Replica) -> list[Effect]:
        """A replica with exactly what is stored, after `Reload`. Every peer has to be synced anew."""
        self.replica = replica
        self._reloading = False
        self._durable = replica.heads()
        self._projection.replica = replica
        self._projection.forget()
        self._opening = None
        self._reproject()
        for link in self._links.values():
            link.renew(replica)
            link.behind = link.said is not None
        return self._converse()

    # --- forwarding ---------------------------------------------------------------------------------------------------

    def _take(self, peer: PeerKey, link: _Link, chunks: tuple[bytes, ...], changes: list[ChangeChunk] | None) -> None:
        brought = peer != HUB and not link.settled
        if changes is None:
            self._inbox.append(Arrival(peer, chunks, None, False, brought))
            return
        for change in changes:
            standing = self._projection.standing(change)
            if standing == "known":
                continue
            if standing == "next":
                self._projection.advance(change)
                self._outgoing.append((peer, change.data))
            else:
                link.orphans += 1
            self._inbox.append(Arrival(peer, (change.data,), [change], standing == "next", brought))

    def _brings_news(self, changes: list[ChangeChunk] | None) -> bool:
        """Whether there is anything here that the hub does not know. A reader may well send back what it was sent."""
        waiting = {change.hash for change in changes_of(self._inbox)}
        return changes is None or any(
            c.hash not in waiting and self._projection.standing(c) != "known" for c in changes
        )

    def _against(self, guard: Guard, changes: list[ChangeChunk] | None) -> NotebookDocError | None:
        """What a peer's guard has against the changes among these that are new here."""
        if self._reloading:
            return NotebookDocError("the hub is loading this notebook anew.", "Connect again.")
        if changes is not None:
            changes = [change for change in changes if self._projection.standing(change) != "known"]
        return guard(self.replica, chunks_of(self._inbox), changes)

    def _forward(self) -> list[Effect]:
        if not self._outgoing:
            return []
        outgoing, self._outgoing = self._outgoing, []
        authors = {author for author, _ in outgoing}
        for_all = self._message([data for _, data in outgoing])
        effects: list[Effect] = []
        for peer, link in self._links.items():
            if not link.live:
                continue
            if link.busy:
                link.live, link.behind = False, True
                continue
            if peer not in authors:
                payload = for_all
            else:
                others = [data for author, data in outgoing if author != peer]
                if not others:
                    continue
                payload = self._message(others)
            link.told = self._durable
            effects.append(Send(peer, payload))
        return effects

    def _message(self, changes: Sequence[bytes]) -> bytes:
        return encode(self._durable, (), (Have(self._projection.heads, b""),), changes)

    # --- the sync protocol, between batches ---------------------------------------------------------------------------

    def _converse(self) -> list[Effect]:
        """Speak the sync protocol with every peer that is owed a message, if the replica is at the durable heads."""
        if self._batch is not None or self._reloading:
            return []
        effects: list[Effect] = []
        for peer, link in list(self._links.items()):
            if not link.behind or link.busy or link.said is None:
                continue
            try:
                payload = self._answer(link, link.said.without_changes())
            except (BadSyncMessage, ReplicaPanic) as error:
                effects.append(self._refuse(peer, "bad_sync", f"A sync message from you was refused: {error.message}."))
                continue
            link.behind = False
            if payload is not None:
                link.told = self._durable
                effects.append(Send(peer, payload))
            if not link.live:
                link.live = True
                underway = list(chunks_of(forwarded_of(self._inbox)))
                if underway:
                    effects.append(Send(peer, self._message(underway)))
        return effects

    def _answer(self, link: _Link, said: bytes) -> bytes | None:
        """What the sync protocol has to say to a peer that said this.

        Whoever opens the notebook says the same, having nothing yet, and is told the same: the whole notebook, which
        takes tens of milliseconds to write. So the last such answer is kept until something is stored. A session that
        was spared its first exchange is as good as a new one.
        """
        if link.untried and self._opening is not None and self._opening[0] == said:
            return self._opening[1]
        link.session.receive(said)
        payload = link.session.generate()
        if link.untried and payload is not None:
            self._opening = said, payload
        link.untried = False
        return payload

    def _authors(self) -> list[PeerKey]:
        return [peer for peer, link in self._links.items() if link.authored]

    def _acknowledge(self, peers: Iterable[PeerKey]) -> list[Effect]:
        """Call it with nothing left to forward: to a peer that finds in `have` what it was not sent, one of the two has
        lost something, and it asks to start over.
        """
        assert not self._outgoing, "what an acknowledgement claims to have been sent was sent"
        effects: list[Effect] = []
        waiting = {arrival.author for arrival in self._inbox}
        for peer in peers:
            link = self._links.get(peer)
            if link is None or not link.live or link.busy or link.told == self._durable:
                continue
            link.told, link.authored = self._durable, peer in waiting
            effects.append(Send(peer, self._message(())))
        return effects

    # --- the replica and the disk -------------------------------------------------------------------------------------

    def work(self) -> list[Effect]:
        """Take what arrived into the replica and send it on its way to the disk: what can wait until the forwarded
        messages have left. Takes as long as the core needs to apply a batch.
        """
        if not self.has_work:
            return []
        arrivals, self._inbox = self._next_arrivals()
        try:
            self.replica.apply(list(chunks_of(arrivals)))
            fresh = self.replica.hashed_changes_since(self._durable)
            refusals: list[Effect] = []
            if not self._all_taken(arrivals, fresh):
                refusals = self._take_what_was_left_out(arrivals)
                fresh = self.replica.hashed_changes_since(self._durable)
        except (BadSyncMessage, ReplicaPanic) as error:
            return self._lost(arrivals, error)
        self._hand_on(arrivals, fresh)
        if not self._inbox:
            self._suspects = False
            self._reproject()
        if not fresh:
            return [*refusals, *self._forward(), *self._converse()]
        self._batch = [chunk for _, chunk in fresh]
        self.batches_begun += 1
        return [*refusals, *self._forward(), Persist(self._batch, brought_by(arrivals, fresh))]

    def _next_arrivals(self) -> tuple[list[Arrival], list[Arrival]]:
        if not self._suspects:
            return self._inbox[:MAX_BATCH], self._inbox[MAX_BATCH:]
        return self._inbox[:1], self._inbox[1:]

    def _hand_on(self, arrivals: Iterable[Arrival], fresh: Iterable[tuple[bytes, bytes]]) -> None:
        """Forward what the replica has now and nobody was sent: snapshots, orphans whose dependencies came."""
        forwarded = {change.hash for change in changes_of(forwarded_of(arrivals))}
        authors = {c.hash: arrival.author for arrival in arrivals for c in arrival.changes or ()}
        for change_hash, chunk in fresh:
            if change_hash not in forwarded and not self._projection.has_seen(change_hash):
                author = authors.get(change_hash, HUB)
                if change_hash in authors and (link := self._links.get(author)) is not None and link.orphans:
                    link.orphans -= 1
                self._projection.advance(read_change(chunk))
                self._outgoing.append((author, chunk))
            self._projection.remember(change_hash)

    def _reproject(self) -> None:
        """Project anew from what the replica has and what is on its way."""
        under_way = changes_of(forwarded_of(self._inbox))
        self._projection.start_from(self.replica.heads(), under_way)

    def _lost(self, arrivals: list[Arrival], error: Exception) -> list[Effect]:
        """The replica failed on this batch: load it again and take what waits one by one, until it is clear whose
        change it was. What that author sent before it stays; the others have it already.
        """
        self._reloading, self._projection.replica = True, None
        self._inbox = arrivals + self._inbox
        refusals: list[Effect] = []
        if len(arrivals) == 1:
            author = arrivals[0].author
            self._inbox = [arrival for arrival in self._inbox if arrival.author != author]
            message = f"A change from you cannot be applied and was not kept, nor what you sent after it: {error}"
            refusals.append(self._refuse(author, "bad_sync", message, "Reconnect with a fresh replica."))
        for arrival in self._inbox:
            arrival.forwarded = False  # from here on nobody is sent what the replica has not taken
        self._suspects = bool(self._inbox)
        return [Reload(), *refusals]

    def _all_taken(self, arrivals: Iterable[Arrival], fresh: Iterable[tuple[bytes, bytes]]) -> bool:
        taken = {change_hash for change_hash, _ in fresh}
        return all(change.hash in taken for change in changes_of(forwarded_of(arrivals)))

    def _take_what_was_left_out(self, arrivals: Sequence[Arrival]) -> list[Effect]:
        """The core leaves out a change that it cannot decode and all that follow it in one call, and says nothing: give
        it the changes of such a batch one by one, and refuse whoever sent those that still are not there.
        """
        forwarded = [(a.author, change) for a in forwarded_of(arrivals) for change in a.changes or ()]
        for chunk in chunks_of(arrivals):
            self.replica.apply([chunk])
        here = self.replica.present([name for _, change in forwarded for name in (change.hash, *change.deps)])
        # One that lacks what it builds on waits; its author may be somebody else than who lost that for it.
        authors = {author for author, change in forwarded if change.hash not in here and here.issuperset(change.deps)}
        if authors:
            self._projection.forget()
            self._reproject()
        message = "Changes from you cannot be read by the document core and were not kept."
        hint = "Reconnect with a fresh replica."
        return [self._refuse(author, "bad_sync", message, hint) for author in sorted(authors)]

    def _refuse(self, peer: PeerKey, code: str, message: str, hint: str = "") -> Refuse:
        self.leave(peer)
        return Refuse(peer, code, message, hint)


def _starts_over(message: SyncMessage) -> bool:
    """Whether a peer asks for everything since the beginning, because it does not know what the hub thought it has."""
    return any(not have.last_sync and not have.bloom for have in message.have)
