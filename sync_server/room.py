"""A room: one open notebook at the hub, with everyone who has it open. Pure.

A Room owns the channels of the notebook's two documents, who is present with which role, and the requests that are on
their way to the daemon. It takes frames and the passing of time, and answers with effects for its shell. It promises
that one member's errors close that member's connection and touch nobody else, that a request is answered exactly once
whoever reconnects meanwhile, and that a role is never exceeded: only owners and editors write NotebookDoc, only the
daemon writes RuntimeDoc, viewers ask for nothing but who wrote what, and agents write what the notebook's policy lets
them.

RuntimeDoc may be started afresh (an *epoch*): the daemon offers a document, the shell stores it in the place of the old
one, and from then on the room's runtime channel is a new one, of which every member is told. What a member says about
the old document is ignored until it has answered that it knows of the new, so frames under way do no harm.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from notebook_doc.authors import Author
from notebook_doc.replica import ROOT, Replica
from notebook_doc.seed import genesis
from relay.errors import ErrorCode, MalformedFrame, WireError
from relay.frames import FrameType, check_frame, frame
from relay.messages import (
    CommMessage,
    ErrorInfo,
    Message,
    NewRuntimeEpoch,
    PeerInfo,
    PresenceLeft,
    PresencePeers,
    PresenceState,
    PresentPeer,
    Request,
    Response,
    Role,
    RuntimeEpoch,
    RuntimeEpochTaken,
    SessionError,
    decode,
    encode,
)
from relay.requests import FOR_EDITORS, FOR_VIEWERS, AddPackages, RemovePackages, SyncEnvironment
from sync_server.agent_guard import AgentGuard
from sync_server.attribution import THE_FILE, Arrived
from sync_server.channel import Channel
from sync_server.effects import (
    HUB,
    BeginEpoch,
    Close,
    Effect,
    PeerKey,
    Persist,
    PersistDoc,
    Refuse,
    Reload,
    ReloadDoc,
    RequestKey,
    RoomEffect,
    Send,
    SendFrame,
)
from sync_server.epochs import refused_epoch
from sync_server.requests import Requests

# Seconds between acknowledgements to peers that only read: they learn what is on disk, in no hurry.
ACKNOWLEDGE_EVERY: Final = 0.5
# Who was here lately, by connection: what somebody sent may be stored after they have left.
MAX_NAMES: Final = 1024
_CHANNELS: Final = (FrameType.NOTEBOOK_SYNC, FrameType.RUNTIME_SYNC)
_EDITORS: Final[frozenset[Role]] = frozenset(("owner", "editor"))


@dataclass(slots=True)
class _Member:
    info: PeerInfo
    role: Role
    in_epoch: bool  # what it says of RuntimeDoc is about the present one
    presence: dict[str, Any] = field(default_factory=dict)


class Room:
    """See the module. Replicas must hold exactly what is stored."""

    def __init__(self, notebook_id: str, notebook: Replica, runtime: Replica) -> None:
        self.notebook_id = notebook_id
        # Kept, because a replica that is being loaded again cannot be asked who it is.
        self.runtime_epoch, self.runtime_genesis = _identity(runtime)
        self.channels: Final = {
            FrameType.NOTEBOOK_SYNC: Channel(notebook),
            FrameType.RUNTIME_SYNC: Channel(runtime),
        }
        self._agent_guard = AgentGuard()
        self._epochs_under_way = 0  # offers that the shell has and has not settled
        self._names: OrderedDict[PeerKey, Author] = OrderedDict()
        self._members: dict[PeerKey, _Member] = {}
        self._requests = Requests(notebook_id)
        self._broadcasts: list[RoomEffect] = []  # of the daemon; they leave after the changes that came before them
        self._acknowledge_at: float | None = None
        self._now = 0.0  # the time that was handed in last

    @property
    def notebook(self) -> Channel:
        """The channel of NotebookDoc."""
        return self.channels[FrameType.NOTEBOOK_SYNC]

    @property
    def runtime(self) -> Channel:
        """The channel of RuntimeDoc."""
        return self.channels[FrameType.RUNTIME_SYNC]

    @property
    def members(self) -> list[PresentPeer]:
        """Everyone who is here."""
        return [_present(member) for member in self._members.values()]

    @property
    def empty(self) -> bool:
        """Whether nobody but daemons is here and nothing is under way: the room may leave memory."""
        people = any(member.role != "daemon" for member in self._members.values())
        return not people and not self._epochs_under_way and all(channel.idle for channel in self.channels.values())

    @property
    def has_daemon(self) -> bool:
        """Whether a daemon is here."""
        return self._daemon() is not None

    # --- members ------------------------------------------------------------------------------------------------------

    def join(self, peer: PeerKey, info: PeerInfo, role: Role, runtime_genesis: bytes | None = None) -> list[RoomEffect]:
        """A greeted peer comes in; the handshake is the shell's. One daemon at a time: the newcomer takes over.

        `runtime_genesis` is the one that its welcome named, if a new epoch may have begun since.
        """
        effects: list[RoomEffect] = []
        if role == "daemon" and (old := self._daemon()) is not None:
            effects += self._expel(old, ErrorCode.FORBIDDEN, "Another daemon has taken over this notebook.")
        in_epoch = runtime_genesis in (None, self.runtime_genesis)
        newcomer = self._members[peer] = _Member(info, role, in_epoch)
        self._names[peer] = Author(info.peer_id, info.name, info.kind)
        if len(self._names) > MAX_NAMES:
            self._names.popitem(last=False)
        guard = self._agent_guard.refusal if info.kind == "agent" else None
        self.notebook.join(peer, may_write=role in _EDITORS, guard=guard)
        self.runtime.join(peer, may_write=role == "daemon")
        effects.append(SendFrame(peer, encode(PresencePeers(peers=self.members))))
        effects += self._to_others(peer, PresencePeers(peers=[_present(newcomer)]))
        if not in_epoch:
            effects.append(SendFrame(peer, encode(self._present_epoch())))
        if role == "daemon":
            effects += self._requests.daemon_came(peer)
        return effects

    def leave(self, peer: PeerKey) -> list[RoomEffect]:
        """A connection has ended."""
        member = self._members.pop(peer, None)
        if member is None:
            return []
        for channel in self.channels.values():
            channel.leave(peer)
        if member.role == "daemon":
            self._requests.daemon_left(self._now)
        if any(other.info.peer_id == member.info.peer_id for other in self._members.values()):
            return []  # the same peer is here on a newer connection
        return self._to_others(peer, PresenceLeft(peer_id=member.info.peer_id))

    def busy(self, peer: PeerKey) -> None:
        """This member's queue is not drained."""
        for channel in self.channels.values():
            channel.busy(peer)

    def drained(self, peer: PeerKey) -> list[RoomEffect]:
        """This member's queue is empty again."""
        return self._collect((kind, channel.drained(peer)) for kind, channel in self.channels.items())

    # --- input --------------------------------------------------------------------------------------------------------

    def receive(self, peer: PeerKey, whole_frame: bytes, now: float) -> list[RoomEffect]:
        """A frame arrived from a member."""
        self._now = now
        member = self._members.get(peer)
        if member is None:
            return []
        try:
            kind = check_frame(whole_frame)
            if kind == FrameType.RUNTIME_SYNC and not member.in_epoch:
                return []
            if kind in _CHANNELS:
                effects = self.channels[FrameType(kind)].receive(peer, whole_frame[1:])
                return self._collect([(FrameType(kind), effects)])
            return self._message(peer, member, decode(whole_frame))
        except WireError as error:
            return self._expel(peer, error.code, error.message, error.hint)

    def end_of_turn(self, now: float) -> list[RoomEffect]:
        """Everything that arrived in this turn of the event loop has been received."""
        self._now = now
        effects = self._collect((kind, channel.end_of_turn()) for kind, channel in self.channels.items())
        broadcasts, self._broadcasts = self._broadcasts, []
        return effects + broadcasts + self._tick()

    @property
    def has_work(self) -> bool:
        """Whether `work` would do something."""
        return any(channel.has_work for channel in self.channels.values())

    def work(self, now: float) -> list[RoomEffect]:
        """Take what arrived into the replicas and send it to the disk; call it once what was forwarded has left."""
        self._now = now
        return self._collect((kind, channel.work()) for kind, channel in self.channels.items())

    def committed(self, doc: FrameType, now: float) -> list[RoomEffect]:
        """A document's batch is on disk."""
        self._now = now
        if self._acknowledge_at is None:
            self._acknowledge_at = now + ACKNOWLEDGE_EVERY
        return self._collect([(doc, self.channels[doc].committed())])

    def reloaded(self, doc: FrameType, replica: Replica) -> list[RoomEffect]:
        """A document was loaded anew after ReloadDoc."""
        return self._collect([(doc, self.channels[doc].reloaded(replica))])

    def tick(self, now: float) -> list[RoomEffect]:
        """Time has passed, at least until `due`."""
        self._now = now
        return self._tick()

    @property
    def due(self) -> float | None:
        """When `tick` is wanted next; None while nothing waits for time to pass."""
        return min((at for at in (self._requests.due, self._acknowledge_at) if at is not None), default=None)

    def broadcast(self, message: Message) -> list[RoomEffect]:
        """Send a message of the hub to everyone."""
        data = encode(message)
        return [SendFrame(peer, data) for peer in self._members]

    # --- a fresh start of RuntimeDoc ----------------------------------------------------------------------------------

    def epoch_begun(self, replica: Replica, now: float) -> list[RoomEffect]:
        """This document is in RuntimeDoc's place on disk: from here on it is the one that is synced."""
        self._now = now
        self._epochs_under_way -= 1
        self.runtime_epoch, self.runtime_genesis = _identity(replica)
        self.channels[FrameType.RUNTIME_SYNC] = self.runtime.succeeded_by(replica)
        for member in self._members.values():
            member.in_epoch = False
        return self.broadcast(self._present_epoch())

    def wants_epoch(self, peer: PeerKey, offer: NewRuntimeEpoch) -> bool:
        """Whether an offer still counts: the daemon that made it is here, and nothing later has come since."""
        return peer in self._members and offer.epoch > self.runtime_epoch

    def epoch_dropped(self, peer: PeerKey, error: WireError | None = None) -> list[RoomEffect]:
        """An offer was not taken: it no longer counts, or its daemon has broken a rule."""
        self._epochs_under_way -= 1
        if error is None or peer not in self._members:
            return []
        return self._expel(peer, error.code, error.message, error.hint)

    def _offered(self, peer: PeerKey, offer: NewRuntimeEpoch) -> list[RoomEffect]:
        if (offer.epoch, offer.genesis) == (self.runtime_epoch, self.runtime_genesis):
            return [SendFrame(peer, encode(self._present_epoch()))]  # it was stored, and the daemon was not told
        if offer.epoch <= self.runtime_epoch:
            raise refused_epoch(self.notebook_id, offer, self.runtime_epoch)
        self._epochs_under_way += 1
        return [BeginEpoch(peer, offer)]

    def _present_epoch(self) -> RuntimeEpoch:
        return RuntimeEpoch(epoch=self.runtime_epoch, genesis=self.runtime_genesis)

    # --- requests -----------------------------------------------------------------------------------------------------

    def answer(self, key: RequestKey, response: Response) -> list[RoomEffect]:
        """The answer to a request: keep it, and send it to whoever waits for it."""
        return self._tell_asker(self._requests.answer(key, response))

    def _request(self, peer: PeerKey, member: _Member, request: Request) -> list[RoomEffect]:
        if member.role == "viewer" and not isinstance(request.body, FOR_VIEWERS):
            return [_forbidden(peer, request, "Viewers may only read.")]
        if isinstance(request.body, FOR_EDITORS) and member.role not in _EDITORS:
            return [_forbidden(peer, request, "Only owners and editors may decide what is installed.")]
        return self._requests.ask(peer, member.info, request, self._daemon(), self._now)

    def _tell_asker(self, answer: tuple[PeerKey, bytes] | None) -> list[RoomEffect]:
        return [SendFrame(*answer)] if answer is not None and answer[0] in self._members else []

    def _no_packages_for(self, member: _Member) -> bool:
        return member.info.kind == "agent" and self._agent_guard.keeps_packages(self.notebook.replica)

    def _message(self, peer: PeerKey, member: _Member, message: Message | None) -> list[RoomEffect]:
        match message:
            case Request(body=AddPackages() | RemovePackages() | SyncEnvironment()) if self._no_packages_for(member):
                error = ErrorInfo(
                    code=ErrorCode.AGENTS_MAY_NOT,
                    message="In this notebook agents may not change what is installed unasked.",
                    hint="Propose the packages instead: somebody accepts or rejects them.",
                )
                return [SendFrame(peer, encode(Response(id=message.id, error=error)))]
            case Request():
                return self._request(peer, member, message)
            case Response() if member.role == "daemon":
                return self._tell_asker(self._requests.answer_of_daemon(message))
            case CommMessage() if member.role == "daemon":
                self._broadcasts += self._to_others(peer, message)
                return []
            case PresenceState():
                member.presence = message.state
                return self._to_others(peer, PresencePeers(peers=[_present(member)]))
            case NewRuntimeEpoch() if member.role == "daemon":
                return self._offered(peer, message)
            case RuntimeEpochTaken():
                member.in_epoch = member.in_epoch or message.epoch == self.runtime_epoch
                return []
            case SessionError() | None:
                return []  # a complaint, or a frame of a later protocol
            case _:
                raise MalformedFrame(f"a {type(message).__name__} is not for a peer to send here.")

    # --- time ---------------------------------------------------------------------------------------------------------

    def _tick(self) -> list[RoomEffect]:
        effects: list[RoomEffect] = []
        if self._acknowledge_at is not None and self._acknowledge_at <= self._now:
            self._acknowledge_at = None
            effects += self._collect((kind, channel.acknowledge_all()) for kind, channel in self.channels.items())
        for answer in self._requests.expire(self._now):
            effects += self._tell_asker(answer)
        return effects

    # --- helpers ------------------------------------------------------------------------------------------------------

    def _collect(self, per_channel: Iterable[tuple[FrameType, list[Effect]]]) -> list[RoomEffect]:
        effects: list[RoomEffect] = []
        for kind, channel_effects in per_channel:
            for effect in channel_effects:
                match effect:
                    case Send(peer, payload):
                        effects.append(SendFrame(peer, frame(kind, payload)))
                    case Persist(chunks, brought):
                        arrived = self._arrived(brought) if kind == FrameType.NOTEBOOK_SYNC else ()
                        effects.append(PersistDoc(kind, chunks, arrived))
                    case Refuse(peer, code, message, hint):
                        effects += self._expel(peer, code, message, hint)
                    case Reload():
                        effects.append(ReloadDoc(kind))
        return effects

    def _arrived(self, brought: Iterable[tuple[bytes, int, PeerKey, bool]]) -> tuple[Arrived, ...]:
        return tuple(
            Arrived(actor, seq, THE_FILE if sender == HUB else self._names.get(sender), late)
            for actor, seq, sender, late in brought
        )

    def _expel(self, peer: PeerKey, code: str, message: str, hint: str = "") -> list[RoomEffect]:
        effects = self.leave(peer)
        return [Close(peer, SessionError(code=code, message=message, hint=hint)), *effects]

    def _to_others(self, peer: PeerKey, message: Message) -> list[RoomEffect]:
        data = encode(message)
        return [SendFrame(other, data) for other in self._members if other != peer]

    def _daemon(self) -> PeerKey | None:
        return next((peer for peer, member in self._members.items() if member.role == "daemon"), None)


def _identity(runtime: Replica) -> tuple[int, bytes]:
    """The epoch and the genesis of a RuntimeDoc."""
    epoch, identity = runtime.scalar(ROOT, "epoch"), genesis(runtime)
    assert isinstance(epoch, int), "a number since the seed"
    assert identity is not None, "every stored document was born"
    return epoch, identity


def _forbidden(peer: PeerKey, request: Request, why: str) -> SendFrame:
    error = ErrorInfo(code=ErrorCode.FORBIDDEN, message=why, hint="Ask for another role.")
    return SendFrame(peer, encode(Response(id=request.id, error=error)))


def _present(member: _Member) -> PresentPeer:
    return PresentPeer(peer=member.info, role=member.role, state=member.presence)
