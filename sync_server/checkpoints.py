"""Keeps a notebook's file in step with its documents, and its documents in step with the file.

A Checkpointer owns the checkpoint of one room: what the file held when the hub last read or wrote it, and at which
heads. It writes the file a moment after things have become quiet, and at the latest every few seconds; before writing,
and when the room opens, it looks whether somebody edited the file outside, and merges that edit as one made from the
checkpoint. A file that cannot be read as a notebook is left alone and reported.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from notebook_doc.errors import NotANotebook, NotebookDocError
from notebook_doc.interchange import blobs_in, model_of, reconcile
from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import ACTOR_SIZE, Heads
from notebook_doc.runtime import RuntimeDoc
from relay.errors import ErrorCode, WireError
from relay.messages import ErrorInfo, NotebookSaved, encode
from sync_server.blobs import BlobStore, blob_name
from sync_server.errors import FileError
from sync_server.live_room import LiveRoom
from sync_server.notebook_file import (
    FileState,
    is_unchanged,
    parse_file,
    read_file,
    rendered,
    sha256_of,
    write_file,
)
from sync_server.store import Checkpoint, DocumentStore

logger = logging.getLogger("quire.hub")

# Seconds without a change after which the file is written, and the longest it is put off while changes go on. A file is
# rewritten whole, so not per keystroke; the documents themselves are on disk within milliseconds.
QUIET_SECONDS: Final = 1.0
LATEST_SECONDS: Final = 5.0
# Seconds that storing a merged edit may take before saving is given up for this time.
STORED_SECONDS: Final = 30.0


class Checkpointer:
    """See the module. One per open room that has a file."""

    def __init__(
        self, room: LiveRoom, path: Path, store: DocumentStore, blobs: BlobStore, checkpoint: Checkpoint | None
    ) -> None:
        self.path = path
        self._room, self._store, self._blobs = room, store, blobs
        self._checkpoint = checkpoint
        self._saved_at: tuple[Heads, Heads] | None = None  # what the file says, if it says all of it
        if checkpoint is not None:
            self._saved_at = tuple(sorted(checkpoint.heads)), tuple(sorted(checkpoint.runtime_heads))
        self.error: ErrorInfo | None = None  # why the file could not be written the last time
        if not self.up_to_date:  # the hub ended before it could write the latest
            room.stored.set()
        self._lock = asyncio.Lock()

    @property
    def up_to_date(self) -> bool:
        """Whether the file holds what is stored."""
        return self._saved_at == self._heads()

    @property
    def written(self) -> float | None:
        """When the file got what it says, as the disk tells (seconds since 1970); None if it was never written."""
        return None if self._checkpoint is None else self._checkpoint.mtime_ns / 1e9

    def _heads(self) -> tuple[Heads, Heads]:
        return self._room.room.notebook.durable_heads, self._room.room.runtime.durable_heads

    async def run(self) -> None:
        """Write the file whenever there is something to write. Runs until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._room.stored.wait()
            latest = loop.time() + LATEST_SECONDS
            while self._room.stored.is_set():
                self._room.stored.clear()
                try:
                    async with asyncio.timeout_at(min(latest, loop.time() + QUIET_SECONDS)):
                        await self._room.stored.wait()
                except TimeoutError:
                    break
            try:
                await self.save()
            except (WireError, NotebookDocError) as error:
                self._report(error)

    async def save(self) -> tuple[Path, Heads]:
        """Write the file unless it says it all already; return where, and which notebook heads it holds.

        Raises FileError, BlobError, StorageError, and NotANotebook if something else was put in the file's place.
        """
        async with self._lock:
            try:
                await self._take_in_outside_edit()
                if not self.up_to_date:
                    await self._write()
            except (WireError, NotebookDocError) as error:
                code = ErrorCode.NOT_A_NOTEBOOK if isinstance(error, NotANotebook) else error.code
                self.error = ErrorInfo(code=code, message=error.message, hint=error.hint)
                raise
            self.error = None
            return self.path, self._heads()[0]

    async def take_in_outside_edit(self) -> None:
        """Merge what somebody else wrote to the file since the checkpoint. Raises FileError, NotANotebook."""
        async with self._lock:
            await self._take_in_outside_edit()

    async def _write(self) -> None:
        """Write what the replicas say now. The file is announced in the store before it takes its place: a crash in
        between must not make the hub mistake its own file for an edit from outside, and apply it a second time."""
        room = self._room.room
        notebook, runtime = room.notebook.replica.fork(), room.runtime.replica.fork()
        heads = notebook.heads(), runtime.heads()
        if not await self._room.until_all_stored(STORED_SECONDS):
            raise FileError(f"{self.path} is not written: the changes are not stored.", "See the log for the reason.")
        model = await asyncio.to_thread(lambda: model_of(NotebookDoc(notebook), RuntimeDoc(runtime)))
        blobs = {name: await self._blobs.read(blob_name(name)) for name in blobs_in(model)}
        data = await asyncio.to_thread(rendered, model, blobs)
        if self._checkpoint is not None:
            await self._store_checkpoint(
                replace(self._checkpoint, announced_sha256=sha256_of(data), announced_heads=list(heads[0]))
            )
        state = await asyncio.to_thread(write_file, self.path, data)
        await self._remember(state, list(heads[0]), list(heads[1]))
        self._saved_at = heads
        logger.info("notebook %s: saved to %s", self._room.notebook_id, self.path)
        self._room.broadcast(encode(NotebookSaved(path=str(self.path), heads=list(heads[0]))))

    async def _take_in_outside_edit(self) -> None:
        checkpoint = self._checkpoint
        if checkpoint is None or await asyncio.to_thread(is_unchanged, self.path, checkpoint):
            return
        state = await asyncio.to_thread(read_file, self.path)
        if state is None:  # moved or deleted: what is here is all there is, so it is written again
            self._saved_at = None
        elif state.sha256 == checkpoint.file_sha256:  # only touched
            await self._remember(state, checkpoint.heads, checkpoint.runtime_heads)
        elif state.sha256 == checkpoint.announced_sha256:  # the hub's own: it ended before it could note that
            self._saved_at = None
            await self._remember(state, checkpoint.announced_heads)
        else:
            await self._merge(state, checkpoint)

    async def _merge(self, state: FileState, checkpoint: Checkpoint) -> None:
        """Apply the edit between the checkpoint and this file to what the file was written from, and merge it.

        The change follows from the file and the checkpoint alone, its actor included: a hub that ends before it has
        noted the file makes the same change again, and nothing is doubled.
        """
        imported = await asyncio.to_thread(parse_file, state, self.path, self._room.notebook_id)
        for data in imported.blobs.values():
            await self._blobs.put(data)
        replica = self._room.room.notebook.replica.fork()
        heads = b"".join(sorted(checkpoint.heads))
        actor = sha256(b"quire outside edit\0" + state.sha256.encode() + heads).digest()[:ACTOR_SIZE]
        edited = NotebookDoc(await asyncio.to_thread(replica.fork_at, checkpoint.heads, actor))
        before = edited.replica.heads()
        reconcile(edited, imported.model)
        chunks = edited.replica.changes_since(before)
        if chunks:
            logger.info("notebook %s: an edit of %s from outside is merged", self._room.notebook_id, self.path)
            self._room.offer(chunks)
            if not await self._room.until_stored(edited.replica.heads(), STORED_SECONDS):
                raise FileError(f"the outside edit of {self.path} could not be stored.", "See the log for the reason.")
        self._saved_at = None
        await self._remember(state, list(edited.replica.heads()))

    async def _remember(self, state: FileState, heads: list[bytes], runtime_heads: list[bytes] | None = None) -> None:
        """Note what the file holds, and that it says what the documents said at these heads."""
        checkpoint = Checkpoint(state.sha256, heads, state.mtime_ns, state.size, runtime_heads=runtime_heads or [])
        await self._store_checkpoint(checkpoint)

    async def _store_checkpoint(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        await self._store.set_checkpoint(self._room.notebook_id, checkpoint, time.time())

    def _report(self, error: WireError | NotebookDocError) -> None:
        logger.error("notebook %s: %s could not be saved: %s", self._room.notebook_id, self.path, error)
        heads = list(self._heads()[0])
        self._room.broadcast(encode(NotebookSaved(path=str(self.path), heads=heads, error=self.error)))
