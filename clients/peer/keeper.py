"""Keeps a notebook's replica on disk while it is open: everything that was edited or arrived, as soon as the disk takes
it.

A Keeper owns a ReplicaFile and knows how much of the replica is in it. What happens while one write is under way shares
the next. A failed write is tried again, and whoever waits for it is told. When the replica had to be replaced (its core
panicked), the file stays as it is until the new one has everything again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from clients.peer.errors import BadReplicaFile, PeerError
from clients.peer.replica_file import ReplicaFile
from notebook_doc.replica import Heads
from relay.errors import WireError

if TYPE_CHECKING:
    from clients.peer.notebook import Notebook

logger = logging.getLogger("quire.peer")

# Seconds until a write that failed is tried again.
RETRY_SECONDS: Final = 1.0


class Keeper:
    """See the module. Made by `keeping`."""

    def __init__(self, notebook: Notebook, file: ReplicaFile) -> None:
        self.file = file
        self.error: BadReplicaFile | None = None  # why the latest write failed
        self._notebook = notebook
        self._replica = notebook.doc.replica  # the one that the file has
        self._kept: Heads = self._replica.heads() if file.notebook is not None else ()

    @property
    def is_kept(self) -> bool:
        """Whether the file has everything that is in the replica."""
        replica = self._notebook.doc.replica
        return replica is self._replica and replica.heads() == self._kept

    async def run(self) -> None:
        """Write whenever there is something to write. Ends with the notebook's session."""
        with suppress(PeerError, WireError):
            while await self._notebook.until(lambda: not self.is_kept and self._may_write):
                await self.write()
                if self.error is not None:
                    await asyncio.sleep(RETRY_SECONDS)

    async def write(self) -> None:
        """Bring the file up to date. A failure is in `error` then."""
        if self.is_kept or not self._may_write:
            return
        replica, acknowledged = self._notebook.doc.replica, self._notebook.hub_heads
        heads = replica.heads()
        try:
            if self.file.wants_snapshot or replica is not self._replica:
                await asyncio.to_thread(self.file.replace, replica.save(), acknowledged)
            else:
                await asyncio.to_thread(self.file.append, replica.changes_since(self._kept), acknowledged)
        except OSError as error:
            message = f"Notebook {self._notebook.id} could not be kept in {self.file.path}: {error.strerror or error}."
            if self.error is None:
                logger.error("%s", message)
            self.error = BadReplicaFile(message, "Make room for it; it is tried again.")
        else:
            self.error = None
            self._replica, self._kept = replica, heads
        self._notebook.stir()

    @property
    def _may_write(self) -> bool:
        same = self._notebook.doc.replica is self._replica
        born = self._notebook.doc.genesis is not None
        return born and not self.file.is_retired and (same or self._notebook.is_joined)


@asynccontextmanager
async def keeping(notebook: Notebook, file: ReplicaFile) -> AsyncIterator[Keeper]:
    """Keep an open notebook in this file until the context is left, with what was edited last."""
    keeper = Keeper(notebook, file)
    running = asyncio.create_task(keeper.run(), name=f"keep notebook {notebook.id}")
    try:
        yield keeper
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await keeper.write()
