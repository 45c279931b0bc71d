"""The file of a Unix socket: who may have it, and whether the one that is there still has a server.

A socket lies in a folder that only its owner can enter and is 0600 itself. A file left behind by a server that died is
recognised (nobody accepts) and replaced; one that a living server answers on, or that is no socket, is never touched.
Looking, removing and binding happen under a lock on the folder, so two servers that start at once cannot both win.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from relay.errors import BadEndpoint
from relay.private import private_folder

# What a connection attempt says about a server that lives: it accepted, or its queue of waiting connections is full.
_ALIVE = (0, errno.EAGAIN, errno.EINPROGRESS)


@contextmanager
def private_socket(path: Path) -> Iterator[socket.socket]:
    """A Unix socket bound to `path` and listening; afterwards it is closed and its file removed.

    Raises BadEndpoint (a server answers there, the path is something else or too long) and UnsafeState (the folder is
    open to others). Blocks for as long as the few system calls of another starting server take.
    """
    path = private_folder(path.parent) / path.name
    bound = _bind(path)
    made = path.lstat()
    try:
        yield bound
    finally:
        bound.close()
        with suppress(FileNotFoundError):  # the event loop of newer Pythons tidies up itself
            if os.path.samestat(path.lstat(), made):
                path.unlink()


def _bind(path: Path) -> socket.socket:
    import fcntl  # exists only where Unix sockets do

    lock = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _remove_stale(path)
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            bound.bind(str(path))
            path.chmod(0o600)
        except OSError as error:
            bound.close()
            raise BadEndpoint(
                f"Cannot make a socket at {path}: {error}.", "Choose a shorter path (about 100 bytes at most)."
            ) from error
        bound.setblocking(False)
        bound.listen()  # under the lock, or the next server to start would take this one for dead
        return bound
    finally:
        os.close(lock)


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise BadEndpoint(f"{path} exists and is no socket.", "Choose another path; nothing was removed.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        answer = probe.connect_ex(str(path))
    if answer in _ALIVE:
        raise BadEndpoint(
            f"A server is already listening at {path}.", "Connect to it, stop it, or choose another path."
        )
    if answer != errno.ECONNREFUSED:
        raise BadEndpoint(f"Cannot tell whether a server is listening at {path}: {os.strerror(answer)}.")
    path.unlink()
