"""The peers of the load: what they send for one typed character, and which characters they find in what they get.

Each kind of server has its own dialect, and all share one Score, which knows when each edit was sent and to how many
peers it has yet to come. Peers parse what they receive only as far as that needs.
"""

from __future__ import annotations

import asyncio
import struct
import time
import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Final

from benchmarks.change_press import Press
from benchmarks.process import Server
from benchmarks.wire_client import WireClient
from clients.peer.doc_sync import ACK_DELAY
from notebook_doc.sync_message import Have, changes_in, decode, encode
from relay.frames import FrameType, frame
from relay.messages import PROTOCOL_VERSION, Hello, PeerInfo, SessionError, Welcome
from relay.messages import decode as decode_message
from relay.messages import encode as encode_message

# Bytes of a frame of the opaque relay: what a typed character is on the wire between Quire peers, with one head.
OPAQUE_SIZE: Final = 250


@dataclass(slots=True)
class _Edit:
    sent: float
    missing: int  # peers that do not have it yet


@dataclass(slots=True)
class Score:
    """The edits under way, and how long those that reached every other peer took, in seconds."""

    receivers: int
    under_way: dict[bytes, _Edit] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)

    def sent(self, edit: bytes) -> None:
        """An edit leaves its author now."""
        self.under_way[edit] = _Edit(time.perf_counter(), self.receivers)

    def received(self, edit: bytes, now: float) -> None:
        """One more peer has it."""
        entry = self.under_way.get(edit)
        if entry is None:
            return
        entry.missing -= 1
        if entry.missing == 0:
            del self.under_way[edit]
            self.took.append(now - entry.sent)

    @property
    def oldest(self) -> float:
        """Seconds that the oldest edit under way has been waiting; 0 if there is none."""
        first = next(iter(self.under_way.values()), None)
        return 0.0 if first is None else time.perf_counter() - first.sent


class Typist(ABC):
    """One peer of the load."""

    def __init__(self, score: Score) -> None:
        self.score = score
        self.client = WireClient(self.take)

    @abstractmethod
    async def join(self, server: Server) -> None:
        """Connect, and be up to date."""

    @abstractmethod
    def type(self) -> None:
        """Send one typed character."""

    @abstractmethod
    def take(self, payload: bytes) -> None:
        """A message arrived."""

    def leave(self) -> None:
        """Hang up."""
        self.client.close()


class OpaqueTypist(Typist):
    """Sends frames of the usual size with a number in them."""

    _next = 0

    async def join(self, server: Server) -> None:
        await self.client.open("127.0.0.1", server.port, "/room")

    def type(self) -> None:
        OpaqueTypist._next += 1
        edit = struct.pack(">Q", OpaqueTypist._next)
        self.score.sent(edit)
        self.client.send(edit + bytes(OPAQUE_SIZE - len(edit)))

    def take(self, payload: bytes) -> None:
        self.score.received(payload[:8], time.perf_counter())


@dataclass(slots=True)
class Shared:
    """What all Quire typists of one process share: the press, and what they know of each other's changes."""

    notebook_id: str
    token: str
    press: Press | None = None
    known: dict[bytes, tuple[bytes, tuple[bytes, ...]]] = field(default_factory=dict)  # chunk -> hash, dependencies
    by_hash: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    # The frame read last and the changes in it: everybody gets the same one in the same turn.
    frame: bytes = b""
    changes: list[tuple[bytes, tuple[bytes, ...]]] = field(default_factory=list)
    heads: tuple[bytes, ...] = ()

    def read(self, whole_frame: bytes) -> None:
        """Put the changes in a sync frame, and the hub's heads, where the next reader of the same frame finds them."""
        if whole_frame == self.frame:
            return
        message = decode(whole_frame[1:])
        found = [self.known.get(chunk) for chunk in message.chunks]
        if all(found):
            self.changes = [change for change in found if change is not None]
        else:
            changes = changes_in(message.chunks) or []
            self.changes = [(change.hash, change.deps) for change in changes]
        self.heads = message.heads
        self.frame = whole_frame


class QuireTypist(Typist):
    """Speaks the protocol of docs/wire-protocol.md; `alone` builds on its own changes only (see `durable`)."""

    def __init__(self, score: Score, shared: Shared, cell: int) -> None:
        super().__init__(score)
        self._shared, self._cell = shared, cell
        self._actor = uuid.uuid4().bytes
        self._seq = 0
        self._heads: set[bytes] = set()
        self._hub_heads: tuple[bytes, ...] = ()
        self._joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ack: asyncio.TimerHandle | None = None

    @property
    def shared(self) -> Shared:
        """What it shares with the others of its notebook."""
        return self._shared

    async def join(self, server: Server) -> None:
        shared = self._shared
        await self.client.open("127.0.0.1", server.port, f"/v1/notebooks/{shared.notebook_id}/sync")
        peer = PeerInfo(peer_id=uuid.uuid4().hex, name="typist")
        hello = Hello(
            protocol=PROTOCOL_VERSION, schema=1, notebook_id=shared.notebook_id, peer=peer, token=shared.token
        )
        self.client.send(encode_message(hello))
        await self._joined

    def type(self) -> None:
        shared = self._shared
        assert shared.press is not None, "the notebook is here"
        self._seq += 1
        deps = tuple(self._heads)
        change_hash, chunk = shared.press.change(self._actor, self._seq, deps, self._cell)
        self._heads = {change_hash}
        shared.known[chunk] = change_hash, deps
        shared.by_hash[change_hash] = deps
        payload = encode((change_hash,), (), (Have(self._hub_heads, b""),), (chunk,))
        self.score.sent(change_hash)
        self._owe_nothing()
        self.client.send(frame(FrameType.NOTEBOOK_SYNC, payload))

    def take(self, payload: bytes) -> None:
        kind = payload[0]
        if kind == FrameType.NOTEBOOK_SYNC:
            if self._joined.done():
                self._synced(payload)
            else:
                self._first(payload)
        elif kind == FrameType.SESSION:
            message = decode_message(payload)
            if isinstance(message, SessionError):
                raise ConnectionError(message.message)
            if isinstance(message, Welcome):
                self.client.send(frame(FrameType.NOTEBOOK_SYNC, encode((), (), (Have((), b""),), ())))

    def _first(self, payload: bytes) -> None:
        """The notebook itself."""
        message = decode(payload[1:])
        if self._shared.press is None:
            self._shared.press = Press(b"".join(message.chunks))
        self._heads = set(message.heads)
        self._hub_heads = message.heads
        self._acknowledge()
        self._joined.set_result(None)

    def _synced(self, payload: bytes) -> None:
        shared = self._shared
        shared.read(payload)
        now = time.perf_counter()
        self._hub_heads = shared.heads
        for change_hash, deps in shared.changes:
            self._heads.difference_update(deps)
            self._heads.add(change_hash)
            self.score.received(change_hash, now)
        if shared.changes and self._ack is None:
            self._ack = asyncio.get_running_loop().call_later(ACK_DELAY, self._acknowledge)

    def _acknowledge(self) -> None:
        self._ack = None
        if self.client.lost is None:
            heads = tuple(self._heads)
            self.client.send(frame(FrameType.NOTEBOOK_SYNC, encode(heads, (), (Have(heads, b""),), ())))

    def _owe_nothing(self) -> None:
        """What is sent now acknowledges what came, as a message of the real client does."""
        if self._ack is not None:
            self._ack.cancel()
            self._ack = None

    def leave(self) -> None:
        self._owe_nothing()
        super().leave()
