"""What the hub's pure cores want done: values that a Channel gives its Room, and a Room its shell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NewType

from relay.frames import FrameType
from relay.messages import NewRuntimeEpoch, Request, SessionError
from sync_server.attribution import Arrived

PeerKey = NewType("PeerKey", int)  # one connection; a peer that reconnects gets another

HUB: Final = PeerKey(0)  # the author of the hub's own changes; no connection has this key
NOBODY: Final = PeerKey(-1)  # the sender of changes that waited here for what they build on: it is not remembered

RequestKey = tuple[str, str]  # peer id, request id: a peer may repeat its own ids, and cannot guess another's answers


# --- of a channel -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Send:
    """Hand this sync payload to this peer's queue."""

    peer: PeerKey
    payload: bytes


@dataclass(frozen=True, slots=True)
class Persist:
    """Append these changes to the store, however often that takes, then call `committed`.

    `brought` says of each actor whose changes are among them from which number on, by whom, and whether that peer had
    them when it connected.
    """

    chunks: list[bytes]
    brought: tuple[tuple[bytes, int, PeerKey, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class Refuse:
    """Tell this peer why and close its connection."""

    peer: PeerKey
    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Reload:
    """The replica is lost (its core panicked): load the stored document and call `reloaded`."""


Effect = Send | Persist | Refuse | Reload


# --- of a room --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SendFrame:
    """Hand this frame to this member's queue."""

    peer: PeerKey
    frame: bytes


@dataclass(frozen=True, slots=True)
class PersistDoc:
    """Append these changes to a document's log, then call `committed`. `arrived`: who brought what of NotebookDoc."""

    doc: FrameType
    chunks: list[bytes]
    arrived: tuple[Arrived, ...] = ()


@dataclass(frozen=True, slots=True)
class Close:
    """Send this member an error frame and close its connection; it has left the room already."""

    peer: PeerKey
    error: SessionError


@dataclass(frozen=True, slots=True)
class ReloadDoc:
    """A document's replica is lost: load what is stored and call `reloaded`."""

    doc: FrameType


@dataclass(frozen=True, slots=True)
class BeginEpoch:
    """Load and check this document, store it in RuntimeDoc's place, then call `epoch_begun`; or `epoch_dropped`."""

    peer: PeerKey
    offer: NewRuntimeEpoch


@dataclass(frozen=True, slots=True)
class ServeRequest:
    """A request for the hub itself; answer with `answer`."""

    request: Request
    key: RequestKey


RoomEffect = SendFrame | PersistDoc | Close | ReloadDoc | BeginEpoch | ServeRequest
