"""Blobs: bytes named by their SHA-256, which never change.

A store keeps each blob once, under `<root>/ab/cdef…`. A new one is written to `<root>/incoming`, forced to disk and
renamed into place, so a blob either is there whole or is not there, and a put that returned survives a crash. Putting
one again does nothing. Whoever reads gets the bytes that were put: the first read of a blob in a process checks its
hash, and a damaged file is moved aside and reported, so that putting the blob again heals it.

The store knows neither HTTP nor what blobs mean. All of its I/O runs in threads. One process owns `<root>`: what lies
in `incoming` when the store is opened was left by a crash and is removed. Names that are no SHA-256 never reach the
disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import logging
import os
import re
import secrets
import sys
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NewType, Protocol

from sync_server.atomic_file import fsync_directory
from sync_server.errors import BadBlobName, BlobDamaged, BlobError, BlobMismatch, BlobNotFound, BlobsFull, BlobTooLarge

log = logging.getLogger(__name__)

Sha256 = NewType("Sha256", str)  # 64 lower-case hexadecimal digits

LARGEST_BLOB: Final = 256 * 1024 * 1024  # bytes; a notebook output beyond this is a file and wants another home
PIECE_BYTES: Final = 1024 * 1024  # read and written at a time: a thread hop costs some 50 us, a mebibyte some 500 us
_KNOWN_GOOD: Final = 4096  # blobs whose check is remembered, some 200 bytes each
_DAMAGED: Final = ".damaged"
_INCOMING: Final = "incoming"
_NAME: Final = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class PutBlob:
    """A blob that is on disk now. `created` is False if it was there before."""

    sha256: Sha256
    size: int
    created: bool


class BlobStore(Protocol):
    """Where blobs are kept: a directory here, an object store elsewhere. Everything raises BlobError."""

    async def put(self, data: bytes) -> PutBlob:
        """Keep these bytes; they are on disk when this returns. Raises BlobsFull."""

    async def put_all(self, blobs: Sequence[bytes]) -> list[PutBlob]:
        """The same for several small ones, at the cost of one for all but the disk. Raises BlobsFull."""

    async def put_stream(
        self, pieces: AsyncIterator[bytes], *, limit: int = LARGEST_BLOB, expected: Sha256 | None = None
    ) -> PutBlob:
        """Keep what the iterator yields, however much that is up to `limit` bytes, without holding it in memory.

        Raises BlobTooLarge as soon as there is more, BlobMismatch if the hash is not the `expected` one, BlobsFull, and
        whatever the iterator raises; then nothing is kept.
        """

    async def has(self, sha256: Sha256) -> bool:
        """Whether the blob is there."""

    async def size(self, sha256: Sha256) -> int:
        """Its size in bytes. Raises BlobNotFound, BlobDamaged."""

    async def read(self, sha256: Sha256, start: int = 0, end: int | None = None) -> bytes:
        """Its bytes from `start` to before `end` (or its end). Raises BlobNotFound, BlobDamaged."""

    def stream(self, sha256: Sha256, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The same in pieces of at most a mebibyte."""


def blob_name(text: str) -> Sha256:
    """The text as a blob's name. Raises BadBlobName."""
    if not _NAME.match(text):
        raise BadBlobName(
            f"{text[:80]!r} is not the name of a blob.",
            "A blob's name is its SHA-256: 64 lower-case hexadecimal digits.",
        )
    return Sha256(text)


