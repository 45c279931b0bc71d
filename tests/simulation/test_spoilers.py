"""Peers that break the rules, on purpose or not: they are refused with a reason, and nobody else notices for long."""

from __future__ import annotations

import pytest

from notebook_doc.notebook import NotebookDoc
from relay.errors import ErrorCode
from relay.frames import PAYLOAD_CAPS, FrameType, frame
from tests.simulation.test_broken_links import meeting
from tests.simulation.world import World
from tests.support.crafted_changes import Spoil, left_out, panicking, repeated, spoiled_message


@pytest.mark.parametrize("spoil", [panicking, repeated, left_out])
def test_a_change_the_core_chokes_on_is_refused_never_stored_and_the_others_agree_again(spoil: Spoil) -> None:
    world, (ada, bob, eve) = meeting("Ada", "Bob", "Eve")
    eve.doc.splice_source("cell", 0, 0, "honest ")
    world.settle()
    world.inject(eve, frame(FrameType.NOTEBOOK_SYNC, spoiled_message(eve.doc, spoil)))
    ada.doc.splice_source("cell", 0, 0, "meanwhile ")
    world.settle()
    assert [refusal.code for refusal in eve.refusals] == [ErrorCode.BAD_SYNC]
    assert not ada.refusals
    assert not bob.refusals
    stored = NotebookDoc(world.disk.load(FrameType.NOTEBOOK_SYNC)).source("cell")
    assert stored == ada.doc.source("cell") == bob.doc.source("cell") == "meanwhile honest "


def test_a_peer_whose_core_panicked_keeps_its_own_unsaved_edits() -> None:
    world, (ada, eve) = meeting("Ada", "Eve")
    eve.doc.splice_source("cell", 0, 0, "honest ")
    world.settle()
    ada.doc.splice_source("cell", 0, 0, "unsent ")
    world.inject(eve, frame(FrameType.NOTEBOOK_SYNC, spoiled_message(eve.doc, panicking)))
    world.deliver_up(eve, 1)
    world.deliver_down(ada, 10)
    assert ada.panics == 1
    world.settle()
    assert ada.doc.source("cell") == "unsent honest "
    assert ada.session.notebook_sync.saved


def test_a_viewer_that_writes_is_refused_and_its_changes_are_nowhere() -> None:
    world, (ada, bob) = meeting("Ada", "Bob")
    viewer = world.add_peer("Vic", "viewer")
    world.settle()
    viewer.doc.splice_source("cell", 0, 0, "not allowed")
    world.settle()
    assert [refusal.code for refusal in viewer.refusals] == [ErrorCode.READ_ONLY]
    for doc in (ada.doc, bob.doc, NotebookDoc(world.disk.load(FrameType.NOTEBOOK_SYNC))):
        assert doc.source("cell") == ""


def test_an_editor_that_writes_the_runtime_is_refused_and_its_changes_are_nowhere() -> None:
    world, (ada, bob) = meeting("Ada", "Bob")
    before = world.disk.load(FrameType.RUNTIME_SYNC).heads()
    ada.session.runtime.set_queue(["made up"])
    world.settle()
    assert [refusal.code for refusal in ada.refusals] == [ErrorCode.READ_ONLY]
    assert bob.session.runtime.queue() == []
    assert world.disk.load(FrameType.RUNTIME_SYNC).heads() == before


def test_an_honest_viewer_is_never_refused_however_often_its_link_breaks() -> None:
    for seed in range(10):
        world, (ada, _) = meeting("Ada", "Bob", seed=seed)
        viewer = world.add_peer("Vic", "viewer")
        for number in range(80):
            if number % 4 == 0:
                ada.doc.splice_source("cell", 0, 0, "x")
            world.step()
        world.settle()
        assert not viewer.refusals, f"in world {seed}"
        assert viewer.doc.source("cell") == ada.doc.source("cell")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", ErrorCode.BAD_FRAME),
        (b"\x00not a sync message", ErrorCode.BAD_SYNC),
        (b"\x01\xc1", ErrorCode.BAD_FRAME),
        (b"\x04" + bytes(PAYLOAD_CAPS[FrameType.PRESENCE] + 1), ErrorCode.FRAME_TOO_LARGE),
    ],
    ids=["empty", "no sync message", "no MessagePack", "too large"],
)
def test_a_frame_that_cannot_be_read_closes_the_link_it_came_by_and_no_other(data: bytes, code: str) -> None:
    world, (ada, bob, eve) = meeting("Ada", "Bob", "Eve")
    world.inject(eve, data)
    ada.doc.splice_source("cell", 0, 0, "x")
    world.settle()
    assert [refusal.code for refusal in eve.refusals] == [code]
    assert bob.doc.source("cell") == "x"


def test_frames_of_a_later_protocol_are_skipped() -> None:
    world, (ada, bob) = meeting("Ada", "Bob")
    world.inject(ada, b"\x7fwhatever this will mean")
    ada.doc.splice_source("cell", 0, 0, "x")
    world.settle()
    assert not ada.refusals
    assert bob.doc.source("cell") == "x"


def test_random_bytes_on_a_link_never_reach_another() -> None:
    world = World(5)
    ada, bob = world.add_peer("Ada"), world.add_peer("Bob")
    world.settle()
    for number in range(60):
        eve = world.add_peer(f"Eve{number}")
        world.settle()
        world.inject(eve, bytes([world.random.choice((0, 1, 2, 4, 5, 7))]) + world.random.randbytes(40))
        world.deliver_up(eve, 1)
    ada.doc.add_cell("still here", cell_id="cell")
    world.settle()
    assert bob.doc.source("cell") == "still here"
    assert not ada.refusals
    assert not bob.refusals
