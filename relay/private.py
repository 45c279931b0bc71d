"""Files and folders that only their owner may touch: state, registry files, sockets.

Anyone who can write into a folder of ours can put their own server where ours should be, and anyone who can read a
registry file has its token. So these functions make folders 0700 and refuse what is wider or somebody else's. They
correct nothing that they did not make: a folder with other permissions may have them for a reason.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from relay.errors import UnsafeState


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner can enter, or check the one that is there. Returns its absolute path.

    Raises UnsafeState when it belongs to somebody else or others can enter it, and OSError when it cannot be made.
    """
    path = path.absolute()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_private(path.stat(), path)
    return path


def check_private(status: os.stat_result, path: Path) -> None:
    """Raise UnsafeState unless `status`, the status of `path`, is ours and closed to everybody else.

    On systems without POSIX owners (Windows) there is nothing to check: the user's profile is private there.
    """
    if not hasattr(os, "getuid"):
        return
    what = "folder" if stat.S_ISDIR(status.st_mode) else "file"
    if status.st_uid != os.getuid():
        raise UnsafeState(
            f"The {what} {path} belongs to user {status.st_uid}, not to you ({os.getuid()}).",
            "Remove it, or set QUIRE_HOME to a folder of your own.",
        )
    if status.st_mode & 0o077:
        raise UnsafeState(
            f"The {what} {path} is open to others (mode {stat.S_IMODE(status.st_mode):04o}).",
            f"Close it (chmod {'700' if what == 'folder' else '600'} '{path}') or use another place.",
        )
