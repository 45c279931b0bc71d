"""RuntimeDoc is started afresh: who may, what everybody is told, and why what was under way does no harm."""

from __future__ import annotations

import pytest

from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import Replica
from notebook_doc.rotation import next_epoch
from notebook_doc.runtime import RuntimeDoc
from notebook_doc.runtime_records import Execution
from relay.errors import ErrorCode, WireError
from relay.frames import FrameType, frame
from relay.messages import NewRuntimeEpoch, RuntimeEpoch, RuntimeEpochTaken, encode
from sync_server.effects import BeginEpoch, PeerKey, PersistDoc, SendFrame
from sync_server.epochs import checked_epoch
from sync_server.room import Room
from tests.sync_server.test_room import ADA, DAEMON, ID, NEWER, closed, info, office, told


def ran(doc: RuntimeDoc, name: str) -> RuntimeDoc:
    doc.record(Execution(id=name, cell_id="c", status="done"))
    return doc


def epoch(number: int = 1, notebook_id: str = ID) -> RuntimeDoc:
    return next_epoch(ran(RuntimeDoc.create(notebook_id), "e1"), number=number)


def offer(doc: RuntimeDoc) -> NewRuntimeEpoch:
    assert doc.genesis is not None
    return NewRuntimeEpoch(epoch=doc.epoch, genesis=doc.genesis, document=doc.replica.save())


def begun(made: Room, doc: RuntimeDoc) -> list[object]:
    """The daemon offers this document and the shell stores it."""
    (effect,) = made.receive(DAEMON, encode(offer(doc)), 0.0)
    assert isinstance(effect, BeginEpoch)
    return list(made.epoch_begun(checked_epoch(ID, effect.offer), 0.0))


def said(doc: Replica) -> bytes:
    """The first sync message of a peer with this document."""
    payload = doc.sync_session().generate()
    assert payload is not None
    return frame(FrameType.RUNTIME_SYNC, payload)


def answers(made: Room, peer: PeerKey, whole_frame: bytes) -> list[SendFrame]:
    effects = [*made.receive(peer, whole_frame, 0.0), *made.end_of_turn(0.0)]
    return [effect for effect in effects if isinstance(effect, SendFrame) and effect.frame[0] == 5]


def test_only_the_daemon_may_offer_an_epoch() -> None:
    made = office()
    assert closed(made.receive(ADA, encode(offer(epoch())), 0.0)) == [(ADA, ErrorCode.BAD_FRAME)]
    assert made.runtime_epoch == 0


def test_everybody_is_told_once_it_is_stored_and_not_before() -> None:
    made, doc = office(), epoch()
    effects = made.receive(DAEMON, encode(offer(doc)), 0.0)
    assert effects == [BeginEpoch(DAEMON, offer(doc))]
    assert made.runtime_epoch == 0
    effects = made.epoch_begun(doc.replica, 0.0)
    assert doc.genesis is not None
    for peer in (ADA, DAEMON):
        assert told(effects, peer) == [RuntimeEpoch(epoch=1, genesis=doc.genesis)]
    assert (made.runtime_epoch, made.runtime_genesis) == (1, doc.genesis)
    assert made.runtime.durable_heads == doc.replica.heads()


def test_an_epoch_that_is_not_later_is_refused_with_the_reason() -> None:
    made = office()
    begun(made, epoch(2))
    for late in (epoch(1), ran(epoch(2), "e2"), next_epoch(epoch(1), number=2)):
        made.join(DAEMON, info("Daemon"), "daemon")
        if late.genesis != made.runtime_genesis:
            assert closed(made.receive(DAEMON, encode(offer(late)), 0.0)) == [(DAEMON, ErrorCode.WRONG_EPOCH)]
    assert made.runtime_epoch == 2


def test_a_daemon_that_was_not_told_and_offers_the_same_again_is_told() -> None:
    made, doc = office(), epoch()
    begun(made, doc)
    assert doc.genesis is not None
    told_again = told(made.receive(DAEMON, encode(offer(ran(doc, "later"))), 0.0), DAEMON)
    assert told_again == [RuntimeEpoch(epoch=1, genesis=doc.genesis)]


def test_what_a_member_says_of_the_old_document_is_ignored_until_it_knows_of_the_new() -> None:
    made, old, doc = office(), RuntimeDoc.create(ID), epoch()
    begun(made, doc)
    assert answers(made, ADA, said(old.replica)) == []
    made.receive(ADA, encode(RuntimeEpochTaken(epoch=0)), 0.0)
    assert answers(made, ADA, said(old.replica)) == []
    made.receive(ADA, encode(RuntimeEpochTaken(epoch=1)), 0.0)
    (answer,) = answers(made, ADA, said(RuntimeDoc.blank().replica))
    mine = RuntimeDoc.blank().replica
    mine.sync_session().receive(answer.frame[1:])
    assert mine.heads() == doc.replica.heads()


