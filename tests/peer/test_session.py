"""A peer's session: greeting, both documents, requests that outlive links, recovery."""

from __future__ import annotations

import pytest

from clients.peer.errors import StartAgain
from clients.peer.session import MAX_PENDING_REQUESTS, PeerSession, Phase, replica_from
from notebook_doc.errors import CorruptDocument
from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import Replica
from notebook_doc.rotation import next_epoch
from notebook_doc.runtime import RuntimeDoc
from notebook_doc.runtime_records import Execution
from relay.errors import ErrorCode, MalformedFrame, Refused, WireError
from relay.frames import FrameType, frame
from relay.messages import (
    PROTOCOL_VERSION,
    ErrorInfo,
    Hello,
    Message,
    NewRuntimeEpoch,
    PeerInfo,
    PresenceState,
    Request,
    Response,
    Role,
    RuntimeEpoch,
    RuntimeEpochTaken,
    SessionError,
    Welcome,
    decode,
    encode,
)
from relay.requests import Execute

ID = "6f1c2a4e-0000-4000-8000-000000000004"
HUB_DOC, HUB_RUNTIME = NotebookDoc.create(ID), RuntimeDoc.create(ID)


def session(notebook: NotebookDoc | None = None) -> PeerSession:
    return PeerSession(ID, PeerInfo(peer_id="p", name="Ada"), "token", notebook=notebook)


def welcome(genesis: bytes | None = None, runtime: bytes | None = None, role: str = "editor", epoch: int = 0) -> bytes:
    assert HUB_DOC.genesis is not None
    assert HUB_RUNTIME.genesis is not None
    return encode(
        Welcome(
            protocol=PROTOCOL_VERSION,
            schema=1,
            server_id="s",
            notebook_id=ID,
            role=role,  # type: ignore[arg-type]  # one of the literals
            genesis=genesis or HUB_DOC.genesis,
            runtime_genesis=runtime or HUB_RUNTIME.genesis,
            runtime_epoch=epoch,
        )
    )


def opened(notebook: NotebookDoc | None = None) -> PeerSession:
    peer = session(notebook)
    peer.connected()
    peer.pump(0.0)
    peer.receive(welcome(), 0.0)
    return peer


def sent(peer: PeerSession, now: float = 0.0) -> list[Message]:
    """What is pumped that is no sync message."""
    messages = [decode(data) for data in peer.pump(now) if data[0] not in (0, 5)]
    return [message for message in messages if message is not None]


def test_the_first_frame_is_hello_and_nothing_else_is_sent_before_the_welcome() -> None:
    peer = session()
    assert peer.phase is Phase.OFFLINE
    assert peer.pump(0.0) == []
    peer.connected()
    assert peer.phase is Phase.GREETING
    (hello,) = sent(peer)
    assert isinstance(hello, Hello)
    assert (hello.notebook_id, hello.token, hello.role, hello.genesis) == (ID, "token", "editor", None)
    assert peer.pump(1.0) == []
    assert peer.due is None


def test_hello_names_the_document_that_the_peer_holds() -> None:
    peer = session(NotebookDoc(HUB_DOC.replica.fork()))
    peer.connected()
    (hello,) = sent(peer)
    assert isinstance(hello, Hello)
    assert hello.genesis == HUB_DOC.genesis


def test_after_the_welcome_both_documents_are_synced() -> None:
    peer = opened()
    assert peer.phase is Phase.OPEN
    assert {data[0] for data in peer.pump(0.0)} == {FrameType.NOTEBOOK_SYNC, FrameType.RUNTIME_SYNC}


def test_the_role_is_the_one_granted() -> None:
    peer = session()
    peer.connected()
    peer.receive(welcome(role="viewer"), 0.0)
    assert peer.role == "viewer"


def test_a_hub_with_another_document_is_refused_and_nothing_is_synced() -> None:
    peer = session(NotebookDoc(HUB_DOC.replica.fork()))
    peer.connected()
    peer.pump(0.0)
    with pytest.raises(Refused) as caught:
        peer.receive(welcome(genesis=bytes(16)), 0.0)
    assert caught.value.code == ErrorCode.WRONG_GENESIS
    assert peer.phase is not Phase.OPEN
    assert peer.pump(1.0) == []


