"""Errors of the daemon. They are wire errors, so a request that fails with one can be answered with it as it is.

WireError (relay)
└── DaemonError
    ├── KernelError             kernel              something a kernel did or could not do
    │   ├── KernelStartError                        no kernel came up; says what is installed and what to install
    │   ├── KernelGone                              the kernel has ended, so it cannot be asked anything any more
    │   └── KeeperLost                              a kernel that an earlier daemon left running cannot be reached
    ├── UnknownExecution        unknown_execution   an id that this daemon has not queued, or has forgotten
    ├── UnknownComm        unknown_comm        a comm that is not open: its kernel has ended, or its widget was closed
    ├── BadLimit           bad_request         a limit on memory or time that cannot be read
    ├── BadCommMessage     bad_request         a message on a comm that does not follow the widget protocol
    └── IllegalTransition       internal            a defect of ours: an execution would have moved backwards
"""

from __future__ import annotations

from relay.errors import ErrorCode, WireError


class DaemonError(WireError):
    """What the daemon could not do, to which kernel or execution, and what to do next."""


class KernelError(DaemonError):
    """Something a kernel did or could not do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(ErrorCode.KERNEL, message, hint)


class KernelStartError(KernelError):
    """No kernel came up. `log_tail` is the end of what its process wrote to stdout and stderr, perhaps empty."""

    def __init__(self, message: str, hint: str = "", log_tail: str = "") -> None:
        told = f"{message} Its last words:\n{log_tail}\n" if log_tail else message
        super().__init__(told, hint)
        self.log_tail = log_tail


class KernelGone(KernelError):
    """The kernel has ended or is being shut down; nothing can be sent to it."""

    def __init__(self, kernel_name: str, doing: str) -> None:
        super().__init__(
            f"The kernel '{kernel_name}' has ended; it cannot {doing}.", "Start or restart the kernel and try again."
        )


class KeeperLost(KernelError):
    """The keeper of a kernel that an earlier daemon started cannot be reached."""

    def __init__(self, kernel_name: str, why: str) -> None:
        super().__init__(
            f"The kernel '{kernel_name}' of an earlier daemon cannot be reached: {why}.", "Run a cell to start another."
        )


class UnknownExecution(DaemonError):
    """An execution id that this daemon has not queued, or whose end is so long ago that it has forgotten it."""

    def __init__(self, execution_id: str) -> None:
        super().__init__(
            ErrorCode.UNKNOWN_EXECUTION,
            f"The execution {execution_id} is not known to the daemon.",
            "Read its status in the notebook's RuntimeDoc.",
            fault="local",
        )


class UnknownComm(DaemonError):
    """A comm that is not open."""

    def __init__(self, comm_id: str) -> None:
        super().__init__(
            ErrorCode.UNKNOWN_COMM,
            f"There is no comm {comm_id}: its widget was closed, or the kernel that had it has ended.",
            "Run the cell that makes the widget again.",
            fault="local",
        )


class BadLimit(DaemonError):
    """A limit on what kernels may use that cannot be read."""

    def __init__(self, place: str, value: object, how: str) -> None:
        message = f"The limit {place} is {value!r}, which cannot be read, so nothing runs."
        super().__init__(ErrorCode.BAD_REQUEST, message, f"{how[0].upper()}{how[1:]}, or remove it.", fault="local")


class BadCommMessage(DaemonError):
    """A message that does not follow the widget protocol; it had no effect."""

    def __init__(self, comm_id: str, why: str) -> None:
        about = f"A message for the comm {comm_id}" if comm_id else "A message for a comm"
        super().__init__(ErrorCode.BAD_REQUEST, f"{about} is not understood: {why}.", "It was not passed on.")


class IllegalTransition(DaemonError):
    """An execution would have moved against the table of `queue.TRANSITIONS`: a defect of the daemon."""

    def __init__(self, execution_id: str, before: str, after: str) -> None:
        super().__init__(
            ErrorCode.INTERNAL,
            f"The execution {execution_id} cannot go from '{before}' to '{after}'.",
            "This is a defect of the daemon; please report it.",
            fault="local",
        )
