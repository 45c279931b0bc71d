"""The messages that are not sync: MessagePack, typed once, here; what a request can ask for is in `relay.requests`.

Every message is a MessagePack map. Where several kinds share a frame type, the key `type` (for requests: `method`)
tells them apart; unknown keys are ignored, so that a later minor version can add some. Change hashes travel as 32 raw
bytes.

| frame | messages | direction |
|---|---|---|
| 0x07 session | Hello, Welcome, SessionError | peer to hub, hub to peer, both |
| 0x07 session | RuntimeEpoch, RuntimeEpochTaken | hub to peer, peer to hub |
| 0x08 runtime epoch | NewRuntimeEpoch | daemon to hub |
| 0x01 request | Request, its body one of RequestBody | peer to hub, hub to daemon |
| 0x02 response | Response | back the same way |
| 0x03 broadcast | NotebookOpened, NotebookClosed, NotebookSaved; CommMessage | hub to peers; daemon to all peers |
| 0x04 presence | PresenceState up; PresencePeers, PresenceLeft down | both |
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeVar

import msgspec

from relay.errors import MalformedFrame
from relay.frames import FrameType, frame
from relay.requests import ChangeHash, RequestBody

PROTOCOL_VERSION: Final = 1

Role = Literal["owner", "editor", "runner", "viewer", "daemon"]
PeerKind = Literal["person", "agent", "program", "daemon"]


class PeerInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Who a peer is, to the others. `peer_id` stays the same over reconnects."""

    peer_id: str
    name: str
    kind: PeerKind = "program"


# --- session control, 0x07 -----------------------------------------------------------------------------------------


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="hello"):
    """The first frame of a peer: what it speaks, who it is, what it wants to be allowed.

    `genesis` is the identity of the peer's NotebookDoc, if it has one already (see docs/document-schema.md): a hub that
    holds another document under this id refuses instead of mixing two notebooks.
    """

    protocol: int
    schema: int
    notebook_id: str
    peer: PeerInfo
    token: str
    role: Role = "editor"
    genesis: bytes | None = None


class Welcome(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="welcome"):
    """The hub's answer: the link is up and sync may begin.

    A peer whose RuntimeDoc has another identity than `runtime_genesis` fetches that document from the beginning.
    """

    protocol: int
    schema: int
    server_id: str
    notebook_id: str
    role: Role
    genesis: bytes
    runtime_genesis: bytes
    runtime_epoch: int = 0


class SessionError(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """Why the link is refused or about to close (`fatal`), or what was ignored; and what to do."""

    code: str
    message: str
    hint: str = ""
    fatal: bool = True


class RuntimeEpoch(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="runtime_epoch"):
    """Hub to peer: RuntimeDoc has been started afresh; the document of this identity has taken its place, on disk.

    From here on the hub's runtime sync frames are about that one. The peer answers with RuntimeEpochTaken and syncs it
    from the beginning, best beside the old one, which it shows until it has all of the new.
    """

    epoch: int
    genesis: bytes


class RuntimeEpochTaken(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="runtime_epoch_taken"):
    """Peer to hub: the runtime sync frames that I send after this are about that epoch. Until it has this, the hub
    ignores a peer's runtime sync frames: they were on their way when the epoch began."""

    epoch: int


SessionMessage = Hello | Welcome | SessionError | RuntimeEpoch | RuntimeEpochTaken


# --- a fresh start of RuntimeDoc, 0x08 ------------------------------------------------------------------------------


class NewRuntimeEpoch(msgspec.Struct, frozen=True, kw_only=True):
    """Daemon to hub: this document is to take RuntimeDoc's place. `epoch` is higher than the one the hub has.

    `document` is the saved document, `genesis` its identity. The hub answers with RuntimeEpoch once it is on disk, or
    with an error.
    """

    epoch: int
    genesis: bytes
    document: bytes


# --- requests, 0x01, and responses, 0x02 ----------------------------------------------------------------------------


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for something once. Repeating an `id` returns the first answer.

    `required_heads`: NotebookDoc heads at which the request was made; whoever serves it first waits until its replica
    contains them. `requester` is filled in by the hub; what a peer writes there is overwritten.
    """

    id: str
    body: RequestBody
    required_heads: list[ChangeHash] = []
    requester: PeerInfo | None = None


class ErrorInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request failed, for branching (`code`), for reading (`message`), and what to do next (`hint`)."""

    code: str
    message: str
    hint: str = ""


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to the request of the same `id`: exactly one of `result` and `error` counts."""

    id: str
    result: dict[str, Any] = {}
    error: ErrorInfo | None = None


# --- broadcasts, 0x03 -----------------------------------------------------------------------------------------------


class NotebookOpened(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="notebook_opened"):
    """To daemons, on /v1/server/sync: this notebook's room is open and wants an executor."""

    notebook_id: str
    path: str | None


class NotebookClosed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="notebook_closed"):
    """To daemons, on /v1/server/sync: this room has left memory."""

    notebook_id: str


