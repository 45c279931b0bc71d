"""A room's members, their roles, presence, and requests on their way; nobody's error is anybody else's."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from notebook_doc.notebook import NotebookDoc
from notebook_doc.runtime import RuntimeDoc
from notebook_doc.sync_message import Have
from notebook_doc.sync_message import encode as sync_message
from relay.errors import ErrorCode
from relay.frames import FrameType, frame
from relay.messages import (
    CommMessage,
    ErrorInfo,
    Message,
    NotebookSaved,
    PeerInfo,
    PresenceLeft,
    PresencePeers,
    PresenceState,
    Request,
    Response,
    Role,
    decode,
    encode,
)
from relay.requests import CommSend, Execute, Save
from sync_server.effects import Close, PeerKey, PersistDoc, RoomEffect, SendFrame, ServeRequest
from sync_server.requests import DAEMON_PATIENCE, MAX_REQUESTS
from sync_server.room import ACKNOWLEDGE_EVERY, Room

ID = "6f1c2a4e-0000-4000-8000-000000000005"
ADA, BOB, DAEMON, NEWER = PeerKey(1), PeerKey(2), PeerKey(3), PeerKey(4)


def room() -> Room:
    return Room(ID, NotebookDoc.create(ID).replica, RuntimeDoc.create(ID).replica)


def info(name: str) -> PeerInfo:
    return PeerInfo(peer_id=name.lower(), name=name)


def told(effects: Iterable[RoomEffect], peer: PeerKey) -> list[Message]:
    """What a member is sent that is no sync message."""
    messages = [decode(effect.frame) for effect in effects if isinstance(effect, SendFrame) and effect.peer == peer]
    return [message for message in messages if message is not None]


def closed(effects: Iterable[RoomEffect]) -> list[tuple[PeerKey, str]]:
    return [(effect.peer, effect.error.code) for effect in effects if isinstance(effect, Close)]


def office(role: Role = "editor") -> Room:
    """Ada and a daemon."""
    made = room()
    made.join(ADA, info("Ada"), role)
    made.join(DAEMON, info("Daemon"), "daemon")
    return made


def ask(made: Room, request_id: str = "r1", peer: PeerKey = ADA, now: float = 0.0) -> list[RoomEffect]:
    return made.receive(peer, encode(Request(id=request_id, body=Execute(), required_heads=[bytes(32)])), now)


def forwarded(effects: Iterable[RoomEffect]) -> Request:
    (request,) = [message for message in told(effects, DAEMON) if isinstance(message, Request)]
    return request


# --- members and presence ---------------------------------------------------------------------------------------------


def test_a_newcomer_learns_who_is_here_and_the_others_learn_of_it() -> None:
    made = room()
    made.join(ADA, info("Ada"), "editor")
    effects = made.join(BOB, info("Bob"), "viewer")
    (everyone,) = told(effects, BOB)
    (newcomer,) = told(effects, ADA)
    assert isinstance(everyone, PresencePeers)
    assert isinstance(newcomer, PresencePeers)
    assert {present.peer.name for present in everyone.peers} == {"Ada", "Bob"}
    assert [(present.peer.name, present.role) for present in newcomer.peers] == [("Bob", "viewer")]


def test_where_somebody_is_goes_to_the_others_and_to_who_comes_later() -> None:
    made = room()
    made.join(ADA, info("Ada"), "editor")
    made.join(BOB, info("Bob"), "editor")
    effects = made.receive(ADA, encode(PresenceState(state={"cell": "c"})), 0.0)
    assert told(effects, ADA) == []
    (news,) = told(effects, BOB)
    assert isinstance(news, PresencePeers)
    assert news.peers[0].state == {"cell": "c"}
    (everyone,) = told(made.join(NEWER, info("Cyd"), "viewer"), NEWER)
    assert isinstance(everyone, PresencePeers)
    assert {"cell": "c"} in [present.state for present in everyone.peers]


def test_the_others_learn_that_somebody_left() -> None:
    made = room()
    made.join(ADA, info("Ada"), "editor")
    made.join(BOB, info("Bob"), "editor")
    assert told(made.leave(ADA), BOB) == [PresenceLeft(peer_id="ada")]
    assert made.leave(ADA) == []


def test_a_peer_that_is_here_again_has_not_left() -> None:
    made = room()
    made.join(ADA, info("Ada"), "editor")
    made.join(BOB, info("Bob"), "editor")
    made.join(NEWER, info("Ada"), "editor")
    assert told(made.leave(ADA), BOB) == []


def test_a_room_is_empty_when_only_daemons_are_here_and_all_is_stored() -> None:
    made = room()
    assert made.empty
    made.join(DAEMON, info("Daemon"), "daemon")
    assert made.empty
    made.join(ADA, info("Ada"), "viewer")
    assert not made.empty
    made.leave(ADA)
    assert made.empty


def test_one_daemon_at_a_time_the_newcomer_takes_over() -> None:
    made = office()
    effects = made.join(NEWER, info("Newer"), "daemon")
    assert closed(effects) == [(DAEMON, ErrorCode.FORBIDDEN)]
    assert made.has_daemon
    made.leave(NEWER)
    assert not made.has_daemon


def test_a_broadcast_goes_to_everybody() -> None:
    made = office()
    saved = NotebookSaved(path="/n.ipynb", heads=[])
    effects = made.broadcast(saved)
    assert told(effects, ADA) == told(effects, DAEMON) == [saved]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", ErrorCode.BAD_FRAME),
        (b"\x01\xc1", ErrorCode.BAD_FRAME),
        (encode(NotebookSaved(path="", heads=[])), ErrorCode.BAD_FRAME),
        (encode(Response(id="made up")), ErrorCode.BAD_FRAME),
        (b"\x00nonsense", ErrorCode.BAD_SYNC),
        (b"\x05nonsense", ErrorCode.BAD_SYNC),
    ],
    ids=["empty", "no MessagePack", "the hub's broadcast", "a response", "no notebook sync", "no runtime sync"],
)
def test_what_a_member_may_not_send_closes_its_connection_and_no_other(data: bytes, code: str) -> None:
    made = office()
    made.join(BOB, info("Bob"), "editor")
    effects = made.receive(ADA, data, 0.0)
    assert closed(effects) == [(ADA, code)]
    assert told(effects, BOB) == [PresenceLeft(peer_id="ada")]
    assert made.receive(ADA, encode(PresenceState(state={})), 0.0) == []


def test_frames_of_a_later_protocol_are_skipped() -> None:
    assert office().receive(ADA, b"\x66later", 0.0) == []


# --- roles ------------------------------------------------------------------------------------------------------------


def edit_of(doc: NotebookDoc | RuntimeDoc, kind: FrameType) -> bytes:
    """A sync frame with one change of this document."""
    heads = doc.replica.heads()
    if isinstance(doc, NotebookDoc):
        doc.add_cell("x")
    else:
        doc.set_queue(["x"])
    return frame(kind, sync_message(heads, (), (Have(heads, b""),), doc.replica.changes_since(heads)))


@pytest.mark.parametrize(
    ("role", "writes_notebook", "writes_runtime"),
    [
        ("owner", True, False),
        ("editor", True, False),
        ("runner", False, False),
        ("viewer", False, False),
        ("daemon", False, True),
    ],
)
def test_a_role_writes_what_it_may_and_no_more(role: Role, writes_notebook: bool, writes_runtime: bool) -> None:
    for kind, doc, allowed in (
        (FrameType.NOTEBOOK_SYNC, NotebookDoc.create(ID), writes_notebook),
        (FrameType.RUNTIME_SYNC, RuntimeDoc.create(ID), writes_runtime),
    ):
        made = room()
        made.join(ADA, info("Ada"), role)
        effects = made.receive(ADA, edit_of(doc, kind), 0.0) + made.end_of_turn(0.0) + made.work(0.0)
        persisted = [effect.doc for effect in effects if isinstance(effect, PersistDoc)]
        assert persisted == ([kind] if allowed else [])
        assert closed(effects) == ([] if allowed else [(ADA, ErrorCode.READ_ONLY)])


def test_what_is_stored_is_acknowledged_to_its_author_at_once_and_to_readers_a_little_later() -> None:
    made = room()
    made.join(ADA, info("Ada"), "editor")
    made.receive(ADA, edit_of(NotebookDoc.create(ID), FrameType.NOTEBOOK_SYNC), 1.0)
    made.end_of_turn(1.0)
    made.work(1.0)
    assert made.due is None
    made.committed(FrameType.NOTEBOOK_SYNC, 2.0)
    assert made.due == 2.0 + ACKNOWLEDGE_EVERY
    made.tick(2.0 + ACKNOWLEDGE_EVERY)
    assert made.due is None


# --- requests ---------------------------------------------------------------------------------------------------------


def test_a_request_goes_to_the_daemon_with_who_asked_and_the_answer_goes_back() -> None:
    made = office()
    request = forwarded(ask(made))
    assert request.requester == info("Ada")
    assert request.required_heads == [bytes(32)]
    answer = made.receive(DAEMON, encode(Response(id=request.id, result={"n": 1})), 0.0)
    assert told(answer, ADA) == [Response(id="r1", result={"n": 1})]


def test_who_asks_cannot_say_it_is_somebody_else() -> None:
    made = office()
    forged = Request(id="r1", body=Execute(), requester=info("Bob"))
    assert forwarded(made.receive(ADA, encode(forged), 0.0)).requester == info("Ada")


def test_repeating_a_request_returns_the_first_answer_and_asks_nobody() -> None:
    made = office()
    request = forwarded(ask(made))
    made.receive(DAEMON, encode(Response(id=request.id, result={"n": 1})), 0.0)
    again = ask(made)
    assert told(again, DAEMON) == []
    assert told(again, ADA) == [Response(id="r1", result={"n": 1})]


def test_repeating_a_request_that_is_under_way_asks_nobody_and_is_answered_once() -> None:
    made = office()
    request = forwarded(ask(made))
    assert ask(made) == []
    answer = made.receive(DAEMON, encode(Response(id=request.id)), 0.0)
    assert len(told(answer, ADA)) == 1


def test_an_answer_finds_whoever_asked_on_a_newer_connection() -> None:
    made = office()
    request = forwarded(ask(made))
    made.leave(ADA)
    made.join(NEWER, info("Ada"), "editor")
    ask(made, peer=NEWER)
    answer = made.receive(DAEMON, encode(Response(id=request.id)), 0.0)
    assert told(answer, NEWER) == [Response(id="r1")]


def test_two_peers_may_use_the_same_request_id() -> None:
    made = office()
    made.join(BOB, info("Bob"), "editor")
    one, two = forwarded(ask(made)), forwarded(ask(made, peer=BOB))
    assert one.id != two.id
    made.receive(DAEMON, encode(Response(id=two.id, result={"for": "Bob"})), 0.0)
    answer = made.receive(DAEMON, encode(Response(id=one.id, result={"for": "Ada"})), 0.0)
    assert told(answer, ADA) == [Response(id="r1", result={"for": "Ada"})]


def test_a_viewer_asks_for_nothing() -> None:
    effects = ask(office("viewer"))
    assert told(effects, DAEMON) == []
    (answer,) = told(effects, ADA)
    assert isinstance(answer, Response)
    assert answer.error is not None
    assert answer.error.code == ErrorCode.FORBIDDEN


@pytest.mark.parametrize("role", ["owner", "editor", "runner"])
def test_who_may_run_may_ask(role: Role) -> None:
    assert forwarded(ask(office(role)))


def test_a_daemon_that_comes_back_is_asked_again_for_what_waits() -> None:
    made = office()
    first = forwarded(ask(made))
    made.leave(DAEMON)
    assert made.due == DAEMON_PATIENCE
    assert forwarded(made.join(DAEMON, info("Daemon"), "daemon")) == first
    assert made.due is None


def test_without_a_daemon_a_request_waits_and_then_fails() -> None:
    made = room()
    made.join(ADA, info("Ada"), "editor")
    assert ask(made, now=1.0) == []
    assert made.due == 1.0 + DAEMON_PATIENCE
    assert made.tick(1.0 + DAEMON_PATIENCE / 2) == []
    (answer,) = told(made.tick(1.0 + DAEMON_PATIENCE), ADA)
    assert isinstance(answer, Response)
    assert answer.error is not None
    assert answer.error.code == ErrorCode.NO_DAEMON


def test_a_request_that_failed_for_want_of_a_daemon_may_be_made_again() -> None:
    made = room()
    made.join(ADA, info("Ada"), "editor")
    ask(made)
    made.tick(DAEMON_PATIENCE)
    made.join(DAEMON, info("Daemon"), "daemon")
    assert forwarded(ask(made, now=DAEMON_PATIENCE))


def test_saving_is_the_hub_s_own_affair() -> None:
    made = room()
    made.join(ADA, info("Ada"), "editor")
    (effect,) = made.receive(ADA, encode(Request(id="s", body=Save())), 0.0)
    assert isinstance(effect, ServeRequest)
    failed = ErrorInfo(code="file_error", message="no")
    assert told(made.answer(effect.key, Response(id="s", error=failed)), ADA) == [Response(id="s", error=failed)]


def test_a_response_of_an_editor_answers_nobody() -> None:
    made = office()
    made.join(BOB, info("Bob"), "editor")
    request = forwarded(ask(made))
    effects = made.receive(BOB, encode(Response(id=request.id)), 0.0)
    assert told(effects, ADA) == [PresenceLeft(peer_id="bob")]
    assert closed(effects) == [(BOB, ErrorCode.BAD_FRAME)]


def test_requests_that_wait_are_bounded() -> None:
    made = office()
    for number in range(MAX_REQUESTS):
        ask(made, f"r{number}")
    assert closed(ask(made, "one too many")) == [(ADA, ErrorCode.BAD_REQUEST)]


def test_large_requests_that_wait_are_bounded_together() -> None:
    made = office()
    large = CommSend(comm_id="c", data={}, buffers=[bytes(8_000_000)])

    def ask_large(number: int) -> list[RoomEffect]:
        return made.receive(ADA, encode(Request(id=f"r{number}", body=large)), 0.0)

    for number in range(8):
        assert forwarded(ask_large(number))
    (refused,) = told(ask_large(8), ADA)
    assert isinstance(refused, Response)
    assert refused.error is not None
    assert "64 MiB" in refused.error.message
    assert forwarded(ask(made, "a small one"))


def test_what_the_daemon_tells_everybody_leaves_after_the_changes_that_came_before_it() -> None:
    made = office()
    made.join(BOB, info("Bob"), "viewer")
    said = CommMessage(comm_id="c", data={"content": 1}, buffers=[b"x"])
    assert made.receive(DAEMON, encode(said), 0.0) == []
    effects = made.end_of_turn(0.0)
    assert [told(effects, peer) for peer in (ADA, BOB, DAEMON)] == [[said], [said], []]
    assert told(made.end_of_turn(0.0), ADA) == []


@pytest.mark.parametrize("role", ["owner", "editor", "runner", "viewer"])
def test_only_the_daemon_tells_everybody_something(role: Role) -> None:
    made = office(role)
    effects = made.receive(ADA, encode(CommMessage(comm_id="c", data={})), 0.0)
    assert closed(effects) == [(ADA, ErrorCode.BAD_FRAME)]
    assert not [message for message in told(made.end_of_turn(0.0), DAEMON) if isinstance(message, CommMessage)]
