"""RuntimeDoc is started afresh amid cuts, crashes and lost disks: all end with one epoch, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest

from notebook_doc.interchange import notebook_from_model
from notebook_doc.model import CellModel, NotebookModel
from notebook_doc.rotation import next_epoch
from notebook_doc.runtime import RuntimeDoc
from notebook_doc.runtime_records import Execution
from relay.errors import ErrorCode
from relay.frames import FrameType, frame
from relay.messages import NewRuntimeEpoch, RuntimeEpoch, decode, encode
from tests.simulation.daemon import SimulatedDaemon
from tests.simulation.random_world import run
from tests.simulation.world import NOTEBOOK_ID, SimulatedPeer, World


def office(seed: int = 1) -> tuple[World, SimulatedPeer, SimulatedDaemon]:
    """A world with Ada and a daemon that has run one cell."""
    world = World(seed)
    ada, daemon = world.add_peer("Ada"), SimulatedDaemon(world)
    world.settle()
    runs(daemon, "e1")
    world.settle()
    return world, ada, daemon


def runs(daemon: SimulatedDaemon, name: str) -> None:
    daemon.peer.session.runtime.record(Execution(id=name, cell_id="c", status="done"))


def executions(peer: SimulatedPeer) -> list[str]:
    return peer.session.runtime.execution_ids()


def agree(world: World, *peers: SimulatedPeer) -> RuntimeDoc:
    """What is on disk, which all of these have."""
    stored = world.disk.runtime
    for peer in peers:
        assert not peer.refusals
        assert peer.session.runtime.replica.heads() == stored.replica.heads(), peer.name
        assert peer.session.runtime_joined
    return stored


def test_everybody_follows_into_the_next_epoch() -> None:
    world, ada, daemon = office()
    daemon.rotate()
    runs(daemon, "e2")
    world.settle()
    stored = agree(world, ada, daemon.peer)
    assert (stored.epoch, stored.execution_ids()) == (1, ["e1", "e2"])
    assert daemon.peer.session.runtime_sync.saved


def test_nothing_of_a_new_epoch_is_called_saved_before_it_is_on_disk() -> None:
    world, _ada, daemon = office()
    daemon.rotate()
    world.pump(daemon.peer)
    world.deliver_up(daemon.peer, 10)
    assert world.disk.runtime.epoch == 0
    assert not daemon.peer.session.runtime_sync.saved
    while not daemon.peer.session.runtime_sync.saved:
        world.step(trouble=False)
    assert world.disk.runtime.epoch == 1


def test_a_peer_that_was_away_for_several_epochs_shows_the_old_one_until_it_has_the_new() -> None:
    world, ada, daemon = office()
    world.cut(ada)
    for number in range(2, 5):
        daemon.rotate()
        runs(daemon, f"e{number}")
        for _ in range(200):
            world.pump(daemon.peer)
            world.deliver_up(daemon.peer, 10)
            world.work()
            world.commit_one()
            world.deliver_down(daemon.peer, 10)
    assert world.disk.runtime.epoch == 3
    seen = {tuple(executions(ada))}
    world.connect(ada)
    for _ in range(200):
        world.step(trouble=False)
        seen.add(tuple(executions(ada)))
    world.settle()
    assert seen <= {("e1",), ("e1", "e2", "e3", "e4")}
    agree(world, ada, daemon.peer)


def test_a_hub_that_crashes_before_the_epoch_is_stored_gets_it_again() -> None:
    world, ada, daemon = office()
    daemon.rotate()
    runs(daemon, "e2")
    world.pump(daemon.peer)
    world.deliver_up(daemon.peer, 10)
    world.crash_hub()
    assert world.disk.runtime.epoch == 0
    world.settle()
    assert agree(world, ada, daemon.peer).execution_ids() == ["e1", "e2"]


def test_a_hub_that_crashes_when_it_has_stored_the_epoch_and_told_nobody_goes_on_from_it() -> None:
    world, ada, daemon = office()
    daemon.rotate()
    world.pump(daemon.peer)
    world.deliver_up(daemon.peer, 10)
    world.commit_one()
    world.crash_hub()
    assert world.disk.runtime.epoch == 1
    runs(daemon, "e2")
    world.settle()
    assert agree(world, ada, daemon.peer).execution_ids() == ["e1", "e2"]


def test_a_daemon_that_dies_with_its_epoch_under_way_leaves_the_old_one_to_the_next_daemon() -> None:
    world, ada, daemon = office()
    daemon.rotate()
    runs(daemon, "e2")
    world.pump(daemon.peer)
    world.deliver_up(daemon.peer, 10)
    daemon.die()
    world.settle()
    stored = agree(world, ada, daemon.peer)
    assert (stored.epoch, stored.execution_ids()) == (0, ["e1"])


def test_a_hub_that_lost_its_disk_gets_the_running_daemon_s_document_back() -> None:
    cells = (CellModel(id="c", cell_type="code", source=""),)
    notebook = notebook_from_model(NOTEBOOK_ID, NotebookModel(nbformat_minor=5, cells=cells))
    for rotations in (0, 3):
        world = World(1, notebook)
        ada, daemon = world.add_peer("Ada"), SimulatedDaemon(world)
        world.settle()
        runs(daemon, "e1")
        for _ in range(rotations):
            daemon.rotate()
            world.settle()
        imported = RuntimeDoc.create(NOTEBOOK_ID, [(Execution(id="i", cell_id="c", status="imported"), ())], b"file")
        world.lose_disk(notebook, imported)
        world.settle()
        stored = agree(world, ada, daemon.peer)
        assert stored.execution_ids() == ["e1"]
        assert stored.epoch >= rotations


def test_a_foreign_peer_that_never_takes_the_epoch_harms_nobody() -> None:
    world, ada, daemon = office()
    deaf = world.add_peer("Deaf")
    world.settle()
    old = deaf.session.runtime
    daemon.rotate()
    runs(daemon, "e2")
    for _ in range(60):
        world.step(trouble=False)
        if deaf.link is not None:  # it knows no such message, and goes on about the document that it has
            deaf.link.down = type(deaf.link.down)(data for data in deaf.link.down if data[0] not in (5, 7))
    for _ in range(5):
        payload = old.replica.sync_session().generate()
        assert payload is not None
        world.inject(deaf, frame(FrameType.RUNTIME_SYNC, payload))
    world.settle()
    assert not deaf.refusals
    assert agree(world, ada, daemon.peer).execution_ids() == ["e1", "e2"]


def test_a_second_daemon_that_is_behind_is_refused_and_the_later_epoch_stays() -> None:
    world, ada, daemon = office()
    daemon.rotate()
    world.settle()
    second = SimulatedDaemon(world, "second")
    world.connect(second.peer)
    for _ in range(40):
        world.pump(second.peer)
        world.deliver_up(second.peer, 10)
        world.deliver_down(second.peer, 10)
    behind = next_epoch(RuntimeDoc.create(NOTEBOOK_ID))
    assert behind.genesis is not None
    offer = NewRuntimeEpoch(epoch=behind.epoch, genesis=behind.genesis, document=behind.replica.save())
    world.inject(second.peer, encode(offer))
    world.deliver_up(second.peer, 100)
    world.deliver_down(second.peer, 100)
    assert [refusal.code for refusal in second.peer.refusals] == [ErrorCode.WRONG_EPOCH]
    second.peer.refusals.clear()
    daemon.peer.refusals.clear()
    world.settle()
    assert world.disk.runtime.execution_ids() == executions(ada) == ["e1"]


def test_the_hub_tells_of_an_epoch_and_does_not_send_the_document_to_whoever_did_not_ask() -> None:
    world, ada, daemon = office()
    daemon.rotate()
    world.pump(daemon.peer)
    world.deliver_up(daemon.peer, 10)
    world.commit_one()
    assert ada.link is not None
    assert [data[0] for data in ada.link.down] == [FrameType.SESSION]
    assert len(ada.link.down[0]) < 200
    assert isinstance(decode(ada.link.down[0]), RuntimeEpoch)


def test_epochs_that_follow_each_other_at_random_moments_all_end_in_one() -> None:
    epochs_at_random_moments(range(20))


@pytest.mark.slow
def test_hundreds_of_epochs_at_random_moments_all_end_in_one() -> None:
    epochs_at_random_moments(range(20, 500))


def epochs_at_random_moments(seeds: Iterable[int]) -> None:
    for seed in seeds:
        world, ada, daemon = office(seed)
        vic, random, number = world.add_peer("Vic", "viewer"), Random(seed), 1
        for _ in range(150):
            dice = random.random()
            if dice < 0.08:
                daemon.rotate()
            elif dice < 0.16:
                number += 1
                runs(daemon, f"e{number}")
            elif dice < 0.17 and daemon.peer.session.runtime_sync.saved:
                daemon.die()
                number = len(executions(ada)) + 1000 * random.randrange(1, 1000)
            elif daemon.peer.session.runtime.genesis is not None or dice < 0.9:
                world.step()
                daemon.work()
        world.settle()
        stored = agree(world, ada, vic, daemon.peer)
        assert daemon.safe <= set(stored.execution_ids()), seed


def test_in_random_worlds_epochs_begin() -> None:
    assert sum(run(seed).world.epochs for seed in range(10)) >= 3
