"""One document of a peer: what is sent and when, what is saved, what a broken link costs."""

from __future__ import annotations

import pytest

from clients.peer.doc_sync import ACK_DELAY, DocSync
from clients.peer.errors import StartAgain
from notebook_doc.errors import BadSyncMessage
from notebook_doc.notebook import NotebookDoc
from notebook_doc.sync_message import Have, changes_in, decode, encode, read_change


class Pair:
    """A peer's DocSync and a hub that is nothing but a replica and a session."""

    def __init__(self, *, may_write: bool = True) -> None:
        self.hub = NotebookDoc.create("n")
        self.doc = NotebookDoc.blank()
        self.sync = DocSync(self.doc.replica, may_write=may_write)
        self.now = 0.0
        self.connect()

    def connect(self) -> None:
        self.sync.connected()
        self.session = self.hub.replica.sync_session()

    def exchange(self) -> int:
        """Until nobody has anything to say; how many messages the peer sent."""
        sent = 0
        for _ in range(20):
            self.now += 2 * ACK_DELAY
            said = self.sync.pump(self.now)
            if said is not None:
                sent += 1
                self.session.receive(said)
            answer = self.session.generate()
            if answer is not None:
                self.sync.receive(answer, self.now)
            if said is None and answer is None:
                return sent
        raise AssertionError("they still talk")


def joined(*, may_write: bool = True) -> Pair:
    pair = Pair(may_write=may_write)
    pair.exchange()
    return pair


def test_a_new_connection_says_something_at_once() -> None:
    pair = Pair()
    assert pair.sync.due == 0.0
    assert pair.sync.pump(0.0) is not None


def test_without_a_connection_nothing_is_sent_and_edits_are_kept() -> None:
    pair = joined()
    pair.sync.disconnected()
    cell = pair.doc.add_cell("offline")
    assert pair.sync.pump(100.0) is None
    assert pair.sync.due is None
    assert not pair.sync.saved
    pair.connect()
    pair.exchange()
    assert pair.hub.source(cell) == "offline"


def test_a_peer_has_joined_once_it_has_what_the_hub_has() -> None:
    pair = Pair()
    pair.hub.add_cell("x")
    assert not pair.sync.joined
    pair.exchange()
    assert pair.sync.joined
    assert len(pair.doc) == 1
    pair.connect()
    assert not pair.sync.joined


def test_a_local_edit_is_sent_at_the_next_pump() -> None:
    pair = joined()
    pair.doc.add_cell("x")
    said = pair.sync.pump(pair.now)
    assert said is not None
    assert [c.hash for c in changes_in(decode(said).chunks) or ()] == list(pair.doc.replica.heads())


def test_several_local_edits_go_in_one_message() -> None:
    pair = joined()
    for number in range(5):
        pair.doc.add_cell(f"{number}")
    said = pair.sync.pump(pair.now)
    assert said is not None
    assert len(changes_in(decode(said).chunks) or ()) == 5
    assert pair.sync.pump(pair.now) is None


@pytest.mark.parametrize("look", ["saved", "unsaved_changes", "due"])
def test_looking_does_not_keep_an_edit_from_being_sent(look: str) -> None:
    pair = joined()
    pair.doc.add_cell("x")
    looked = getattr(pair.sync, look)
    if callable(looked):
        looked()
    assert pair.sync.pump(pair.now) is not None


def test_what_only_acknowledges_waits_and_many_edits_share_one_answer() -> None:
    pair = joined()
    for number in range(4):
        pair.hub.add_cell(f"{number}")
        answer = pair.session.generate()
        assert answer is not None
        pair.sync.receive(answer, pair.now)
        assert pair.sync.pump(pair.now) is None
    assert pair.sync.due == pair.now + ACK_DELAY
    assert pair.sync.pump(pair.now + ACK_DELAY) is not None
    assert pair.sync.due is None


def test_while_joining_an_answer_is_due_at_once() -> None:
    pair = Pair()
    said = pair.sync.pump(0.0)
    assert said is not None
    pair.sync.receive(encode([bytes(32)], (), (Have((), b""),), ()), 1.0)
    assert not pair.sync.joined
    assert pair.sync.due == 1.0


def test_two_copies_that_agree_exchange_nothing() -> None:
    pair = joined()
    assert pair.exchange() == 0
    assert pair.sync.due is None


def test_an_edit_is_saved_when_the_hub_says_it_has_its_heads() -> None:
    pair = joined()
    assert pair.sync.saved
    pair.doc.add_cell("x")
    assert not pair.sync.saved
    before = pair.hub.replica.heads()
    pair.sync.pump(pair.now)
    pair.sync.receive(encode(before, (), (Have(pair.doc.replica.heads(), b""),), ()), pair.now)
    assert not pair.sync.saved  # received, as its `have` says, and not on disk, as its heads say
    pair.sync.receive(encode(pair.doc.replica.heads(), (), (Have(pair.doc.replica.heads(), b""),), ()), pair.now)
    assert pair.sync.saved


def test_unsaved_changes_are_this_peer_s_own_and_those_the_hub_has_not() -> None:
    pair = joined()
    pair.doc.add_cell("mine")
    assert [read_change(chunk).hash for chunk in pair.sync.unsaved_changes()] == []
    assert not pair.sync.saved
    mine = pair.doc.replica.heads()
    pair.hub.add_cell("theirs")
    pair.exchange()
    assert pair.sync.saved
    pair.doc.add_cell("more")
    pair.sync.pump(pair.now)
    assert [read_change(chunk).hash for chunk in pair.sync.unsaved_changes()] != list(mine)
    assert len(pair.sync.unsaved_changes()) == 1


def test_what_was_unsaved_before_a_restart_is_unsaved_after_it() -> None:
    pair = joined()
    pair.doc.add_cell("x")
    pair.sync.pump(pair.now)
    again = DocSync(pair.doc.replica, unsaved=pair.sync.unsaved_changes())
    assert not again.saved
    assert again.unsaved_changes() == pair.sync.unsaved_changes()


def test_an_edit_made_while_a_message_comes_in_is_not_taken_for_the_hub_s() -> None:
    pair = joined()
    pair.hub.add_cell("theirs")
    answer = pair.session.generate()
    assert answer is not None
    pair.doc.add_cell("mine")
    pair.sync.receive(answer, pair.now)
    assert not pair.sync.saved
    assert len(pair.sync.unsaved_changes()) == 1
    pair.exchange()
    assert pair.sync.saved
    assert len(pair.hub) == 2


def test_a_reader_that_has_more_than_the_hub_starts_again() -> None:
    pair = joined(may_write=False)
    lost = pair.hub.fork()
    lost.add_cell("forwarded, and lost in a crash")
    pair.doc.replica.merge(lost.replica)
    pair.connect()
    said = pair.sync.pump(pair.now)
    assert said is not None
    pair.session.receive(said)
    answer = pair.session.generate()
    assert answer is not None
    with pytest.raises(StartAgain):
        pair.sync.receive(answer, pair.now)


def test_bytes_that_are_no_message_are_refused() -> None:
    with pytest.raises(BadSyncMessage):
        joined().sync.receive(b"nonsense", 0.0)


def test_a_message_that_comes_after_the_link_broke_is_ignored() -> None:
    pair = joined()
    pair.sync.disconnected()
    pair.sync.receive(b"whatever", 0.0)
    assert pair.sync.due is None