class NotebookSaved(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="notebook_saved"):
    """To every peer of a notebook: its file holds these heads; or `error` says why it could not be written."""

    path: str
    heads: list[ChangeHash]
    error: ErrorInfo | None = None


class CommMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="comm_message"):
    """From the daemon to every peer: the kernel said this on a comm, and it is no state, so no document has it.

    Of widgets these are {"method": "custom", "content": …}. Whoever is not here at that moment does not get it.
    """

    comm_id: str
    data: dict[str, Any]
    buffers: list[bytes] = []


Broadcast = NotebookOpened | NotebookClosed | NotebookSaved | CommMessage


# --- presence, 0x04 -------------------------------------------------------------------------------------------------


class PresenceState(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="state"):
    """Peer to hub: my cursor, selection, status. Replaces what this peer said before."""

    state: dict[str, Any]


class PresentPeer(msgspec.Struct, frozen=True, kw_only=True):
    """One peer that is here, with its latest state."""

    peer: PeerInfo
    role: Role
    state: dict[str, Any] = {}


class PresencePeers(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="peers"):
    """Hub to peer: these peers are here, with these states. On joining: all of them; later: those that changed."""

    peers: list[PresentPeer]


class PresenceLeft(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="left"):
    """Hub to peer: this peer has gone."""

    peer_id: str


PresenceMessage = PresenceState | PresencePeers | PresenceLeft


# --- to bytes and back ----------------------------------------------------------------------------------------------

Message = SessionMessage | NewRuntimeEpoch | Request | Response | Broadcast | PresenceMessage

_FRAME_TYPES: Final[dict[type, FrameType]] = {
    **dict.fromkeys((Hello, Welcome, SessionError, RuntimeEpoch, RuntimeEpochTaken), FrameType.SESSION),
    NewRuntimeEpoch: FrameType.RUNTIME_EPOCH,
    Request: FrameType.REQUEST,
    Response: FrameType.RESPONSE,
    **dict.fromkeys((NotebookOpened, NotebookClosed, NotebookSaved, CommMessage), FrameType.BROADCAST),
    **dict.fromkeys((PresenceState, PresencePeers, PresenceLeft), FrameType.PRESENCE),
}
_DECODERS: Final[dict[int, msgspec.msgpack.Decoder[Any]]] = {
    FrameType.SESSION: msgspec.msgpack.Decoder(SessionMessage),
    FrameType.RUNTIME_EPOCH: msgspec.msgpack.Decoder(NewRuntimeEpoch),
    FrameType.REQUEST: msgspec.msgpack.Decoder(Request),
    FrameType.RESPONSE: msgspec.msgpack.Decoder(Response),
    FrameType.BROADCAST: msgspec.msgpack.Decoder(Broadcast),
    FrameType.PRESENCE: msgspec.msgpack.Decoder(PresenceMessage),
}
_encoder = msgspec.msgpack.Encoder()
M = TypeVar("M")


def encode(message: Message) -> bytes:
    """The whole frame of a message. Raises FrameTooLarge."""
    return frame(_FRAME_TYPES[type(message)], _encoder.encode(message))


def decode(whole_frame: bytes) -> Message | None:
    """The message in a frame whose size was checked; None for a frame type that carries none or is unknown (skip it).

    Raises MalformedFrame when the payload is not what its type promises; the message names the offending key.
    """
    decoder = _DECODERS.get(whole_frame[0])
    if decoder is None:
        return None
    try:
        message: Message = decoder.decode(memoryview(whole_frame)[1:])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        name = FrameType(whole_frame[0]).name.lower()
        raise MalformedFrame(f"a {name} frame could not be read: {error}.") from error
    return message