def ran(doc: RuntimeDoc, name: str) -> RuntimeDoc:
    doc.record(Execution(id=name, cell_id="c", status="done"))
    return doc


def with_runtime(doc: RuntimeDoc, role: Role = "editor") -> PeerSession:
    """A peer that has this RuntimeDoc from an earlier connection."""
    peer = PeerSession(ID, PeerInfo(peer_id="p", name="Ada"), "token", role=role)
    peer.runtime.replica.apply(doc.replica.changes_since(()))
    peer.connected()
    peer.pump(0.0)
    return peer


def begins(doc: RuntimeDoc) -> bytes:
    assert doc.genesis is not None
    return encode(RuntimeEpoch(epoch=doc.epoch, genesis=doc.genesis))


def sync_with(peer: PeerSession, doc: RuntimeDoc) -> None:
    """Let the peer talk to a hub that has this RuntimeDoc, until neither has anything to say."""
    hub = doc.replica.sync_session()
    for _ in range(10):
        for data in peer.pump(1.0):
            if data[0] == FrameType.RUNTIME_SYNC:
                hub.receive(data[1:])
        answer = hub.generate()
        if answer is not None:
            peer.receive(frame(FrameType.RUNTIME_SYNC, answer), 1.0)


def test_a_runtime_of_another_life_stays_until_the_hub_s_is_complete() -> None:
    hub = next_epoch(ran(RuntimeDoc.create(ID), "e1"))
    peer = with_runtime(ran(RuntimeDoc.create(ID), "old"))
    peer.receive(welcome(runtime=hub.genesis), 0.0)
    assert peer.runtime.execution_ids() == ["old"]
    assert not peer.runtime_joined
    sync_with(peer, hub)
    assert peer.runtime.execution_ids() == ["e1"]
    assert peer.runtime_joined


def test_a_new_epoch_is_fetched_beside_the_old_document_and_then_takes_its_place_at_once() -> None:
    old = ran(RuntimeDoc.create(ID), "e1")
    fresh = ran(next_epoch(old), "e2")
    peer = with_runtime(old)
    peer.receive(welcome(runtime=old.genesis), 0.0)
    sync_with(peer, old)
    peer.receive(begins(fresh), 1.0)
    frames = peer.pump(1.0)
    assert decode(frames[0]) == RuntimeEpochTaken(epoch=1)
    assert [data[0] for data in frames].count(FrameType.RUNTIME_SYNC) == 1
    assert peer.runtime.execution_ids() == ["e1"]
    hub = fresh.replica.sync_session()
    hub.receive(next(data[1:] for data in frames if data[0] == FrameType.RUNTIME_SYNC))
    answer = hub.generate()
    assert answer is not None
    peer.receive(frame(FrameType.RUNTIME_SYNC, answer), 1.0)
    assert peer.runtime.execution_ids() == ["e1", "e2"]
    assert peer.runtime.epoch == 1
    assert peer.runtime_joined


def test_an_epoch_that_is_followed_by_another_before_it_arrived_is_given_up() -> None:
    old = RuntimeDoc.create(ID)
    first = ran(next_epoch(old), "e1")
    second = ran(next_epoch(first), "e2")
    peer = with_runtime(old)
    peer.receive(welcome(runtime=old.genesis), 0.0)
    peer.receive(begins(first), 0.0)
    peer.receive(begins(second), 0.0)
    taken = [message for message in sent(peer) if isinstance(message, RuntimeEpochTaken)]
    assert [message.epoch for message in taken] == [1, 2]
    peer.disconnected()
    peer.connected()
    peer.receive(welcome(runtime=second.genesis), 0.0)
    sync_with(peer, second)
    assert peer.runtime.execution_ids() == ["e1", "e2"]


