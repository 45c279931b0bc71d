"""Requests over links that break: answered once, run once, and never before the edit they rely on."""

from __future__ import annotations

from relay.errors import ErrorCode
from relay.messages import Response
from relay.requests import Execute, Save
from sync_server.requests import DAEMON_PATIENCE
from tests.simulation.daemon import SimulatedDaemon
from tests.simulation.world import SimulatedPeer, World


def office(seed: int = 1) -> tuple[World, SimulatedPeer, SimulatedDaemon]:
    world = World(seed)
    ada, daemon = world.add_peer("Ada"), SimulatedDaemon(world)
    world.settle()
    ada.doc.add_cell("", cell_id="cell")
    world.settle()
    return world, ada, daemon


def answers(peer: SimulatedPeer, request_id: str) -> list[Response]:
    return [m for m in peer.received if isinstance(m, Response) and m.id == request_id]


def finish(world: World, daemon: SimulatedDaemon) -> None:
    for _ in range(2):
        world.settle()
        daemon.work()
    world.settle()


def test_a_request_made_after_an_edit_runs_the_edit() -> None:
    world, ada, daemon = office()
    ada.doc.splice_source("cell", 0, 0, "x = 1")
    request_id = ada.session.request(Execute(cell_ids=["cell"]))
    finish(world, daemon)
    (answer,) = answers(ada, request_id)
    assert answer.result["sources"] == {"cell": "x = 1"}


def test_the_edit_goes_up_before_the_request_that_relies_on_it() -> None:
    world, ada, _ = office()
    ada.doc.splice_source("cell", 0, 0, "x = 1")
    ada.session.request(Execute(cell_ids=["cell"]))
    world.pump(ada)
    assert ada.link is not None
    assert [data[0] for data in ada.link.up] == [0x00, 0x01]


def test_a_daemon_that_has_not_got_the_edit_yet_waits_for_it() -> None:
    world, ada, daemon = office()
    ada.doc.splice_source("cell", 0, 0, "first")
    heads = ada.doc.replica.heads()
    world.settle()
    late = ada.doc.fork()
    late.splice_source("cell", 0, 5, "second")
    request_id = ada.session.request(Execute(cell_ids=["cell"]), required_heads=late.replica.heads())
    finish(world, daemon)
    assert answers(ada, request_id) == []
    assert ada.doc.replica.heads() == heads
    ada.doc.replica.merge(late.replica)
    finish(world, daemon)
    (answer,) = answers(ada, request_id)
    assert answer.result["sources"] == {"cell": "second"}


def test_a_request_whose_answer_was_lost_with_the_link_is_answered_by_the_first_answer() -> None:
    world, ada, daemon = office()
    request_id = ada.session.request(Execute(cell_ids=["cell"]))
    for peer in (ada, daemon.peer):
        world.pump(peer)
        world.deliver_up(peer, 10)
        world.deliver_down(daemon.peer, 10)
    daemon.work()
    world.pump(daemon.peer)
    world.deliver_up(daemon.peer, 10)
    world.cut(ada)  # with the answer on its way
    assert len(daemon.answered) == 1
    finish(world, daemon)
    assert len(answers(ada, request_id)) == 1
    assert len(daemon.answered) == 1


def test_a_request_is_run_once_though_the_hub_forgot_it_in_a_crash() -> None:
    world, ada, daemon = office()
    request_id = ada.session.request(Execute(cell_ids=["cell"]))
    for peer in (ada, daemon.peer):
        world.pump(peer)
        world.deliver_up(peer, 10)
        world.deliver_down(daemon.peer, 10)
    daemon.work()
    world.crash_hub()
    finish(world, daemon)
    assert len(answers(ada, request_id)) == 1
    assert len(daemon.peer.session.runtime.execution_ids()) == 1


def test_a_daemon_whose_link_broke_is_asked_again_when_it_is_back() -> None:
    world, ada, daemon = office()
    world.cut(daemon.peer)
    request_id = ada.session.request(Execute(cell_ids=["cell"]))
    world.pump(ada)
    world.deliver_up(ada, 10)
    finish(world, daemon)
    assert len(answers(ada, request_id)) == 1


def test_without_a_daemon_a_request_fails_when_patience_is_over_and_may_be_made_again() -> None:
    world = World(1)
    ada = world.add_peer("Ada")
    world.settle()
    request_id = ada.session.request(Execute())
    world.settle()
    world.pass_time(DAEMON_PATIENCE + 1)
    world.deliver_down(ada, 10)
    (answer,) = answers(ada, request_id)
    assert answer.error is not None
    assert answer.error.code == ErrorCode.NO_DAEMON


def test_a_request_to_save_is_served_by_the_hub_itself() -> None:
    world, ada, daemon = office()
    ada.session.request(Save())
    world.settle()
    daemon.work()
    assert [type(served.request.body) for served in world.served] == [Save]
    assert daemon.answered == {}


def test_a_daemon_that_comes_while_an_old_one_is_there_takes_over_and_the_old_one_writes_no_more() -> None:
    world, ada, old = office()
    new = SimulatedDaemon(world, "newer")
    world.connect(new.peer)
    world.pump(new.peer)
    world.deliver_up(new.peer, 10)
    old.peer.session.runtime.set_queue(["by the old one"])
    request_id = ada.session.request(Execute(cell_ids=["cell"]))
    finish(world, new)
    assert [refusal.code for refusal in old.peer.refusals] == [ErrorCode.FORBIDDEN]
    assert len(answers(ada, request_id)) == 1
    assert list(new.answered) != []
    assert ada.session.runtime.queue() == []
