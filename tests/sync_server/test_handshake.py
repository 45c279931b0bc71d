"""Who may come in: decided from the first frame alone, with a reason for those who may not."""

from __future__ import annotations

import msgspec
import pytest

from notebook_doc.migrations import SCHEMA_VERSION
from relay.errors import ErrorCode
from relay.frames import PAYLOAD_CAPS, FrameType
from relay.messages import PROTOCOL_VERSION, Hello, PeerInfo, PresenceState, SessionError, Welcome, encode
from sync_server.handshake import Door, admit, identify, read_hello

GENESIS, RUNTIME = bytes(range(16)), bytes(16)
DOOR = Door("server", "notebook", GENESIS, RUNTIME)
HELLO = Hello(
    protocol=PROTOCOL_VERSION,
    schema=SCHEMA_VERSION,
    notebook_id="notebook",
    peer=PeerInfo(peer_id="p", name="Ada"),
    token="secret",
    role="editor",
)


def hello(**changes: object) -> Hello:
    return msgspec.structs.replace(HELLO, **changes)


def answered(asking: Hello) -> Welcome | SessionError:
    """What the hub does with a hello: first who it is, then whether it may come in."""
    return identify(asking, "secret", authenticated=False) or admit(asking, DOOR)


def test_who_knows_the_token_is_welcome_and_told_what_the_hub_holds() -> None:
    assert answered(HELLO) == Welcome(
        protocol=PROTOCOL_VERSION,
        schema=SCHEMA_VERSION,
        server_id="server",
        notebook_id="notebook",
        role="editor",
        genesis=GENESIS,
        runtime_genesis=RUNTIME,
    )


@pytest.mark.parametrize("genesis", [None, GENESIS])
def test_a_peer_without_a_document_or_with_the_same_one_is_welcome(genesis: bytes | None) -> None:
    assert isinstance(answered(hello(genesis=genesis)), Welcome)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"protocol": PROTOCOL_VERSION + 1}, ErrorCode.PROTOCOL_VERSION),
        ({"protocol": 0}, ErrorCode.PROTOCOL_VERSION),
        ({"token": "wrong"}, ErrorCode.UNAUTHORIZED),
        ({"token": ""}, ErrorCode.UNAUTHORIZED),
        ({"token": "sécret"}, ErrorCode.UNAUTHORIZED),
        ({"notebook_id": "another"}, ErrorCode.UNKNOWN_NOTEBOOK),
        ({"schema": SCHEMA_VERSION + 1}, ErrorCode.SCHEMA_VERSION),
        ({"genesis": bytes(16)}, ErrorCode.WRONG_GENESIS),
        ({"genesis": b""}, ErrorCode.WRONG_GENESIS),
    ],
)
def test_a_refusal_says_why_and_what_to_do(changes: dict[str, object], code: str) -> None:
    answer = answered(hello(**changes))
    assert isinstance(answer, SessionError)
    assert answer.code == code
    assert answer.fatal
    assert answer.message
    assert answer.hint


def test_who_showed_a_token_with_the_upgrade_needs_none_in_the_hello() -> None:
    assert identify(hello(token=""), "secret", authenticated=True) is None


def test_without_the_token_nothing_is_said_of_the_notebook() -> None:
    answer = identify(hello(token="wrong", notebook_id="another", genesis=bytes(16)), "secret", authenticated=False)
    assert isinstance(answer, SessionError)
    assert answer.code == ErrorCode.UNAUTHORIZED
    assert "notebook" not in answer.message


def test_the_token_is_in_no_refusal() -> None:
    for changes in ({"token": "wrong"}, {"schema": 9}, {"genesis": bytes(16)}, {"notebook_id": "x"}):
        answer = answered(hello(**changes))
        assert isinstance(answer, SessionError)
        assert "secret" not in f"{answer.message} {answer.hint}"


def test_a_hello_is_read_from_its_frame() -> None:
    assert read_hello(encode(HELLO)) == HELLO


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", ErrorCode.BAD_FRAME),
        (b"\x07\xc1", ErrorCode.BAD_FRAME),
        (b"\x00B\x00\x00\x00\x00", ErrorCode.BAD_HANDSHAKE),
        (b"\x55anything", ErrorCode.BAD_HANDSHAKE),
        (encode(PresenceState(state={})), ErrorCode.BAD_HANDSHAKE),
        (b"\x07" + bytes(PAYLOAD_CAPS[FrameType.SESSION] + 1), ErrorCode.FRAME_TOO_LARGE),
    ],
    ids=["empty", "no MessagePack", "sync", "unknown", "presence", "too large"],
)
def test_anything_else_in_the_first_frame_is_refused(data: bytes, code: str) -> None:
    answer = read_hello(data)
    assert isinstance(answer, SessionError)
    assert answer.code == code
