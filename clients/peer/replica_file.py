"""A peer's own copy of one notebook on disk: a log of changes that survives the peer's kill -9.

A ReplicaFile owns one file and the lock beside it. The file is a snapshot followed by batches of changes, each in a
record of its own with its length and CRC-32. What `append` or `replace` was given is on disk when it returns. A record
that a crash left unfinished at the end is cut off on opening, which loses nothing that was reported as kept, since a
record is begun only after the one before it is on disk; damage anywhere else is refused, never repaired in silence.
Nothing here is asynchronous: call it in a thread. Two processes cannot open one file.

Record: "QRec", kind (u8), length (u32), CRC-32 of kind, length and payload (u32), payload; numbers big-endian. The
payload begins with the heads that the hub has acknowledged by then: their number (u16), 32 bytes each. A snapshot
(kind 1) or change chunks (kind 2) follow.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import threading
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from clients.peer.errors import BadReplicaFile
from notebook_doc.errors import NotebookDocError
from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import Heads, Replica

MAGIC: Final = b"quire replica 1\n"
_RECORD: Final = b"QRec"
_HEADER: Final = struct.Struct(">4sBII")
_COUNT: Final = struct.Struct(">H")
_SNAPSHOT: Final = 1
_CHANGES: Final = 2
_HASH_SIZE: Final = 32

# Bytes of appended changes from which on the file is written anew as one snapshot, unless the snapshot is larger still:
# loading takes 4 us a change, and a typed character is a change of about 100 bytes.
COMPACT_ABOVE: Final = 512 * 1024


@dataclass
class _Read:
    """What a file says."""

    chunks: list[bytes] = field(default_factory=list)  # of the snapshot and of the changes since, in order
    snapshot_size: int = 0
    acknowledged: Heads = ()
    end: int = 0  # where the last whole record ends


class ReplicaFile:
    """See the module. `notebook` is what was in the file, None if nothing was."""

    def __init__(self, path: Path) -> None:
        """Open the file and lock it; it is made when there is something to keep.

        Raises BadReplicaFile when another process has it, when it is damaged, or when it is no such file.
        """
        self.path = path.expanduser().absolute()
        self._writing = threading.Lock()
        self._lock: int | None = None
        self.is_retired = False  # it was set aside
        self._file: int | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self.path)
            content = _read(self.path)
            found = _parse(content, self.path) if content is not None else _Read()
            self.notebook = _notebook(found.chunks, self.path)
            if found.end:
                self._file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
                os.ftruncate(self._file, found.end)
                os.fsync(self._file)
        except OSError as error:
            self.close()
            raise BadReplicaFile(
                f"{self.path} cannot be used to keep a notebook: {error.strerror}.", "Choose another path."
            ) from error
        except BaseException:
            self.close()
            raise
        self.acknowledged = found.acknowledged
        self._end = found.end
        self._snapshot_size, self._appended = found.snapshot_size, found.end - found.snapshot_size

    @property
    def exists(self) -> bool:
        """Whether there is a file."""
        return self._file is not None

    @property
    def wants_snapshot(self) -> bool:
        """Whether the next write should be `replace`: there is no file yet, or more was appended than is good."""
        return self._file is None or self._appended > max(COMPACT_ABOVE, self._snapshot_size)

    def unsaved(self) -> list[bytes]:
        """The changes in the file as it was opened that the hub had not acknowledged."""
        return [] if self.notebook is None else self.notebook.replica.changes_since(self.acknowledged)

    def append(self, chunks: Sequence[bytes], acknowledged: Heads) -> None:
        """Add changes; they are on disk when this returns. Raises OSError, and the file is then as it was."""
        with self._writing:
            assert self._file is not None, "a file begins with a snapshot"
            data = _record(_CHANGES, acknowledged, chunks)
            try:
                _write_at(self._file, self._end, data)
                os.fsync(self._file)
            except OSError:
                with contextlib.suppress(OSError):  # what is left there is cut off when the file is opened
                    os.ftruncate(self._file, self._end)
                raise
            self.acknowledged = acknowledged
            self._end += len(data)
            self._appended += len(data)

    def replace(self, snapshot: bytes, acknowledged: Heads) -> None:
        """Write the file anew; a crash leaves the old or the new one. Raises OSError, and the file is as it was."""
        with self._writing:
            data = MAGIC + _record(_SNAPSHOT, acknowledged, (snapshot,))
            temporary = self.path.with_name(f"{self.path.name}.tmp")  # ours alone, by the lock
            fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                _write_at(fd, 0, data)
                os.fsync(fd)
                temporary.replace(self.path)
                _fsync_folder(self.path.parent)
            except OSError:
                os.close(fd)
                temporary.unlink(missing_ok=True)
                raise
            if self._file is not None:
                os.close(self._file)
            self._file, self._end = fd, len(data)
            self.acknowledged = acknowledged
            self._snapshot_size, self._appended = len(data), 0

    def set_aside(self) -> Path:
        """Give the file another name beside the old one, which is free then; return it. Nothing is written any more."""
        with self._writing:
            number = 1
            while (aside := self.path.with_name(f"{self.path.name}.aside-{number}")).exists():
                number += 1
            self.path.rename(aside)
            _fsync_folder(self.path.parent)
            if self._file is not None:
                os.close(self._file)
                self._file = None
            self.is_retired = True
            return aside

    def close(self) -> None:
        """Let go of the file. May be called again."""
        with self._writing:
            for fd in (self._file, self._lock):
                if fd is not None:
                    os.close(fd)
            self._file = self._lock = None


def _record(kind: int, acknowledged: Heads, chunks: Iterable[bytes]) -> bytes:
    payload = b"".join((_COUNT.pack(len(acknowledged)), *acknowledged, *chunks))
    return _HEADER.pack(_RECORD, kind, len(payload), _checksum(kind, payload)) + payload


def _checksum(kind: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(struct.pack(">BI", kind, len(payload))))


def _read_record(content: bytes, start: int) -> tuple[int, bytes] | None:
    """The record that begins there; None if it is not whole."""
    if start + _HEADER.size > len(content):
        return None
    magic, kind, length, checksum = _HEADER.unpack_from(content, start)
    payload = content[start + _HEADER.size : start + _HEADER.size + length]
    whole = magic == _RECORD and len(payload) == length and checksum == _checksum(kind, payload)
    return (kind, payload) if whole else None


def _parse(content: bytes, path: Path) -> _Read:
    """All whole records. Raises BadReplicaFile for what is no such file, or damaged before its end."""
    if not content.startswith(MAGIC):
        if MAGIC.startswith(content):  # it was never finished
            return _Read()
        raise BadReplicaFile(f"{path} is not a copy of a notebook that was kept here.", "Choose another path.")
    found = _Read(end=len(MAGIC))
    while found.end < len(content):
        record = _read_record(content, found.end)
        if record is None:
            _check_torn(content, found.end, path)
            break
        kind, payload = record
        found.end += _HEADER.size + len(payload)
        if kind not in (_SNAPSHOT, _CHANGES):
            raise BadReplicaFile(f"{path} was written by a later Quire.", "Upgrade Quire to open it.")
        (count,) = _COUNT.unpack_from(payload)
        begin = _COUNT.size + count * _HASH_SIZE
        found.acknowledged = tuple(payload[i : i + _HASH_SIZE] for i in range(_COUNT.size, begin, _HASH_SIZE))
        if kind == _SNAPSHOT:
            found.chunks, found.snapshot_size = [payload[begin:]], found.end
        else:
            found.chunks.append(payload[begin:])
    return found


def _check_torn(content: bytes, start: int, path: Path) -> None:
    """Raise BadReplicaFile if a whole record follows: then this one was on disk once and is damaged."""
    position = content.find(_RECORD, start + 1)
    while position != -1:
        if _read_record(content, position) is not None:
            raise BadReplicaFile(
                f"{path} is damaged at byte {start}.",
                "Move it away to open the notebook anew; what had reached the hub is there.",
            )
        position = content.find(_RECORD, position + 1)


def _notebook(chunks: Sequence[bytes], path: Path) -> NotebookDoc | None:
    if not chunks:
        return None
    try:
        return NotebookDoc(Replica.load(b"".join(chunks)))
    except NotebookDocError as error:
        raise BadReplicaFile(f"{path} cannot be read as a notebook: {error.message}", "Move it away.") from error


def _locked(path: Path) -> int:
    """An exclusive lock that dies with this process, on a file beside `path`, which itself is replaced now and then."""
    beside = path.with_name(f"{path.name}.lock")
    fd = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise BadReplicaFile(
            f"{path} is in use by another process, or twice by this one.", "Give each peer a file of its own."
        ) from error
    except BaseException:
        os.close(fd)
        raise
    return fd


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _write_at(fd: int, position: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(fd, rest, position)
        rest, position = rest[written:], position + written


def _fsync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
