"""What goes wrong with environments. Wire errors, as all of the daemon's, so a request can be answered with them.

EnvironmentFailed           environment         an environment cannot be had; says why in the words of who refused
├── BadDeclaration                              what a notebook or a project file declares cannot be read
├── BuildFailed                                 the installer gave up; `log` is the end of what it said
└── NotTrusted              not_trusted         nobody has agreed to install this on this machine
StaleApproval               stale_approval      what is to be approved has changed since it was shown
"""

from __future__ import annotations

from clients.daemon.errors import DaemonError
from relay.errors import ErrorCode


class EnvironmentFailed(DaemonError):
    """No environment, why, and what to do next."""

    def __init__(self, message: str, hint: str = "", code: str = ErrorCode.ENVIRONMENT) -> None:
        super().__init__(code, message, hint)


class BadDeclaration(EnvironmentFailed):
    """Dependencies that cannot be read: where they stand and what is wrong with them."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"The dependencies in {where} cannot be read: {why}.", f"Mend {where} and run again.")


class BuildFailed(EnvironmentFailed):
    """The installer gave up. `log` is the end of what it said."""

    def __init__(self, message: str, hint: str, log: str = "") -> None:
        super().__init__(f"{message}\n{log}" if log else message, hint)
        self.log = log


class NotTrusted(EnvironmentFailed):
    """Nobody on this machine has agreed to install what the notebook declares."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, hint, ErrorCode.NOT_TRUSTED)


class StaleApproval(EnvironmentFailed):
    """An approval of something else than what would be installed now."""

    def __init__(self) -> None:
        super().__init__(
            "The dependencies have changed since they were shown, so they were not approved.",
            "Look at them again, then approve what is shown now.",
            ErrorCode.STALE_APPROVAL,
        )
