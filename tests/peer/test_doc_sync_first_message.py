"""What a peer makes of the first message on a connection."""

from __future__ import annotations

from clients.peer.doc_sync import DocSync
from notebook_doc.notebook import NotebookDoc
from notebook_doc.runtime import RuntimeDoc
from notebook_doc.sync_message import decode


def test_a_reader_from_whom_the_filter_hides_something_asks_for_it() -> None:
    """A Bloom filter of what the peer has contains, now and then, what it has not: the first answer then lacks changes.

    A read-only peer must not take that for a hub that lost changes, and begin again for ever.
    """
    for number in range(1000):
        hub_doc = RuntimeDoc.create(f"notebook {number}")
        hub = hub_doc.replica
        peer = DocSync(hub.fork(), may_write=False)
        hub_doc.set_queue(["an execution"])
        session = hub.sync_session()
        peer.connected()
        first = peer.pump(0.0)
        assert first is not None
        session.receive(first)
        answer = session.generate()
        assert answer is not None
        if decode(answer).chunks:
            continue
        for _ in range(5):
            peer.receive(answer, 0.0)
            question = peer.pump(0.0)
            if peer.joined or question is None:
                break
            session.receive(question)
            answer = session.generate() or answer
        assert peer.joined
        assert peer.replica.heads() == hub.heads()
        return
    raise AssertionError("the filter hid nothing from anybody: this test tests nothing")


def test_a_replica_of_nothing_but_a_seed_is_sent_one_whole_document_and_answers_nothing() -> None:
    hub = NotebookDoc.create("n")
    cell = hub.add_cell("x = 1")
    doc = NotebookDoc.blank()
    peer = DocSync(doc.replica)
    session = hub.replica.sync_session()
    peer.connected()
    first = peer.pump(0.0)
    assert first is not None
    session.receive(first)
    answer = session.generate()
    assert answer is not None
    assert decode(answer).whole_document is not None
    peer.receive(answer, 0.0)
    assert peer.joined
    assert doc.source(cell) == "x = 1"
    assert doc.replica.heads() == hub.replica.heads()
    assert peer.pump(10.0) is None


def test_edits_made_before_the_whole_document_came_are_kept_and_sent() -> None:
    hub = NotebookDoc.create("n")
    there = hub.add_cell("there")
    doc = NotebookDoc.blank()
    peer = DocSync(doc.replica)
    session = hub.replica.sync_session()
    peer.connected()
    first = peer.pump(0.0)
    assert first is not None
    here = doc.add_cell("here")
    session.receive(first)
    answer = session.generate()
    assert answer is not None
    peer.receive(answer, 0.0)
    assert {here, there} == set(doc.cell_ids())
    while (said := peer.pump(10.0)) is not None:
        session.receive(said)
        if (answer := session.generate()) is not None:
            peer.receive(answer, 10.0)
    assert set(hub.cell_ids()) == {here, there}
