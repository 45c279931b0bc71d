"""Hubs and peers die. What was acknowledged is there afterwards; what was not comes back from whoever still has it."""

from __future__ import annotations

from notebook_doc.notebook import NotebookDoc
from relay.frames import FrameType
from tests.simulation.test_broken_links import meeting
from tests.simulation.world import World


def stored(world: World) -> NotebookDoc:
    return NotebookDoc(world.disk.load(FrameType.NOTEBOOK_SYNC))


def test_a_hub_that_crashes_before_the_commit_gets_the_edit_again_from_its_author() -> None:
    world, (ada, bob) = meeting("Ada", "Bob")
    ada.doc.splice_source("cell", 0, 0, "x")
    world.pump(ada)
    world.deliver_up(ada, 10)
    world.crash_hub()
    assert stored(world).source("cell") == ""
    world.settle()
    assert stored(world).source("cell") == bob.doc.source("cell") == "x"


def test_an_edit_that_was_forwarded_and_lost_comes_back_though_its_author_is_gone() -> None:
    world, (ada, bob) = meeting("Ada", "Bob")
    ada.doc.splice_source("cell", 0, 0, "x")
    world.pump(ada)
    world.deliver_up(ada, 10)
    world.deliver_down(bob, 10)
    world.crash_hub()
    world.crash_peer(ada)
    world.settle()
    assert stored(world).source("cell") == ada.doc.source("cell") == "x"


def test_what_the_author_was_told_is_saved_survives_the_crash_of_everybody() -> None:
    world, (ada, bob) = meeting("Ada", "Bob")
    ada.doc.splice_source("cell", 0, 0, "x")
    while not ada.session.notebook_sync.saved:
        world.step(trouble=False)
    world.crash_hub()
    world.crash_peer(ada)
    world.crash_peer(bob)
    world.settle()
    assert ada.doc.source("cell") == bob.doc.source("cell") == "x"


def test_nothing_is_called_saved_that_is_not_on_disk() -> None:
    for seed in range(20):
        world, (ada, _bob) = meeting("Ada", "Bob", seed=seed)
        for number in range(60):
            if number % 3 == 0:
                ada.doc.splice_source("cell", 0, 0, f"[{number}]")
            world.step()
            if ada.session.notebook_sync.saved:
                on_disk = world.disk.load(FrameType.NOTEBOOK_SYNC)
                mine = [c for c in ada.doc.replica.own_changes_since(()) if c]
                theirs = set(on_disk.changes_since(()))
                assert all(change in theirs for change in mine), f"in world {seed}"


def test_a_peer_that_lost_its_memory_is_sent_everything_again() -> None:
    world, (ada, _bob) = meeting("Ada", "Bob")
    ada.doc.splice_source("cell", 0, 0, "mine, and saved")
    world.settle()
    world.crash_peer(ada)
    assert len(ada.doc) == 0
    world.settle()
    assert ada.doc.source("cell") == "mine, and saved"


def test_a_reader_that_holds_what_the_hub_lost_starts_again_and_is_not_refused() -> None:
    world, (ada,) = meeting("Ada")
    viewer = world.add_peer("Vic", "viewer")
    world.settle()
    ada.doc.splice_source("cell", 0, 0, "x")
    world.pump(ada)
    world.deliver_up(ada, 10)
    world.deliver_down(viewer, 10)
    assert viewer.doc.source("cell") == "x"
    world.crash_hub()
    world.crash_peer(ada)
    world.settle()
    assert not viewer.refusals
    assert viewer.doc.source("cell") == ada.doc.source("cell") == ""


def test_a_hub_that_crashes_at_every_step_ends_with_everything() -> None:
    world, (ada, bob) = meeting("Ada", "Bob")
    for number in range(12):
        ada.doc.splice_source("cell", 0, 0, f"[{number}]")
        for _ in range(number):
            world.step(trouble=False)
        world.crash_hub()
        world.start_hub()
    world.settle()
    assert sorted(stored(world).source("cell")) == sorted("".join(f"[{number}]" for number in range(12)))
    assert bob.doc.source("cell") == ada.doc.source("cell")
