"""Errors of the peer.

PeerError                       what happened, to which notebook, and what to do next
├── StartAgain                  this connection cannot go on; dial again at once (the shell does, nobody sees it)
├── NotConnected                something needs the hub and there is no connection
├── NoService                   no local service runs and none could be started
├── NotAllowed                  an edit by somebody who may only read
├── BadReplicaFile              the copy kept on disk cannot be read, is another notebook's, or is in use
│   └── CopySetAside            the hub holds another document under this id; the kept copy has another name now
├── NeedsConfirmation           in the mode `cascade`: what would run along has to be confirmed (in `clients.peer.flow`)
├── HeaderChanged               packages are installed, and the cell that was to declare them was edited meanwhile
├── CannotFormat                there is no ruff to format with, it took too long, or the code is too long
├── OwnKernel                   code in the notebook's kernel wants to wait for a run, which waits for that code
├── RequestFailed               the hub or the daemon answered with an error; `code` says which
└── ExecutionFailed             a cell ended in another status than `done`
"""

from __future__ import annotations

from pathlib import Path


class PeerError(Exception):
    """What happened (`message`) and what to do next (`hint`)."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".rstrip())
        self.message = message
        self.hint = hint


class StartAgain(PeerError):
    """The replica that this connection was about had to be replaced; connect again."""


class NotConnected(PeerError):
    """The hub cannot be reached at the moment. Edits are kept and sent when it can."""


class NoService(PeerError):
    """There is no running service to talk to."""


class NotAllowed(PeerError):
    """This peer's role does not allow it."""


class BadReplicaFile(PeerError):
    """The copy of a notebook that is kept on disk cannot be used; it was left as it is."""


class CopySetAside(BadReplicaFile):
    """The hub holds another document under the notebook's id than the kept copy, which is at `path` now."""

    def __init__(self, message: str, hint: str, path: Path) -> None:
        super().__init__(message, hint)
        self.path = path


class CannotFormat(PeerError):
    """Code could not be formatted; it is as it was."""


class HeaderChanged(PeerError):
    """Packages were installed, but the header that was to declare them says something else by now."""

    def __init__(self, cell_id: str) -> None:
        super().__init__(
            f"The packages are installed, but the header in cell {cell_id!r} that declares them was edited meanwhile.",
            "Add them to that header, or try again.",
        )


class OwnKernel(PeerError):
    """Code in a notebook's kernel wants to wait for something that this kernel is to run. Nothing was asked for."""

    def __init__(self, notebook_id: str) -> None:
        super().__init__(
            f"This code runs in the kernel of notebook {notebook_id}, which runs one thing at a time: what it would "
            "wait for could not begin before it has ended.",
            "Run it from outside of this kernel, or let this code end: what `start` has asked for runs after it.",
        )


class RequestFailed(PeerError):
    """A request was answered with an error."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.code = code


class ExecutionFailed(PeerError):
    """An execution did not end well. `execution_id` finds its record."""

    def __init__(self, execution_id: str, status: str, message: str) -> None:
        super().__init__(message)
        self.execution_id = execution_id
        self.status = status
