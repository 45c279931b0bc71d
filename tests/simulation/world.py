"""A hub, its disk, peers and the links between them, in one thread, without sockets, clocks or sleeps.

The cores are the real ones (Room, PeerSession); what is simulated is what lies between and below them: links that
deliver whole frames in order but late and can be cut, losing what is under way; a disk that commits late and keeps only
what was committed when the hub crashes; a replica that takes its time to load again after its core failed. Everything
that could happen in any order happens in the order a seeded random generator chooses.

A seed makes the same events happen in the same order, but not byte for byte the same bytes: the binding's own hash maps
are randomly seeded, so it may list the changes of one message in another order from run to run. A failure that needs
that too shows itself in some of the runs of its seed only; run the seed a few times.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random

from clients.peer.errors import StartAgain
from clients.peer.session import PeerSession
from notebook_doc.errors import BadSyncMessage, ReplicaPanic
from notebook_doc.notebook import NotebookDoc, notebook_seed
from notebook_doc.replica import Replica
from notebook_doc.runtime import RuntimeDoc
from notebook_doc.seed import genesis
from relay.errors import Refused, WireError
from relay.frames import FrameType
from relay.messages import Message, PeerInfo, Role, SessionError, encode
from sync_server.channel import Channel
from sync_server.effects import BeginEpoch, Close, PeerKey, PersistDoc, ReloadDoc, RoomEffect, SendFrame, ServeRequest
from sync_server.epochs import checked_epoch
from sync_server.handshake import Door, admit, identify, read_hello
from sync_server.room import ACKNOWLEDGE_EVERY, Room

NOTEBOOK_ID = "6f1c2a4e-0000-4000-8000-000000000001"
TOKEN = "simulated"


class Disk:
    """What survives a crash: for each document its changes, in the order in which they were committed."""

    def __init__(self, notebook: NotebookDoc, runtime: RuntimeDoc) -> None:
        self.logs: dict[FrameType, list[bytes]] = {
            FrameType.NOTEBOOK_SYNC: notebook.replica.changes_since(()),
            FrameType.RUNTIME_SYNC: runtime.replica.changes_since(()),
        }

    def load(self, doc: FrameType) -> Replica:
        return Replica.load(b"".join(self.logs[doc]))

    @property
    def runtime(self) -> RuntimeDoc:
        return RuntimeDoc(self.load(FrameType.RUNTIME_SYNC))


@dataclass
class Link:
    """One connection: two queues of frames on their way."""

    key: PeerKey
    up: deque[bytes] = field(default_factory=deque)
    down: deque[bytes] = field(default_factory=deque)
    greeted: bool = False
    slow: bool = False  # the peer reads nothing for now


class SimulatedPeer:
    """A peer with its session, its link if it has one, and what it was told."""

    def __init__(self, name: str, role: Role, actor: bytes) -> None:
        self.name = name
        empty = NotebookDoc(Replica.load(notebook_seed(), actor))
        self.session = PeerSession(NOTEBOOK_ID, PeerInfo(peer_id=name, name=name), TOKEN, role=role, notebook=empty)
        self.role: Role = role
        self.life = 0  # how often it lost its memory
        self.link: Link | None = None
        self.refusals: list[Refused] = []
        self.complaints: list[Exception] = []  # what it could not read
        self.panics = 0
        self.received: list[Message] = []

    @property
    def doc(self) -> NotebookDoc:
        return self.session.notebook

    @property
    def author(self) -> str:
        """Who it is in this life: what it forgot is as if somebody else had written it."""
        return self.name if self.life == 0 else f"{self.name}.{self.life}"

    def forget(self, actor: bytes) -> None:
        """Its process died and nothing was kept."""
        self.life += 1
        empty = NotebookDoc(Replica.load(notebook_seed(), actor))
        info = self.session.peer
        self.session = PeerSession(NOTEBOOK_ID, info, TOKEN, role=self.role, notebook=empty)


class World:
    """See the module. `step` lets one thing happen; `settle` lets everything happen until nothing is left to do."""

    BUSY_AT = 4  # frames in a link's down queue at which the hub skips its peer

    def __init__(self, seed: int, notebook: NotebookDoc | None = None) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.now = 0.0
        first = NotebookDoc.create(NOTEBOOK_ID) if notebook is None else notebook
        self.disk = Disk(first, RuntimeDoc.create(NOTEBOOK_ID))
        self.peers: list[SimulatedPeer] = []
        self.room: Room | None = None
        self.committing: deque[tuple[PersistDoc | BeginEpoch, Channel]] = deque()
        self._reloading: deque[tuple[FrameType, Channel]] = deque()
        self._keys = 0
        self.frames_sent = 0
        self.epochs = 0  # how often RuntimeDoc was started afresh on disk
        self.served: list[ServeRequest] = []
        self.start_hub()

    # --- the hub ------------------------------------------------------------------------------------------------------

    def start_hub(self) -> None:
        notebook, runtime = self.disk.load(FrameType.NOTEBOOK_SYNC), self.disk.load(FrameType.RUNTIME_SYNC)
        self.room = Room(NOTEBOOK_ID, notebook, runtime)
        identity = genesis(notebook)
        assert identity is not None
        self._genesis = identity

    def crash_hub(self) -> None:
        """What was not committed is gone, and so are all links."""
        for peer in self.peers:
            self.cut(peer)
        self.room = None
        self.committing.clear()
        self._reloading.clear()

    def lose_disk(self, notebook: NotebookDoc, runtime: RuntimeDoc | None = None) -> None:
        """The hub crashes, its disk is lost, and it begins again with this notebook, as imported from a file."""
        self.crash_hub()
        self.disk = Disk(notebook, runtime or RuntimeDoc.create(NOTEBOOK_ID))
        self.start_hub()

    def _carry_out(self, effects: Iterable[RoomEffect]) -> None:
        for effect in effects:
            match effect:
                case SendFrame(key, data):
                    if (link := self._link(key)) is not None:
                        self.frames_sent += 1
                        link.down.append(data)
                        if len(link.down) >= self.BUSY_AT and self.room is not None:
                            self.room.busy(key)
                case PersistDoc() if self.room is not None:
                    self.committing.append((effect, self.room.channels[effect.doc]))
                case BeginEpoch() if self.room is not None:
                    self.committing.append((effect, self.room.runtime))
                case Close(key, error):
                    if (link := self._link(key)) is not None:
                        link.down.append(encode(error))
                case ReloadDoc(doc) if self.room is not None:
                    self._reloading.append((doc, self.room.channels[doc]))
                case ServeRequest():
                    self.served.append(effect)

    def commit_one(self) -> None:
        """The disk has written what was handed to it first."""
        if self.room is None or not self.committing:
            return
        effect, channel = self.committing.popleft()
        if isinstance(effect, BeginEpoch):
            self._begin_epoch(effect)
        elif channel is self.room.channels[effect.doc]:
            self.disk.logs[effect.doc] += effect.chunks
            self._carry_out(self.room.committed(effect.doc, self.now))

    def _begin_epoch(self, begin: BeginEpoch) -> None:
        assert self.room is not None
        try:
            replica = checked_epoch(NOTEBOOK_ID, begin.offer)
        except WireError as error:
            return self._carry_out(self.room.epoch_dropped(begin.peer, error))
        if not self.room.wants_epoch(begin.peer, begin.offer):
            return self._carry_out(self.room.epoch_dropped(begin.peer))
        self.epochs += 1
        self.disk.logs[FrameType.RUNTIME_SYNC] = [begin.offer.document]
        self._carry_out(self.room.epoch_begun(replica, self.now))

    def work(self) -> None:
        """The hub's replicas take in what arrived."""
        if self.room is not None:
            self._carry_out(self.room.work(self.now))

    def reload_one(self) -> None:
        """A document that the hub lost has been loaded again."""
        if self.room is not None and self._reloading:
            doc, channel = self._reloading.popleft()
            if channel is self.room.channels[doc]:
                self._carry_out(self.room.reloaded(doc, self.disk.load(doc)))

    # --- peers and links ----------------------------------------------------------------------------------------------

    def add_peer(self, name: str, role: Role = "editor") -> SimulatedPeer:
        peer = SimulatedPeer(name, role, self.random.randbytes(16))
        self.peers.append(peer)
        return peer

    def connect(self, peer: SimulatedPeer) -> None:
        if peer.link is None and self.room is not None:
            self._keys += 1
            peer.link = Link(PeerKey(self._keys))
            peer.session.connected()

    def cut(self, peer: SimulatedPeer) -> None:
        """The link is gone with all that was under way; both sides notice."""
        if peer.link is not None:
            key, peer.link = peer.link.key, None
            peer.session.disconnected()
            if self.room is not None:
                self._carry_out(self.room.leave(key))

    def crash_peer(self, peer: SimulatedPeer) -> None:
        """The peer's process dies and comes back knowing nothing."""
        self.cut(peer)
        peer.forget(self.random.randbytes(16))

    def inject(self, peer: SimulatedPeer, data: bytes) -> None:
        """A frame that the peer's session did not make goes up its link."""
        assert peer.link is not None, "connect the peer first"
        peer.link.up.append(data)

    def _link(self, key: PeerKey) -> Link | None:
        return next((peer.link for peer in self.peers if peer.link is not None and peer.link.key == key), None)

    # --- what can happen ----------------------------------------------------------------------------------------------

    def pump(self, peer: SimulatedPeer) -> bool:
        if peer.link is None:
            return False
        frames = peer.session.pump(self.now)
        peer.link.up.extend(frames)
        self.frames_sent += len(frames)
        return bool(frames)

    def deliver_up(self, peer: SimulatedPeer, count: int) -> None:
        """The hub reads up to `count` frames of this peer in one turn."""
        link, room = peer.link, self.room
        if link is None or room is None:
            return
        for _ in range(min(count, len(link.up))):
            data = link.up.popleft()
            if link.greeted:
                self._carry_out(room.receive(link.key, data, self.now))
            else:
                self._greet(room, link, data)
        self._carry_out(room.end_of_turn(self.now))

    def _greet(self, room: Room, link: Link, data: bytes) -> None:
        hello = read_hello(data)
        if not isinstance(hello, SessionError):
            hello = identify(hello, TOKEN, authenticated=False) or hello
        door = Door("sim", NOTEBOOK_ID, self._genesis, room.runtime_genesis, room.runtime_epoch)
        answer = hello if isinstance(hello, SessionError) else admit(hello, door)
        link.down.append(encode(answer))
        if not isinstance(answer, SessionError) and not isinstance(hello, SessionError):
            link.greeted = True
            self._carry_out(room.join(link.key, hello.peer, answer.role))

    def deliver_down(self, peer: SimulatedPeer, count: int) -> None:
        """The peer reads up to `count` frames."""
        link = peer.link
        if link is None or link.slow:
            return
        for _ in range(min(count, len(link.down))):
            try:
                message = peer.session.receive(link.down.popleft(), self.now)
            except StartAgain:
                return self.cut(peer)
            except Refused as refusal:
                peer.refusals.append(refusal)
                return self.cut(peer)
            except ReplicaPanic:
                peer.panics += 1
                self.cut(peer)
                return peer.session.start_afresh()
            except (BadSyncMessage, WireError) as error:
                peer.complaints.append(error)
                return self.cut(peer)
            if message is not None:
                peer.received.append(message)
        if not link.down and self.room is not None and link.greeted:
            self._carry_out(self.room.drained(link.key))

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        if self.room is not None and self.room.due is not None and self.room.due <= self.now:
            self._carry_out(self.room.tick(self.now))

    def step(self, *, trouble: bool = True) -> None:
        """One thing happens, chosen at random."""
        peer = self.random.choice(self.peers)
        choices: list[tuple[int, Callable[[], object]]] = [
            (6, lambda: self.pump(peer)),
            (8, lambda: self.deliver_up(peer, self.random.randint(1, 5))),
            (8, lambda: self.deliver_down(peer, self.random.randint(1, 5))),
            (5, self.commit_one),
            (6, self.work),
            (3, self.reload_one),
            (2, lambda: self.pass_time(0.03)),
            (3, lambda: self.connect(peer)),
        ]
        if trouble:
            choices += [
                (1, lambda: self.cut(peer)),
                (1, lambda: self._toggle_slow(peer)),
                (1, self._crash_or_restart),
            ]
        weights = [weight for weight, _ in choices]
        self.random.choices([action for _, action in choices], weights)[0]()

    def _toggle_slow(self, peer: SimulatedPeer) -> None:
        if peer.link is not None:
            peer.link.slow = not peer.link.slow

    def _crash_or_restart(self) -> None:
        if self.room is None:
            self.start_hub()
        elif self.random.random() < 0.3:
            self.crash_hub()

    # --- to the end ---------------------------------------------------------------------------------------------------

    @property
    def quiet(self) -> bool:
        """Whether nothing is under way anywhere."""
        links = [peer.link for peer in self.peers if peer.link is not None]
        return not self.committing and not self._reloading and not any(link.up or link.down for link in links)

    def settle(self, rounds: int = 400) -> int:
        """No more trouble: everyone connects and everything is delivered. Returns the rounds it took to fall silent.

        Raises AssertionError if there is still talk after `rounds`: peers that agree must exchange nothing.
        """
        if self.room is None:
            self.start_hub()
        for peer in self.peers:
            if not peer.refusals:
                self.connect(peer)
            if peer.link is not None:
                peer.link.slow = False
        silent = 0
        for number in range(rounds):
            while self._reloading:
                self.reload_one()
            before = self.frames_sent
            for peer in self.peers:
                if not peer.refusals:
                    self.connect(peer)
                self.pump(peer)
                self.deliver_up(peer, 100)
            while self.committing or (self.room is not None and self.room.has_work):
                self.work()
                self.commit_one()
            for peer in self.peers:
                self.deliver_down(peer, 100)
            self.pass_time(2 * ACKNOWLEDGE_EVERY)
            silent = silent + 1 if self.quiet and self.frames_sent == before else 0
            if silent > 3:
                return number
        raise AssertionError(f"the peers still talk after {rounds} rounds")
