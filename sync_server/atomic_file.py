"""Writing a file whole or not at all.

The bytes go to a temporary file in the same directory, are forced to disk, and take the file's name by a rename; then
the directory is forced to disk too. So whoever reads the path, also after a crash at any instant, finds all of the old
content or all of the new. A symbolic link stays one (its target is written), the permissions of an existing file stay,
and its owner where the system lets us; other names of it (hard links) keep the old content.

A temporary file carries a lock as long as somebody writes it. One without is what a crash left, and the next write to
the same path removes it. Refused, with a FileError and without a trace: a directory or device in the file's place, a
missing or read-only directory, a file marked read-only, a full disk. Nothing here is asynchronous: call it in a thread.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sync_server.errors import FileError

_TEMPORARY: Final = ".quire-tmp-"
_NO_LOCKS: Final = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # file systems without flock
_NO_DIRECTORY_SYNC: Final = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)  # file systems that need none
_NAME_BYTES: Final = 255 - len(_TEMPORARY) - 17  # what of a file's name fits into a temporary one


@dataclass(frozen=True, slots=True)
class Written:
    """The file just written, as it was before it got its name: no edit from outside can be mistaken for ours."""

    path: Path
    mtime_ns: int
    size: int


def write_atomically(path: Path, data: bytes, *, mode: int | None = None) -> Written:
    """Make `data` the content of the file at `path`; it is on disk when this returns.

    `mode` sets the permission bits; None keeps those of an existing file and otherwise lets the umask decide. Returns
    where the bytes went (links followed), with the file's times as the system recorded them. Raises FileError; then the
    file is as it was before.
    """
    target = Path(os.path.realpath(path))
    existing = _inspect(path, target)
    try:
        _remove_stale(target)
        temporary, fd = _temporary_for(target)
        try:
            try:
                _take_over(fd, existing, mode)
                _write_all(fd, data)
                os.fsync(fd)
                status = os.fstat(fd)
                temporary.rename(target)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
        finally:
            os.close(fd)  # lets go of the lock, so only after the rename
        fsync_directory(target.parent)
    except OSError as error:
        raise _file_error(path, error) from error
    return Written(target, status.st_mtime_ns, status.st_size)


def fsync_directory(directory: Path) -> None:
    """Force a directory's entries to disk, where the file system has such a thing. Raises OSError."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:
            raise
    finally:
        os.close(fd)


def _inspect(path: Path, target: Path) -> os.stat_result | None:
    """The existing file's status, or None. Raises FileError for what may not be replaced."""
    try:
        existing = target.lstat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _file_error(path, error) from error
    if not stat.S_ISREG(existing.st_mode):
        kind = {stat.S_IFDIR: "a directory", stat.S_IFLNK: "a circle of symbolic links"}
        what = kind.get(stat.S_IFMT(existing.st_mode), "not a regular file")
        raise FileError(f"{path} cannot be written: it is {what}.", "Choose another path.")
    if not os.access(target, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise FileError(f"{path} cannot be written: the file is read-only.", f"Allow writing to it: chmod u+w {path}")
    return existing


def _temporary_for(target: Path) -> tuple[Path, int]:
    """A new, empty, locked file next to the target."""
    prefix = _prefix(target)
    while True:
        temporary = target.with_name(prefix + secrets.token_hex(8))
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        if _lock(fd) and os.fstat(fd).st_nlink:
            return temporary, fd
        os.close(fd)  # another writer looked for stale files at this very moment and took it for one; it removes it


def _remove_stale(target: Path) -> None:
    """Remove what crashed writers of this file left: temporary files that nobody holds locked."""
    prefix = _prefix(target)
    with os.scandir(target.parent) as entries:
        stale = [entry.path for entry in entries if entry.name.startswith(prefix)]
    for name in stale:
        with contextlib.suppress(FileNotFoundError, PermissionError):  # finished meanwhile, or somebody else's
            fd = os.open(name, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                if _lock(fd, without_locks=False):
                    os.unlink(name)
            finally:
                os.close(fd)


def _lock(fd: int, *, without_locks: bool = True) -> bool:
    """Lock without waiting. Where the file system has no locks the answer is `without_locks`."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return without_locks
        raise
    return True


def _take_over(fd: int, existing: os.stat_result | None, mode: int | None) -> None:
    """Give the new file the owner and permissions it shall have, before there is anything to read in it."""
    if existing is not None:
        with contextlib.suppress(PermissionError):  # only a privileged process may give files away
            os.fchown(fd, existing.st_uid, existing.st_gid)
        if mode is None:
            mode = stat.S_IMODE(existing.st_mode) & 0o777
    if mode is not None:
        os.fchmod(fd, mode)


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _prefix(target: Path) -> str:
    name = os.fsencode(target.name)[:_NAME_BYTES]
    return f".{os.fsdecode(name)}{_TEMPORARY}"


def _file_error(path: Path, error: OSError) -> FileError:
    said = error.strerror or str(error)
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return FileError(f"{path} cannot be written: there is no space ({said}).", "Free some space; save again.")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return FileError(
                f"{path} cannot be written: its directory is read-only ({said}).",
                "Allow writing to the directory, or save the notebook elsewhere.",
            )
        case errno.ENOENT | errno.ENOTDIR:
            return FileError(
                f"{path} cannot be written: its directory does not exist ({said}).",
                "Create the directory, or save the notebook elsewhere.",
            )
        case _:
            return FileError(f"{path} cannot be written: {said}.", "Save the notebook elsewhere.")
