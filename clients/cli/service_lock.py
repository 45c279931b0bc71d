"""One service per state folder: a lock that its supervisor holds and that dies with it.

The lock is `flock` on `service.lock`, so a killed supervisor leaves nothing to clean up. Whoever does not get it knows
that a service runs, starts or stops there, and looks in the registry for it.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from clients.cli.errors import CannotStart

LOCK_NAME = "service.lock"


class ServiceLock:
    """Holds the lock from `take` until `release`. Owns the file descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, state: Path) -> ServiceLock | None:
        """The lock, or None if another process has it. Raises CannotStart where there can be none."""
        path = state / LOCK_NAME
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unusable(state, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return None
            raise _unusable(state, error) from error
        return cls(descriptor)

    def release(self) -> None:
        """Let another service start."""
        os.close(self._descriptor)


def _unusable(state: Path, error: OSError) -> CannotStart:
    return CannotStart(
        f"The state folder {state} cannot be used: {error.strerror}.",
        "Make it writable for you, or set QUIRE_HOME to a folder on a local disk that is.",
    )
