"""Hypothesis chooses every step itself, and makes a failure as short as it can: the same world, told as a few lines."""

from __future__ import annotations

from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from notebook_doc.sync_message import read_change
from relay.frames import FrameType
from tests.simulation.ledger import Ledger, in_order
from tests.simulation.world import SimulatedPeer, World

peers = st.sampled_from(("Ada", "Bob", "Vic"))
editors = st.sampled_from(("Ada", "Bob"))


class Rooms(RuleBasedStateMachine):
    """Two editors, a viewer, a hub; links that break, a hub and editors that die, a disk that takes its time."""

    @initialize()
    def open(self) -> None:
        self.world, self.ledger, self.random = World(1), Ledger(), Random(1)
        self.people: dict[str, SimulatedPeer] = {
            name: self.world.add_peer(name, "viewer" if name == "Vic" else "editor") for name in ("Ada", "Bob", "Vic")
        }
        self.world.settle()
        self.ledger.add_cell(self.people["Ada"].doc, "Ada")
        self.world.settle()

    @rule(name=editors)
    def edit(self, name: str) -> None:
        peer = self.people[name]
        if peer.doc.genesis is not None:
            self.ledger.act(peer.doc, peer.author, self.random)

    @rule(name=peers)
    def connect(self, name: str) -> None:
        self.world.connect(self.people[name])

    @rule(name=peers)
    def cut(self, name: str) -> None:
        self.world.cut(self.people[name])

    @rule(name=peers)
    def send(self, name: str) -> None:
        self.world.pump(self.people[name])

    @rule(name=peers, count=st.integers(1, 4))
    def hub_reads(self, name: str, count: int) -> None:
        self.world.deliver_up(self.people[name], count)

    @rule(name=peers, count=st.integers(1, 4))
    def peer_reads(self, name: str, count: int) -> None:
        self.world.deliver_down(self.people[name], count)

    @rule()
    def commit(self) -> None:
        self.world.commit_one()

    @rule(seconds=st.sampled_from((0.01, 0.3, 1.0)))
    def wait(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule()
    def crash_hub(self) -> None:
        self.world.crash_hub()
        self.world.start_hub()

    @rule(name=editors)
    def die(self, name: str) -> None:
        peer = self.people[name]
        sync = peer.session.notebook_sync
        unsaved = [] if sync.saved else [read_change(chunk).hash for chunk in sync.unsaved_changes()]
        self.ledger.author_died(peer.author, unsaved)
        self.world.crash_peer(peer)

    @invariant()
    def what_is_called_saved_is_on_disk(self) -> None:
        if not hasattr(self, "world"):
            return
        on_disk = self.world.disk.load(FrameType.NOTEBOOK_SYNC)
        for name in ("Ada", "Bob"):
            replica = self.people[name].doc.replica
            if self.people[name].session.notebook_sync.saved:
                mine = [read_change(chunk).hash for chunk in replica.own_changes_since(())]
                assert on_disk.contains(mine), f"{name} believes in vain that everything is saved"

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.settle()
        stored = self.world.disk.load(FrameType.NOTEBOOK_SYNC).heads()
        for peer in self.people.values():
            assert not peer.refusals
            assert peer.doc.replica.heads() == stored
            assert peer.session.notebook_sync.saved
        cells = self.people["Vic"].doc.cells()
        assert in_order(cells)
        self.ledger.check(cells)


def test_whatever_order_things_happen_in_nothing_is_lost_or_doubled_and_nothing_is_promised_in_vain() -> None:
    run_state_machine_as_test(
        Rooms, settings=settings(max_examples=20, stateful_step_count=50, deadline=None, derandomize=True)
    )
