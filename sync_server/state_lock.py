"""One hub per state folder: an exclusive lock that dies with its holder.

The lock is `flock` on `hub.lock` in the folder, so that a killed hub leaves nothing to clean up; the file holds the
holder's process id only so that a refusal can name it. The file is never removed: removing it would let two hubs hold
locks on two files of one name. A folder on a file system that cannot lock is refused rather than shared.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path
from typing import Final

from sync_server.errors import StateInUse, StorageError, StorageFull, StorageReadOnly

LOCK_NAME: Final = "hub.lock"
_PID_BYTES: Final = 32  # more than any process id has digits


class StateLock:
    """Holds the lock on one state folder from construction until `release`. Owns the file descriptor."""

    def __init__(self, folder: Path) -> None:
        """Create the folder (mode 0700) if need be and lock it.

        Raises StateInUse if another hub holds it, StorageReadOnly, StorageFull or StorageError if it cannot be.
        """
        self._fd: int | None = None
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise state_folder_error(folder, error) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(fd, 0)
            os.pwrite(fd, str(os.getpid()).encode(), 0)
        except BlockingIOError as error:
            holder = os.pread(fd, _PID_BYTES, 0).decode(errors="replace").strip() or "unknown"
            os.close(fd)
            raise StateInUse(
                f"the state folder {folder} is in use by another hub, process {holder}.",
                "Connect to that hub, stop it, or start this one with another state folder.",
            ) from error
        except OSError as error:
            os.close(fd)
            raise state_folder_error(folder, error) from error
        self._fd = fd

    def release(self) -> None:
        """Let another hub have the folder. Idempotent."""
        if self._fd is not None:
            with contextlib.suppress(OSError):  # the lock is gone either way
                os.close(self._fd)
            self._fd = None


def state_folder_error(folder: Path, error: OSError) -> StorageError:
    """What to tell about a state folder that could not be used."""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StorageReadOnly(
            f"the state folder {folder} may not be written: {error.strerror}.",
            "Give this user the right to write there, or start the hub with another state folder.",
        )
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull(f"there is no space for the state folder {folder}.", "Free some space on that disk.")
    return StorageError(
        f"the state folder {folder} cannot be used: {error.strerror or error}.",
        "Start the hub with another state folder, on a local disk.",
    )
