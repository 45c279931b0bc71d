"""When RuntimeDoc starts afresh, and what is written down before it does.

An Epochs owns the count of what was written since the present epoch began. When that outweighs what the document has
to say, it puts the executions that only history wants into an archive at the hub, makes the next epoch of the rest, and
hands it to the notebook, which shows it from then on and sees to it that the hub and the peers follow. It promises that
no output is written meanwhile (so every output keeps its index), that what else is written meanwhile is in the new
epoch too, and that an archive is on the hub's disk before the document relies on it. What fails is tried again later;
the present epoch just goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, cast

from clients.daemon.output_writer import OutputWriter
from clients.peer.errors import PeerError, RequestFailed
from clients.peer.notebook import Notebook
from notebook_doc.errors import CorruptDocument
from notebook_doc.replica import Heads, Replica
from notebook_doc.rotation import (
    archive_entry,
    catch_up,
    merges_with,
    next_epoch,
    read_archive,
    superseded,
    write_archive,
)
from notebook_doc.runtime import RuntimeDoc
from notebook_doc.runtime_records import Manifest
from relay.errors import WireError

logger = logging.getLogger("quire.daemon")

# What may be written in an epoch before the next one begins, in bytes; each change counts as CHANGE_COST more, because
# loading, syncing and further writing cost by their number too. A line of progress is a change of some 270 bytes, so an
# epoch is about 2,000 of them: half an hour at one a second. A write takes 0.5 ms then (2.5 ms at 8,000), a load 0.1 s.
EPOCH_BYTES: Final = 1024 * 1024
CHANGE_COST: Final = 256
# Or this many times the bytes that the epoch began with, if that is more: outputs that pile up (10,000 figures in one
# cell) are carried over each time, and must not be written anew after every few of them. The birth of an epoch is
# compressed about eightfold, so this is once what it carries.
LIVE_SHARE: Final = 8
# Seconds until a rotation that failed is tried again.
RETRY_SECONDS: Final = 10.0


class Epochs:
    """See the module. One per notebook; `outputs` is who else writes outputs."""

    def __init__(self, notebook: Notebook, outputs: OutputWriter, epoch_bytes: int = EPOCH_BYTES) -> None:
        self._notebook, self._outputs = notebook, outputs
        self._epoch_bytes = epoch_bytes
        self._counted: Replica | None = None  # the replica that the figures below are about
        self._heads: Heads = ()  # up to here it was counted
        self._carried = 0  # bytes of its birth
        self._written = 0  # what came after, in bytes and CHANGE_COST
        self._not_before = 0.0

    async def turn_if_due(self) -> None:
        """Start RuntimeDoc afresh if too much was written; call it now and then."""
        self._count()
        now = asyncio.get_running_loop().time()
        is_due = self._written > max(self._epoch_bytes, LIVE_SHARE * self._carried)
        # Joined: the hub has the present epoch, and is there to take an archive and the next one.
        if not is_due or now < self._not_before or not self._notebook.is_joined:
            return
        self._not_before = now + RETRY_SECONDS
        try:
            async with self._outputs.quiet():
                await self._turn(self._notebook.runtime)
        except (WireError, PeerError) as error:
            logger.warning("notebook %s: RuntimeDoc was not started afresh: %s", self._notebook.id, error)
        else:
            self._not_before = now

    async def _turn(self, runtime: RuntimeDoc) -> None:
        """Make the next epoch on a copy, in threads: while it is large the loop has other things to do."""
        copy = RuntimeDoc(runtime.replica.fork())
        live = {*self._outputs.buffered, *copy.comms.execution_ids()}
        cells = frozenset(self._notebook.doc.cell_ids())
        gone = await asyncio.to_thread(superseded, copy, live=live, cells=cells)
        archive = await self._archived(copy, gone) if gone else copy.archive()
        fresh = await asyncio.to_thread(next_epoch, copy, leave_out=gone, archive=archive)
        if runtime is not self._notebook.runtime:
            return  # the hub's took its place
        # Nothing is awaited from here on: what was written meanwhile, be it the end of a run, is in both.
        catch_up(fresh, runtime, leave_out=gone)
        self._notebook.begin_epoch(fresh)
        logger.info("notebook %s: epoch %d of RuntimeDoc begins", self._notebook.id, fresh.epoch)

    async def _archived(self, runtime: RuntimeDoc, gone: Sequence[str]) -> list[Manifest]:
        """The list of archives once these executions are in one of them."""
        data, entry = await asyncio.to_thread(write_archive, runtime, gone)
        archive = runtime.archive()
        if count := merges_with(archive, len(data)):
            try:
                data = b"".join([*[await self._read(old) for old in archive[-count:]], data])
                archive, entry = archive[:-count], await asyncio.to_thread(archive_entry, data)
            except (RequestFailed, CorruptDocument) as error:  # it is lost; the others need not wait for it
                logger.error("notebook %s: archives were not merged: %s", self._notebook.id, error)
        return [*archive, {"blob": await self._notebook.put_blob(data), **entry}]

    async def _read(self, entry: Manifest) -> bytes:
        data = await self._notebook.blob(cast(str, entry["blob"]))
        await asyncio.to_thread(read_archive, data)
        return data

    def _count(self) -> None:
        """Count what was written since the last time."""
        replica = self._notebook.runtime.replica
        if replica is self._counted:
            chunks = replica.changes_since(self._heads)
        else:
            _seed, *born = replica.changes_since(())
            self._carried, chunks = sum(map(len, born[:1])), born[1:]
            self._counted, self._written = replica, 0
        self._heads = replica.heads()
        self._written += sum(map(len, chunks)) + CHANGE_COST * len(chunks)