def test_the_daemon_shows_its_new_epoch_at_once_and_syncs_it_when_the_hub_has_stored_it() -> None:
    peer = with_runtime(ran(RuntimeDoc.create(ID), "e1"), "daemon")
    peer.receive(welcome(runtime=peer.runtime.genesis, role="daemon"), 0.0)
    peer.pump(0.0)
    fresh = next_epoch(peer.runtime)
    peer.begin_epoch(fresh)
    assert peer.runtime is fresh
    ran(fresh, "e2")
    (offer,) = peer.pump(1.0)
    assert isinstance(decode(offer), NewRuntimeEpoch)
    assert peer.pump(2.0) == []
    assert not peer.runtime_sync.saved
    peer.receive(begins(fresh), 2.0)
    taken, _news = peer.pump(2.0)
    assert decode(taken) == RuntimeEpochTaken(epoch=1)
    peer.receive(begins(fresh), 2.0)  # told twice
    assert not any(isinstance(message, RuntimeEpochTaken) for message in sent(peer))


def offered(peer: PeerSession) -> NewRuntimeEpoch | None:
    return next((message for message in sent(peer) if isinstance(message, NewRuntimeEpoch)), None)


def test_a_daemon_offers_its_epoch_again_to_a_hub_that_never_stored_it() -> None:
    old = ran(RuntimeDoc.create(ID), "e1")
    peer = with_runtime(ran(next_epoch(old), "e2"), "daemon")
    peer.receive(welcome(runtime=old.genesis, role="daemon"), 0.0)
    offer = offered(peer)
    assert offer is not None
    assert (offer.epoch, offer.genesis) == (1, peer.runtime.genesis)
    assert RuntimeDoc(Replica.load(offer.document)).execution_ids() == ["e1", "e2"]


def test_a_daemon_gives_its_document_to_a_hub_that_has_lost_it_and_begun_another_of_the_same_number() -> None:
    peer = with_runtime(ran(next_epoch(RuntimeDoc.create(ID)), "e1"), "daemon")
    peer.receive(welcome(runtime=bytes(16), role="daemon", epoch=1), 0.0)
    offer = offered(peer)
    assert offer is not None
    assert offer.epoch == 2
    assert peer.runtime.execution_ids() == ["e1"]
    assert not peer.runtime_sync.saved


def test_a_daemon_that_is_behind_the_hub_s_epoch_takes_the_hub_s() -> None:
    mine = ran(RuntimeDoc.create(ID), "mine")
    hub = next_epoch(ran(RuntimeDoc.create(ID), "theirs"), number=4)
    peer = with_runtime(mine, "daemon")
    peer.receive(welcome(runtime=hub.genesis, role="daemon", epoch=4), 0.0)
    assert offered(peer) is None
    peer.disconnected()
    peer.connected()
    peer.receive(welcome(runtime=hub.genesis, role="daemon", epoch=4), 0.0)
    sync_with(peer, hub)
    assert peer.runtime.execution_ids() == ["theirs"]


def test_a_refusal_says_what_the_hub_said() -> None:
    peer = session()
    peer.connected()
    with pytest.raises(Refused) as caught:
        peer.receive(encode(SessionError(code="unauthorized", message="The token is wrong.", hint="Ask.")), 0.0)
    assert (caught.value.code, caught.value.message, caught.value.hint) == (
        "unauthorized",
        "The token is wrong.",
        "Ask.",
    )


def test_a_complaint_that_is_not_fatal_is_handed_on() -> None:
    complaint = SessionError(code="bad_request", message="ignored", fatal=False)
    assert opened().receive(encode(complaint), 0.0) == complaint


def test_a_frame_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(MalformedFrame):
        opened().receive(b"\x07\xc1", 0.0)
    with pytest.raises(MalformedFrame):
        opened().receive(b"", 0.0)


def test_a_frame_of_a_later_protocol_is_skipped() -> None:
    assert opened().receive(b"\x66later", 0.0) is None


def test_an_edit_is_sent_before_the_request_that_relies_on_it() -> None:
    peer = opened(NotebookDoc(HUB_DOC.replica.fork()))
    peer.pump(0.0)
    peer.notebook.add_cell("x")
    peer.request(Execute())
    kinds = [data[0] for data in peer.pump(0.0)]
    assert kinds == [FrameType.NOTEBOOK_SYNC, FrameType.REQUEST]


