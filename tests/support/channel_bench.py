"""One channel and plain Automerge peers around it, for tests that say exactly what happens when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import Replica, SyncSession
from notebook_doc.sync_message import Have, SyncMessage, changes_in, decode, encode
from sync_server.channel import Channel
from sync_server.effects import Effect, PeerKey, Persist, Refuse, Reload, Send

NOTEBOOK_ID: Final = "6f1c2a4e-0000-4000-8000-000000000002"


@dataclass
class Client:
    """A peer with nothing but a replica and a sync session."""

    key: PeerKey
    doc: NotebookDoc
    session: SyncSession
    heard: list[bytes] = field(default_factory=list)  # payloads, oldest first

    @property
    def last(self) -> SyncMessage:
        """What the hub said last."""
        return decode(self.heard[-1])

    def hear(self, payload: bytes) -> None:
        self.heard.append(payload)
        self.session.receive(payload)

    def say(self) -> bytes:
        """The next message; there must be one."""
        payload = self.session.generate()
        assert payload is not None
        return payload


def changes(payload: bytes) -> list[bytes]:
    """The hashes of the changes in a message."""
    found = changes_in(decode(payload).chunks)
    assert found is not None, "no snapshot was expected"
    return [change.hash for change in found]


class Bench:
    """A channel whose effects are sorted into boxes; sends are delivered at once."""

    def __init__(self, doc: NotebookDoc | None = None) -> None:
        self.first = NotebookDoc.create(NOTEBOOK_ID) if doc is None else doc
        self.stored = self.first.replica.changes_since(())
        self.channel = Channel(Replica.load(b"".join(self.stored)))
        self.clients: dict[PeerKey, Client] = {}
        self.sends: list[Send] = []
        self.batches: list[list[bytes]] = []
        self.refusals: list[Refuse] = []
        self.reloads = 0

    def carry_out(self, effects: list[Effect]) -> list[Effect]:
        for effect in effects:
            match effect:
                case Send(peer, payload):
                    self.sends.append(effect)
                    if peer in self.clients:
                        self.clients[peer].hear(payload)
                case Persist(chunks, _):
                    self.batches.append(chunks)
                case Refuse():
                    self.refusals.append(effect)
                case Reload():
                    self.reloads += 1
        return effects

    def client(self, *, may_write: bool = True, joined: bool = True) -> Client:
        """A new peer, by default in agreement with the hub."""
        key = PeerKey(len(self.clients) + 1)
        doc = NotebookDoc.blank()
        client = self.clients[key] = Client(key, doc, doc.replica.sync_session())
        self.channel.join(key, may_write=may_write)
        if joined:
            self.turn(client.key, client.say())
            while (payload := client.session.generate()) is not None:
                self.turn(client.key, payload)
            assert self.channel.is_quiet(key)
            # The joining message's Bloom filter hides one new change in a hundred; what the hub forwards has none.
            heads = self.channel.durable_heads
            client.session.receive(encode(heads, (), (Have(heads, b""),), ()))
        return client

    def turn(self, *said: object) -> list[Effect]:
        """One turn of the loop: alternately a peer's key and what it said."""
        effects: list[Effect] = []
        for key, payload in zip(said[::2], said[1::2], strict=True):
            assert isinstance(key, int)
            assert isinstance(payload, bytes)
            effects += self.carry_out(self.channel.receive(PeerKey(key), payload))
        effects += self.carry_out(self.channel.end_of_turn())
        return effects + self.work()

    def work(self) -> list[Effect]:
        """The replica takes in all that it can before the next batch is on disk."""
        effects: list[Effect] = []
        while self.channel.has_work:
            effects += self.carry_out(self.channel.work())
        return effects

    def commit(self) -> list[Effect]:
        """The oldest batch is on disk."""
        self.stored += self.batches.pop(0)
        effects = self.carry_out(self.channel.committed())
        return effects + self.work()

    def reload(self) -> list[Effect]:
        effects = self.carry_out(self.channel.reloaded(Replica.load(b"".join(self.stored))))
        return effects + self.work()
