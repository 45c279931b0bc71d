"""What the library raises. Each says what happened, to what, and what to do next (`message`, `hint`).

PeerError and what derives from it: this program's side. WireError: what the hub or the link to it said.
NotebookDocError: an edit or a document that makes no sense.
"""

from __future__ import annotations

from clients.peer.errors import (
    BadReplicaFile,
    CopySetAside,
    ExecutionFailed,
    NoService,
    NotAllowed,
    NotConnected,
    PeerError,
    RequestFailed,
)
from notebook_doc.errors import BadEdit, NotebookDocError, UnknownCell, UnknownMoment, UnknownThread
from relay.errors import BadEndpoint, Refused, WireError

__all__ = [
    "BadEdit",
    "BadEndpoint",
    "BadReplicaFile",
    "CopySetAside",
    "ExecutionFailed",
    "NoService",
    "NotAllowed",
    "NotConnected",
    "NotebookDocError",
    "PeerError",
    "Refused",
    "RequestFailed",
    "UnknownCell",
    "UnknownMoment",
    "UnknownThread",
    "WireError",
]
