"""A notebook's file: reading it in, and writing it back as a checkpoint.

The file is not the notebook but what others see of it. These functions say which paths can be a notebook's, read what
is there with what tells it from a later version, and write the whole file or nothing. They keep no state; all of them
block, so call them in a thread.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from notebook_doc.errors import NotANotebook
from notebook_doc.ipynb import Imported, read, write
from notebook_doc.model import NotebookModel
from sync_server.atomic_file import write_atomically
from sync_server.errors import FileError
from sync_server.store import Checkpoint

# Bytes; a notebook larger than this does not fit a frame once it is a document.
LARGEST_FILE = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as it was found: its bytes and what tells it from a later version."""

    data: bytes
    sha256: str
    mtime_ns: int
    size: int


def checked_path(path: Path) -> Path:
    """The real path of a notebook file, existing or not. Raises FileError, NotANotebook for what cannot be one."""
    real = Path(os.path.realpath(path))
    if real.suffix != ".ipynb":
        raise NotANotebook(f"{path} is not named .ipynb.", "Name a notebook file.")
    try:
        mode = real.stat().st_mode
    except FileNotFoundError:
        if not real.parent.is_dir():
            raise FileError(f"{path} cannot be made: {real.parent} is no folder.", "Make the folder first.") from None
    except OSError as error:
        raise FileError(f"{path} cannot be looked at: {error.strerror}.", "Check its path and permissions.") from error
    else:
        if stat.S_ISDIR(mode):
            raise FileError(f"{path} is a folder.", "Name a notebook file in it.")
        if not stat.S_ISREG(mode):
            raise FileError(f"{path} is no regular file.", "Name a notebook file.")
    return real


def read_file(path: Path) -> FileState | None:
    """What is at `path`; None if nothing is. Raises FileError."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_size > LARGEST_FILE:
                message = f"{path} has {status.st_size} bytes; the most a notebook may have is {LARGEST_FILE}."
                raise FileError(message, "Clear its outputs first.")
            data = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error
    return FileState(data, sha256_of(data), status.st_mtime_ns, status.st_size)


def parse_file(state: FileState, path: Path, notebook_id: str) -> Imported:
    """The model in a file. Raises NotANotebook, which names the place."""
    try:
        return read(state.data, notebook_id=notebook_id)
    except NotANotebook as error:
        raise NotANotebook(f"{path} cannot be opened: {error.message}", error.hint) from error


def is_unchanged(path: Path, checkpoint: Checkpoint) -> bool:
    """Whether the file is, by its times and size, still what the checkpoint says."""
    try:
        status = path.stat()
    except OSError:
        return False
    return (status.st_mtime_ns, status.st_size) == (checkpoint.mtime_ns, checkpoint.size)


def rendered(model: NotebookModel, blobs: Mapping[str, bytes]) -> bytes:
    """The bytes of a file that says what the model says."""
    return write(model, blobs.__getitem__).encode()


def write_file(path: Path, data: bytes) -> FileState:
    """Put these bytes in the file's place; return it as it is now. Raises FileError, and then it is as it was."""
    written = write_atomically(path, data)
    return FileState(data, sha256_of(data), written.mtime_ns, written.size)


def sha256_of(data: bytes) -> str:
    """SHA-256 in lower-case hex."""
    return hashlib.sha256(data).hexdigest()
