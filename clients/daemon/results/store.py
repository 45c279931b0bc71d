"""Where results are kept: a folder for each notebook in the state folder, for nobody but its owner, and bounded.

A ResultStore makes folders, counts and forgets: what was used longest ago goes first when there is more than MAX_BYTES.
What is in an entry is the kernel's business (`in_kernel`), which writes them. Blocks for small files.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from relay.private import private_folder

FOLDER: Final = "results"
# Bytes of all entries of all notebooks, and how many they may be.
MAX_BYTES: Final = 1024 * 1024 * 1024
MAX_ENTRIES: Final = 10_000


class ResultStore:
    """See the module. `state` is the state folder."""

    def __init__(self, state: Path, max_bytes: int = MAX_BYTES) -> None:
        self._folder = state / FOLDER
        self._max_bytes = max_bytes

    def folder(self, notebook_id: str) -> Path:
        """The folder of a notebook's entries. Raises UnsafeState if others can enter it."""
        private_folder(self._folder)
        return private_folder(self._folder / notebook_id)

    def has(self, notebook_id: str, key: str) -> bool:
        """Whether there is an entry that this key may be of."""
        return any((self._folder / notebook_id).glob(f"{key}-*"))

    def prune(self) -> int:
        """Forget what is too much, and what writers left that were killed; how many entries went."""
        found: list[tuple[float, int, Path]] = []
        for path in self._folder.glob("*/*"):
            with suppress(OSError):
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        found.sort(key=lambda one: one[0], reverse=True)
        gone, size, entries = 0, 0, 0
        for _, bytes_, path in found:
            size, entries = size + bytes_, entries + 1
            if size > self._max_bytes or entries > MAX_ENTRIES:
                with suppress(OSError):
                    os.remove(path)
                    gone += 1
        return gone