def test_a_request_names_the_heads_it_was_made_at() -> None:
    peer = opened(NotebookDoc(HUB_DOC.replica.fork()))
    peer.notebook.add_cell("x")
    heads = peer.notebook.replica.heads()
    peer.request(Execute())
    peer.notebook.add_cell("later")
    (request,) = sent(peer)
    assert isinstance(request, Request)
    assert tuple(request.required_heads) == heads


def test_a_request_without_an_answer_is_made_again_under_the_same_id() -> None:
    peer = opened()
    request_id = peer.request(Execute())
    (first,) = sent(peer)
    peer.disconnected()
    peer.connected()
    peer.pump(0.0)
    peer.receive(welcome(), 0.0)
    assert sent(peer) == [first]
    assert isinstance(first, Request)
    assert first.id == request_id


def test_a_request_made_without_a_link_is_sent_by_the_next() -> None:
    peer = session()
    request_id = peer.request(Execute())
    peer.connected()
    peer.pump(0.0)
    peer.receive(welcome(), 0.0)
    assert [request.id for request in sent(peer) if isinstance(request, Request)] == [request_id]


@pytest.mark.parametrize("error", [None, ErrorInfo(code="kernel", message="no")])
def test_a_request_that_was_answered_is_not_made_again(error: ErrorInfo | None) -> None:
    peer = opened()
    request_id = peer.request(Execute())
    response = Response(id=request_id, error=error)
    assert peer.receive(encode(response), 0.0) == response
    peer.disconnected()
    peer.connected()
    peer.pump(0.0)
    peer.receive(welcome(), 0.0)
    assert sent(peer) == []


def test_a_forgotten_request_is_not_made_again() -> None:
    peer = session()
    peer.forget_request(peer.request(Execute()))
    peer.connected()
    peer.pump(0.0)
    peer.receive(welcome(), 0.0)
    assert sent(peer) == []


def test_unanswered_requests_are_bounded() -> None:
    peer = session()
    for _ in range(MAX_PENDING_REQUESTS):
        peer.request(Execute())
    with pytest.raises(WireError):
        peer.request(Execute())


def test_presence_is_said_again_on_the_next_connection() -> None:
    peer = opened()
    peer.set_presence(PresenceState(state={"cell": "a"}))
    assert sent(peer) == [PresenceState(state={"cell": "a"})]
    peer.disconnected()
    peer.connected()
    peer.pump(0.0)
    peer.receive(welcome(), 0.0)
    assert sent(peer) == [PresenceState(state={"cell": "a"})]


def test_after_a_panic_a_session_keeps_its_own_unsaved_edits_and_nothing_else() -> None:
    hub = NotebookDoc(HUB_DOC.replica.fork())
    peer = opened(NotebookDoc(hub.replica.fork()))
    peer.notebook.add_cell("unsaved", cell_id="mine")
    peer.pump(0.0)
    peer.disconnected()
    peer.start_afresh()
    assert peer.notebook.genesis is None
    assert not peer.notebook_sync.saved
    peer.notebook.replica.apply(hub.replica.changes_since(()))  # what the next connection brings
    assert peer.notebook.source("mine") == "unsaved"


def test_a_read_only_session_that_has_more_than_the_hub_begins_again_with_nothing() -> None:
    viewer = PeerSession(
        ID, PeerInfo(peer_id="v", name="V"), "t", role="viewer", notebook=NotebookDoc(HUB_DOC.replica.fork())
    )
    lost = HUB_DOC.fork()
    lost.add_cell("lost by the hub")
    viewer.notebook.replica.merge(lost.replica)
    viewer.connected()
    viewer.receive(welcome(role="viewer"), 0.0)
    hub = HUB_DOC.replica.sync_session()
    said = next(data for data in viewer.pump(0.0) if data[0] == FrameType.NOTEBOOK_SYNC)
    hub.receive(said[1:])
    answer = hub.generate()
    assert answer is not None
    with pytest.raises(StartAgain):
        viewer.receive(frame(FrameType.NOTEBOOK_SYNC, answer), 0.0)
    assert viewer.notebook.genesis is None


def test_a_saved_notebook_is_loaded_or_refused() -> None:
    assert replica_from(HUB_DOC.replica.save()).genesis == HUB_DOC.genesis
    with pytest.raises(CorruptDocument):
        replica_from(b"nothing")
