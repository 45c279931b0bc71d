"""Links break, queues fill, everybody catches up: told as stories."""

from __future__ import annotations

from relay.frames import FrameType
from sync_server.effects import SendFrame
from tests.simulation.ledger import Ledger
from tests.simulation.world import SimulatedPeer, World


def meeting(*names: str, seed: int = 1) -> tuple[World, list[SimulatedPeer]]:
    """A world in which these editors are connected and agree on a notebook of one cell, `cell`."""
    world = World(seed)
    peers = [world.add_peer(name) for name in names]
    world.settle()
    peers[0].doc.add_cell("", cell_id="cell")
    world.settle()
    return world, peers


def test_edits_made_without_a_link_arrive_after_it_is_back() -> None:
    world, (ada, bob) = meeting("Ada", "Bob")
    world.cut(ada)
    ada.doc.splice_source("cell", 0, 0, "written offline")
    world.settle()
    assert bob.doc.source("cell") == "written offline"


def test_what_both_wrote_while_apart_is_merged_and_nothing_is_doubled() -> None:
    world, (ada, bob) = meeting("Ada", "Bob")
    world.cut(ada)
    world.cut(bob)
    ada.doc.splice_source("cell", 0, 0, "[ada]")
    bob.doc.splice_source("cell", 0, 0, "[bob]")
    world.settle()
    assert ada.doc.source("cell") == bob.doc.source("cell")
    assert ada.doc.source("cell") in ("[ada][bob]", "[bob][ada]")


def test_a_link_that_breaks_with_an_edit_on_it_loses_nothing() -> None:
    world, (ada, bob) = meeting("Ada", "Bob")
    ada.doc.splice_source("cell", 0, 0, "x")
    world.pump(ada)
    assert ada.link is not None
    assert ada.link.up
    world.cut(ada)
    world.settle()
    assert bob.doc.source("cell") == "x"
    assert ada.session.notebook_sync.saved


def test_a_link_that_breaks_after_the_edit_was_forwarded_doubles_nothing() -> None:
    world, (ada, bob) = meeting("Ada", "Bob")
    ada.doc.splice_source("cell", 0, 0, "x")
    world.pump(ada)
    world.deliver_up(ada, 10)
    world.cut(ada)
    world.cut(bob)
    world.settle()
    assert bob.doc.source("cell") == ada.doc.source("cell") == "x"


def test_a_link_that_breaks_again_and_again_while_joining_ends_in_agreement() -> None:
    world, (ada, bob) = meeting("Ada", "Bob")
    ledger = Ledger()
    for number in range(30):
        ledger.type(ada.doc, "Ada", "cell", world.random)
        world.cut(bob)
        world.connect(bob)
        for _ in range(number % 7):  # so far and no further
            for peer in (ada, bob):
                world.pump(peer)
                world.deliver_up(peer, 1)
                world.commit_one()
                world.deliver_down(peer, 1)
    world.settle()
    assert bob.doc.source("cell") == ada.doc.source("cell")
    ledger.check(bob.doc.cells())


def test_a_slow_reader_is_skipped_and_catches_up_with_few_messages() -> None:
    world, (ada, bob) = meeting("Ada", "Bob")
    assert bob.link is not None
    bob.link.slow = True
    for letter in "abcdefghijklmnopqrstuvwxyz" * 4:
        ada.doc.splice_source("cell", len(ada.doc.source("cell")), 0, letter)
        world.pump(ada)
        world.deliver_up(ada, 10)
        world.commit_one()
        world.deliver_down(ada, 10)
    queued = [data for data in bob.link.down if data[0] == FrameType.NOTEBOOK_SYNC]
    assert len(queued) <= World.BUSY_AT + 1
    frames = world.frames_sent
    world.settle()
    assert bob.doc.source("cell") == "abcdefghijklmnopqrstuvwxyz" * 4
    assert world.frames_sent - frames < 20


def test_a_slow_author_learns_in_the_end_that_its_edit_is_saved() -> None:
    world, (ada, bob) = meeting("Ada", "Bob")
    assert ada.link is not None
    ada.link.slow = True
    for letter in "abcdef":
        bob.doc.splice_source("cell", 0, 0, letter)
        world.pump(bob)
        world.deliver_up(bob, 10)
    ada.doc.splice_source("cell", 0, 0, "mine")
    world.pump(ada)
    world.deliver_up(ada, 10)
    while world.committing:
        world.commit_one()
    world.pass_time(1.0)
    assert not ada.session.notebook_sync.saved
    world.settle()
    assert ada.session.notebook_sync.saved


def test_peers_that_agree_fall_silent() -> None:
    world, (ada, _, _) = meeting("Ada", "Bob", "Cyd")
    ada.doc.splice_source("cell", 0, 0, "x")
    world.settle()
    frames = world.frames_sent
    for _ in range(50):
        world.pass_time(0.2)
        for peer in world.peers:
            world.pump(peer)
            world.deliver_up(peer, 10)
            world.deliver_down(peer, 10)
    assert world.frames_sent == frames


def test_a_long_burst_costs_each_reader_one_message_a_turn() -> None:
    world, (ada, bob) = meeting("Ada", "Bob")
    assert world.room is not None
    for letter in "abcdefghij":
        ada.doc.splice_source("cell", len(ada.doc.source("cell")), 0, letter)
        world.pump(ada)
    assert ada.link is not None
    effects = [effect for data in ada.link.up for effect in world.room.receive(ada.link.key, data, world.now)]
    effects += world.room.end_of_turn(world.now)
    assert bob.link is not None
    assert len([e for e in effects if isinstance(e, SendFrame) and e.peer == bob.link.key]) == 1