class DirectoryBlobStore:
    """A `BlobStore` in a directory of this machine.

    Owns the directory and the memory of which blobs were checked: their names with the size and time of the file that
    was checked, so that a file that changed is checked again. Its private methods run in threads.
    """

    def __init__(self, root: Path) -> None:
        """Make the directory (mode 0700) if need be and clear what a crash left. Some milliseconds: do it in a thread.

        Raises BlobError, BlobsFull.
        """
        self._root = root
        self._incoming = root / _INCOMING
        self._known_good: OrderedDict[Sha256, tuple[int, int]] = OrderedDict()
        self._known_good_lock = threading.Lock()
        try:
            self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
            for left in self._incoming.iterdir():
                left.unlink()
            for number in range(256):
                (root / f"{number:02x}").mkdir(mode=0o700, exist_ok=True)
            fsync_directory(root)
        except OSError as error:
            raise _blob_error(f"the blob folder {root}", error) from error

    async def put(self, data: bytes) -> PutBlob:
        """See BlobStore.put. Cancelling it may come too late to stop it."""
        return await asyncio.to_thread(self._put, data)

    async def put_all(self, blobs: Sequence[bytes]) -> list[PutBlob]:
        """See BlobStore.put_all. Cancelling it may come too late to stop it."""
        return await asyncio.to_thread(lambda: [self._put(data) for data in blobs])

    async def put_stream(
        self, pieces: AsyncIterator[bytes], *, limit: int = LARGEST_BLOB, expected: Sha256 | None = None
    ) -> PutBlob:
        """See BlobStore.put_stream. Cancelling it leaves nothing in `incoming`."""
        upload = _Upload(self._incoming / secrets.token_hex(16))
        try:
            received = 0
            waiting = bytearray()
            async for piece in pieces:
                received += len(piece)
                if received > limit:
                    raise BlobTooLarge(f"a blob of more than {limit} bytes was sent.", "Keep it as a file instead.")
                waiting += piece
                if len(waiting) >= PIECE_BYTES:
                    await asyncio.to_thread(self._write, upload, waiting)
                    waiting = bytearray()
            return await asyncio.to_thread(self._keep, upload, waiting, expected)
        finally:
            await asyncio.shield(asyncio.to_thread(upload.discard))

    async def has(self, sha256: Sha256) -> bool:
        """See BlobStore.has."""
        return await asyncio.to_thread(self._path(sha256).is_file)

    async def size(self, sha256: Sha256) -> int:
        """See BlobStore.size."""
        return await asyncio.to_thread(self._checked_size, sha256)

    async def read(self, sha256: Sha256, start: int = 0, end: int | None = None) -> bytes:
        """See BlobStore.read."""
        return await asyncio.to_thread(self._read, sha256, start, sys.maxsize if end is None else end)

    async def stream(self, sha256: Sha256, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See BlobStore.stream. Only the piece that is being read is in memory."""
        size = await self.size(sha256)
        stop = size if end is None else min(end, size)
        while start < stop:
            piece = await self.read(sha256, start, min(start + PIECE_BYTES, stop))
            start += len(piece)
            yield piece

    # --- in threads -------------------------------------------------------------------------------------------------

    def _path(self, sha256: Sha256) -> Path:
        name = blob_name(sha256)
        return self._root / name[:2] / name[2:]

    def _put(self, data: bytes) -> PutBlob:
        upload = _Upload(self._incoming / secrets.token_hex(16))
        try:
            return self._keep(upload, data, None)
        finally:
            upload.discard()

    def _write(self, upload: _Upload, data: bytes | bytearray) -> None:
        try:
            upload.write(data)
        except OSError as error:
            raise _blob_error("a new blob", error) from error

    def _keep(self, upload: _Upload, rest: bytes | bytearray, expected: Sha256 | None) -> PutBlob:
        """Take in the last bytes and give the blob its name."""
        sha256, size = upload.digest_with(rest)
        if expected not in (None, sha256):
            raise BlobMismatch(
                f"{size} bytes were sent as blob {expected}, but their SHA-256 is {sha256}.", "Send the blob again."
            )
        path = self._path(sha256)
        try:
            if path.is_file() and path.stat().st_size == size:
                fsync_directory(path.parent)  # somebody else may have put it just now and not come to this
                return PutBlob(sha256, size, created=False)
            upload.write(rest)
            upload.become(path)
        except OSError as error:
            raise _blob_error(f"blob {sha256}", error) from error
        return PutBlob(sha256, size, created=True)

    def _read(self, sha256: Sha256, start: int, end: int) -> bytes:
        size = self._checked_size(sha256)
        start, end = max(start, 0), min(end, size)
        try:
            with self._path(sha256).open("rb", buffering=0) as file:
                pieces: list[bytes] = []
                while start < end and (piece := os.pread(file.fileno(), end - start, start)):
                    pieces.append(piece)
                    start += len(piece)
        except OSError as error:
            raise _blob_error(f"blob {sha256}", error) from error
        if start < end:
            raise self._damage(sha256)
        return b"".join(pieces)

    def _checked_size(self, sha256: Sha256) -> int:
        """The blob's size, once its bytes are known to be the right ones."""
        try:
            with self._path(sha256).open("rb") as file:
                status = os.fstat(file.fileno())
                seen = (status.st_size, status.st_mtime_ns)
                with self._known_good_lock:
                    good = self._known_good.get(sha256) == seen
                if not good and hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                    raise self._damage(sha256)
        except OSError as error:
            raise _blob_error(f"blob {sha256}", error) from error
        with self._known_good_lock:
            self._known_good[sha256] = seen
            self._known_good.move_to_end(sha256)
            if len(self._known_good) > _KNOWN_GOOD:
                self._known_good.popitem(last=False)
        return seen[0]

    def _damage(self, sha256: Sha256) -> BlobDamaged:
        """Move the file aside, so that the blob can be put again, and say so."""
        path = self._path(sha256)
        aside = path.with_name(path.name + _DAMAGED)
        with contextlib.suppress(FileNotFoundError):  # another reader did it
            path.replace(aside)
            log.error("blob %s is damaged; its file was moved to %s", sha256, aside)
        return BlobDamaged(
            f"blob {sha256} is damaged on disk: its bytes do not have that hash.",
            "Run the cell again to make the output anew.",
        )


class _Upload:
    """Bytes on their way in, in a temporary file that is made with the first of them.

    Whoever has to stop waiting for a thread may call `discard` while that thread still writes; the lock makes it wait.
    """

    def __init__(self, temporary: Path) -> None:
        self._temporary = temporary
        self._lock = threading.Lock()
        self._fd: int | None = None
        self._discarded = False
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes | bytearray) -> None:
        """Add bytes. Raises OSError; the upload can only be discarded then."""
        with self._lock:
            if self._discarded:
                return
            if self._fd is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                self._fd = os.open(self._temporary, flags, 0o600)
            self._hash.update(data)
            self._size += len(data)
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._fd, rest) :]

    def digest_with(self, rest: bytes | bytearray) -> tuple[Sha256, int]:
        """Hash and size of what was written with `rest` after it."""
        whole = self._hash.copy()
        whole.update(rest)
        return Sha256(whole.hexdigest()), self._size + len(rest)

    def become(self, path: Path) -> None:
        """Force the bytes to disk and give them this name."""
        with self._lock:
            if self._discarded or self._fd is None:
                return
            os.fsync(self._fd)
            self._temporary.replace(path)
            self._close()
            fsync_directory(path.parent)

    def discard(self) -> None:
        """Forget what did not get a name. Idempotent."""
        with self._lock:
            self._discarded = True
            if self._fd is not None:
                self._close()
                self._temporary.unlink(missing_ok=True)

    def _close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


def _blob_error(what: str, error: OSError) -> BlobError:
    said = error.strerror or str(error)
    match error.errno:
        case errno.ENOENT:
            return BlobNotFound(f"{what} is not here.", "Run the cell again, or open the notebook where it was run.")
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return BlobsFull(f"there is no space for {what} ({said}).", "Free some space and try again.")
        case _:
            return BlobError(f"{what} cannot be used: {said}.", "Check the disk and who may write the state folder.")
