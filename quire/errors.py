"""What the library raises. Each says what happened, to what, and what to do next (`message`, `hint`).

PeerError and what derives from it: this program's side. WireError: what the hub or the link to it said.
NotebookDocError: an edit or a document that makes no sense.
"""

from __future__ import annotations

from clients.agent.errors import AgentError, BatchRefused, NoSuchCell, NoSuchText
from clients.peer.errors import (
    BadReplicaFile,
    CannotFormat,
    CopySetAside,
    ExecutionFailed,
    NoService,
    NotAllowed,
    NotConnected,
    OwnKernel,
    PeerError,
    RequestFailed,
)
from notebook_doc.errors import (
    BadEdit,
    CellDeletedMeanwhile,
    CellEditedMeanwhile,
    NotebookDocError,
    UnknownCell,
    UnknownMoment,
    UnknownProposal,
    UnknownThread,
)
from notebook_doc.policy import AgentsMayNot
from relay.errors import BadEndpoint, Refused, WireError

__all__ = [
    "AgentError",
    "AgentsMayNot",
    "BadEdit",
    "BadEndpoint",
    "BadReplicaFile",
    "BatchRefused",
    "CannotFormat",
    "CellDeletedMeanwhile",
    "CellEditedMeanwhile",
    "CopySetAside",
    "ExecutionFailed",
    "NoService",
    "NoSuchCell",
    "NoSuchText",
    "NotAllowed",
    "NotConnected",
    "NotebookDocError",
    "OwnKernel",
    "PeerError",
    "Refused",
    "RequestFailed",
    "UnknownCell",
    "UnknownMoment",
    "UnknownProposal",
    "UnknownThread",
    "WireError",
]