def test_changes_of_the_old_document_that_arrive_late_are_not_stored_in_the_new() -> None:
    made, old = office(), RuntimeDoc.create(ID)
    begun(made, next_epoch(ran(RuntimeDoc(old.replica.fork()), "e1")))
    session = old.replica.sync_session()
    session.generate()
    made.receive(DAEMON, said(ran(old, "late").replica), 0.0)
    made.end_of_turn(0.0)
    assert not made.has_work
    assert made.work(0.0) == []


def test_the_daemon_writes_on_in_the_new_document() -> None:
    made, doc = office(), epoch()
    begun(made, doc)
    made.receive(DAEMON, encode(RuntimeEpochTaken(epoch=1)), 0.0)
    session = doc.replica.sync_session()
    first = session.generate()
    assert first is not None
    (answer,) = answers(made, DAEMON, frame(FrameType.RUNTIME_SYNC, first))
    session.receive(answer.frame[1:])
    ran(doc, "e2")
    news = session.generate()
    assert news is not None
    made.receive(DAEMON, frame(FrameType.RUNTIME_SYNC, news), 0.0)
    made.end_of_turn(0.0)
    effects = made.work(0.0)
    assert [effect.doc for effect in effects if isinstance(effect, PersistDoc)] == [FrameType.RUNTIME_SYNC]
    made.committed(FrameType.RUNTIME_SYNC, 0.0)
    assert made.runtime.durable_heads == doc.replica.heads()


def test_whoever_was_welcomed_to_the_old_document_and_comes_in_after_the_switch_is_told() -> None:
    made, doc = office(), epoch()
    old = made.runtime_genesis
    begun(made, doc)
    assert doc.genesis is not None
    effects = made.join(NEWER, info("Newer"), "editor", old)
    assert RuntimeEpoch(epoch=1, genesis=doc.genesis) in told(effects, NEWER)
    assert answers(made, NEWER, said(RuntimeDoc.create(ID).replica)) == []
    effects = made.join(PeerKey(9), info("Nine"), "editor", doc.genesis)
    assert not any(isinstance(message, RuntimeEpoch) for message in told(effects, PeerKey(9)))


def test_a_member_whose_queue_is_busy_is_still_skipped_in_the_new_epoch() -> None:
    made, doc = office(), epoch()
    made.busy(ADA)
    begun(made, doc)
    made.receive(ADA, encode(RuntimeEpochTaken(epoch=1)), 0.0)
    assert answers(made, ADA, said(RuntimeDoc.blank().replica)) == []
    effects = made.drained(ADA)
    assert [effect.peer for effect in effects if isinstance(effect, SendFrame) and effect.frame[0] == 5] == [ADA]


def test_a_room_with_an_epoch_under_way_does_not_leave_memory() -> None:
    made = office()
    made.leave(ADA)
    assert made.empty
    made.receive(DAEMON, encode(offer(epoch())), 0.0)
    assert not made.empty
    made.epoch_dropped(DAEMON)
    assert made.empty


def test_an_offer_of_a_daemon_that_has_gone_no_longer_counts() -> None:
    made, doc = office(), epoch()
    made.receive(DAEMON, encode(offer(doc)), 0.0)
    assert made.wants_epoch(DAEMON, offer(doc))
    made.leave(DAEMON)
    assert not made.wants_epoch(DAEMON, offer(doc))
    assert made.epoch_dropped(DAEMON) == []


def test_a_daemon_whose_offer_is_not_what_it_says_is_sent_away() -> None:
    made, doc = office(), epoch()
    made.receive(DAEMON, encode(offer(doc)), 0.0)
    with pytest.raises(WireError) as caught:
        checked_epoch(ID, replace_document(offer(doc), b"rubbish"))
    assert closed(made.epoch_dropped(DAEMON, caught.value)) == [(DAEMON, ErrorCode.WRONG_EPOCH)]


def replace_document(offered: NewRuntimeEpoch, document: bytes) -> NewRuntimeEpoch:
    return NewRuntimeEpoch(epoch=offered.epoch, genesis=offered.genesis, document=document)


@pytest.mark.parametrize(
    "wrong",
    [
        NewRuntimeEpoch(epoch=2, genesis=offer(epoch()).genesis, document=offer(epoch()).document),
        NewRuntimeEpoch(epoch=1, genesis=bytes(16), document=offer(epoch()).document),
        offer(epoch(notebook_id="another")),
        replace_document(offer(epoch()), NotebookDoc.create(ID).replica.save()),
        replace_document(offer(epoch()), RuntimeDoc.blank().replica.save()),
        replace_document(offer(epoch()), offer(epoch()).document[:-1]),
        replace_document(offer(epoch()), b""),
    ],
    ids=["another number", "another identity", "another notebook", "a NotebookDoc", "a seed", "cut off", "nothing"],
)
def test_a_document_that_is_not_what_the_offer_says_is_refused(wrong: NewRuntimeEpoch) -> None:
    with pytest.raises(WireError, match="was refused") as caught:
        checked_epoch(ID, wrong)
    assert caught.value.code == ErrorCode.WRONG_EPOCH
    assert caught.value.hint


def test_a_document_that_is_what_the_offer_says_is_loaded() -> None:
    doc = epoch(5)
    assert checked_epoch(ID, offer(doc)).heads() == doc.replica.heads()
