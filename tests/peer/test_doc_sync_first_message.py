"""What a peer makes of the first message on a connection."""

from __future__ import annotations

from clients.peer.doc_sync import DocSync
from notebook_doc.runtime import RuntimeDoc
from notebook_doc.sync_message import decode


def test_a_reader_whom_the_filter_hides_the_beginning_from_asks_for_it() -> None:
    """A Bloom filter of what the peer has contains, now and then, what it has not: the first answer then lacks changes.

    A read-only peer must not take that for a hub that lost changes, and begin again for ever.
    """
    for number in range(1000):
        hub = RuntimeDoc.create(f"notebook {number}").replica
        peer = DocSync(RuntimeDoc.blank().replica, may_write=False)
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
