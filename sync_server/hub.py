"""The hub: which notebooks there are, which of them are open, and who keeps them running.

A Hub owns the store, the blobs, the rooms in memory and the daemons' lobby. It opens a notebook by its path (importing
the file the first time, merging what was edited outside since), keeps its room as long as somebody is there and a while
longer, and lets it go with its file saved. It knows connections only as `Connection`; HTTP and sockets are in `app`.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from notebook_doc.cells import new_cell_id
from notebook_doc.errors import NotebookDocError
from notebook_doc.interchange import notebook_from_model, runtime_from_model
from notebook_doc.ipynb import Imported
from notebook_doc.migrations import NOTEBOOK_MIGRATIONS, RUNTIME_MIGRATIONS, migrate
from notebook_doc.model import CellModel, NotebookModel
from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import Replica
from notebook_doc.runtime import RuntimeDoc
from notebook_doc.seed import genesis
from notebook_doc.settings import SETTINGS_ID
from relay.connection import Connection
from relay.errors import ConnectionLost, ErrorCode, WireError
from relay.frames import FrameType
from relay.messages import Broadcast, NotebookClosed, NotebookOpened, Request, Response, SessionError, encode
from relay.requests import Save, Writers
from sync_server.attribution import THE_FILE, StoredSpan, author_of
from sync_server.blobs import BlobStore
from sync_server.checkpoints import Checkpointer
from sync_server.handshake import Door, admit, identify
from sync_server.live_room import LiveRoom, failed
from sync_server.notebook_file import checked_path, parse_file, read_file, rendered, write_file
from sync_server.outbox import Outbox
from sync_server.peer_door import first_frame
from sync_server.room import Room
from sync_server.store import Checkpoint, DocKey, DocumentStore, NotebookRow
from sync_server.tasks import Tasks

logger = logging.getLogger("quire.hub")

# Seconds an empty room stays in memory: a browser that reloads finds it warm.
IDLE_SECONDS: Final = 30.0
# Chunks of a document on disk above which it is replaced by a snapshot when its room opens: loading takes 4 us a
# change.
COMPACT_ABOVE: Final = 500
# Blobs of an import that are written at the same time.
BLOBS_AT_ONCE: Final = 8
# Seconds a request may wait for the heads it names.
REQUIRED_HEADS_SECONDS: Final = 10.0
_IDS: Final = uuid.UUID("9d0a4a2e-6c0b-5b0e-9f5e-2f6f5a1f9c11")  # the namespace of ids derived from paths


@dataclass(slots=True)
class _Open:
    live: LiveRoom
    door: Door  # kept, because a replica that is being loaded again cannot be asked who it is
    checkpointer: Checkpointer | None
    saving: asyncio.Task[None] | None
    empty_since: float | None = None


@dataclass(slots=True)
class _Shelf:
    """What the hub keeps for one notebook whether or not it is open: a lock, so that it is opened once."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    open: _Open | None = None


class Hub:
    """See the module. Made by `running`."""

    def __init__(self, store: DocumentStore, blobs: BlobStore, token: str, tasks: Tasks) -> None:
        self.server_id = uuid.uuid4().hex
        self.token = token
        self.store, self.blobs = store, blobs
        self._tasks = tasks
        self._shelves: dict[str, _Shelf] = {}
        self._paths = asyncio.Lock()
        self._lobby: set[Outbox] = set()
        self._closing = False

    @classmethod
    @asynccontextmanager
    async def running(cls, store: DocumentStore, blobs: BlobStore, token: str) -> AsyncIterator[Hub]:
        """A hub that works until the context is left; then every file is saved and every peer told."""
        async with Tasks() as tasks:
            hub = cls(store, blobs, token, tasks)
            tasks.start(hub._let_idle_rooms_go(), "let idle rooms go")
            try:
                yield hub
            finally:
                await hub.close()

    # --- notebooks ----------------------------------------------------------------------------------------------------

    async def open_path(self, path: Path, *, create: bool = False) -> NotebookRow:
        """The notebook of a file, imported if it is new here; `create` makes an empty one where there is no file.

        Raises FileError, NotANotebook, StorageError.
        """
        async with self._paths:
            real = await asyncio.to_thread(checked_path, path)
            row = await self.store.find(str(real))
            return row if row is not None else await self._bring_in(real, create=create)

    async def room(self, notebook_id: str) -> LiveRoom:
        """The open room of a notebook. Raises WireError (unknown_notebook, storage …)."""
        return (await self._opened(notebook_id)).live

    async def door(self, notebook_id: str) -> tuple[LiveRoom, Door]:
        """A notebook's room and what a newcomer is measured against."""
        opened = await self._opened(notebook_id)
        room = opened.live.room
        door = replace(opened.door, runtime_genesis=room.runtime_genesis, runtime_epoch=room.runtime_epoch)
        return opened.live, door

    async def save(self, notebook_id: str) -> Path:
        """Write a notebook's file now. Raises FileError and what else can go wrong, WireError if it has no file."""
        opened = await self._opened(notebook_id)
        if opened.checkpointer is None:
            raise WireError(ErrorCode.FILE_ERROR, f"Notebook {notebook_id} has no file.", fault="remote")
        return (await opened.checkpointer.save())[0]

    def open_rooms(self) -> list[LiveRoom]:
        """The rooms of notebooks in memory: all but that of the settings."""
        shelves = (shelf for notebook_id, shelf in self._shelves.items() if notebook_id != SETTINGS_ID)
        return [shelf.open.live for shelf in shelves if shelf.open is not None]

    def is_saved(self, notebook_id: str) -> bool:
        """Whether an open notebook's file says what the notebook says."""
        checkpointer = self.checkpointer(notebook_id)
        return checkpointer is not None and checkpointer.up_to_date

    def path_of(self, notebook_id: str) -> Path | None:
        """The file of an open notebook."""
        checkpointer = self.checkpointer(notebook_id)
        return checkpointer.path if checkpointer is not None else None

    def checkpointer(self, notebook_id: str) -> Checkpointer | None:
        """What keeps the file of an open notebook; None if it has none."""
        shelf = self._shelves.get(notebook_id)
        return shelf.open.checkpointer if shelf is not None and shelf.open is not None else None

    # --- the daemons' lobby -------------------------------------------------------------------------------------------

    async def serve_lobby(self, connection: Connection, authenticated: bool) -> None:
        """A daemon's session about the server as a whole: it learns which notebooks are open."""
        try:
            hello = await first_frame(connection)
            if not isinstance(hello, SessionError):
                hello = identify(hello, self.token, authenticated=authenticated) or hello
            answer = hello if isinstance(hello, SessionError) else admit(hello, _lobby_door(self.server_id))
            await connection.send(encode(answer))
            if isinstance(answer, SessionError):
                await connection.close(answer.message)
                return
            await self._stay_in_lobby(connection)
        except ConnectionLost:
            pass  # it has gone: there is nothing left to do for it

    async def _stay_in_lobby(self, connection: Connection) -> None:
        outbox = Outbox(connection, on_busy=_nothing, on_drained=_nothing, on_overflow=_nothing)
        sending = self._tasks.start(outbox.run(), "send to a daemon")
        self._lobby.add(outbox)
        try:
            for live in self.open_rooms():
                outbox.put(encode(self._opened_message(live.notebook_id)))
            while True:
                await connection.receive()  # a daemon says nothing here; reading notices when it goes
        finally:
            self._lobby.discard(outbox)
            sending.cancel()

    def _tell_lobby(self, message: Broadcast) -> None:
        frame = encode(message)
        for outbox in self._lobby:
            outbox.put(frame)

    def _opened_message(self, notebook_id: str) -> NotebookOpened:
        path = self.path_of(notebook_id)
        return NotebookOpened(notebook_id=notebook_id, path=None if path is None else str(path))

    # --- bringing in and opening --------------------------------------------------------------------------------------

    async def _bring_in(self, path: Path, *, create: bool) -> NotebookRow:
        """Import a file that this hub has not seen. Its id follows from its path, so a hub that lost its state and
        peers that kept theirs still mean the same notebook."""
        notebook_id = str(uuid.uuid5(_IDS, str(path)))
        state = await asyncio.to_thread(read_file, path)
        if state is None and not create:
            raise WireError(ErrorCode.NO_SUCH_FILE, f"There is no file {path}.", "Check the path.", fault="remote")
        if state is None:
            state = await asyncio.to_thread(write_file, path, rendered(_empty_model(), {}))
        imported = await asyncio.to_thread(parse_file, state, path, notebook_id)
        notebook, runtime = await self._taken_in(notebook_id, imported)
        await self._store_new(DocKey(notebook_id, "notebook"), notebook.replica)
        await self._store_new(DocKey(notebook_id, "runtime"), runtime.replica)
        now = time.time()
        checkpoint = Checkpoint(
            state.sha256,
            list(notebook.replica.heads()),
            state.mtime_ns,
            state.size,
            runtime_heads=list(runtime.replica.heads()),
        )
        row = NotebookRow(notebook_id, str(path), 0, checkpoint, now, now)
        await self.store.put_notebook(row)
        await self.store.note_spans(notebook_id, [StoredSpan(_born(notebook.replica), 1, THE_FILE, None, now, False)])
        logger.info("notebook %s: imported %s, %d cells", notebook_id, path, len(notebook))
        await self._opened(notebook_id, (notebook.replica, runtime.replica))  # it is about to be wanted
        return row

    async def _make_settings(self) -> NotebookRow:
        """The document of the settings: without cells and without a file, and born the same everywhere."""
        notebook, runtime = NotebookDoc.create(SETTINGS_ID), RuntimeDoc.create(SETTINGS_ID)
        await self._store_new(DocKey(SETTINGS_ID, "notebook"), notebook.replica)
        await self._store_new(DocKey(SETTINGS_ID, "runtime"), runtime.replica)
        now = time.time()
        row = NotebookRow(SETTINGS_ID, None, 0, None, now, now)
        await self.store.put_notebook(row)
        return row

    async def _store_new(self, key: DocKey, replica: Replica) -> None:
        if await self.store.load(key) is None:  # else an import that was cut short left the very same changes
            await self.store.replace_with_snapshot(key, await asyncio.to_thread(replica.save), 0)

    async def _taken_in(self, notebook_id: str, imported: Imported) -> tuple[NotebookDoc, RuntimeDoc]:
        """Keep an import's blobs, a few at a time since each waits for the disk, while its documents are made."""
        waiting = iter(imported.blobs.values())

        async def put_some() -> None:
            for data in waiting:
                await self.blobs.put(data)

        try:
            async with asyncio.TaskGroup() as tasks:
                documents = tasks.create_task(asyncio.to_thread(_documents, notebook_id, imported))
                for _ in range(BLOBS_AT_ONCE):
                    tasks.create_task(put_some())
        except ExceptionGroup as failed:  # callers know the errors, not groups of them
            raise failed.exceptions[0] from failed
        return documents.result()

    async def _opened(self, notebook_id: str, born: tuple[Replica, Replica] | None = None) -> _Open:
        """The open notebook. `born` are its replicas if it was just imported: they hold what was stored."""
        if self._closing:
            raise WireError(ErrorCode.SHUTTING_DOWN, "The hub is shutting down.", "Connect again when it is back.")
        shelf = self._shelves.setdefault(notebook_id, _Shelf())
        async with shelf.lock:
            if shelf.open is None:
                try:
                    shelf.open = await self._open(notebook_id, born)
                except BaseException:
                    self._shelves.pop(notebook_id, None)
                    raise
                if notebook_id != SETTINGS_ID:  # which nobody runs
                    self._tell_lobby(self._opened_message(notebook_id))
            shelf.open.empty_since = None
            return shelf.open

    async def _open(self, notebook_id: str, born: tuple[Replica, Replica] | None) -> _Open:
        row = await self.store.notebook(notebook_id)
        if row is None and notebook_id == SETTINGS_ID:
            row = await self._make_settings()
        if row is None:
            message = f"There is no notebook {notebook_id} here."
            raise WireError(ErrorCode.UNKNOWN_NOTEBOOK, message, "Open it by its path to learn its id.")
        keys = {
            FrameType.NOTEBOOK_SYNC: DocKey(notebook_id, "notebook"),
            FrameType.RUNTIME_SYNC: DocKey(notebook_id, "runtime", row.runtime_epoch),
        }
        notebook, runtime = born or [await self._load(key) for key in keys.values()]
        room = Room(notebook_id, notebook, runtime)
        door = Door(self.server_id, notebook_id, _born(notebook), room.runtime_genesis, room.runtime_epoch)
        live = LiveRoom(room, keys, self.store, self._tasks, serve=self._serve, load=self._load)
        if row.path is None:
            return _Open(live, door, None, None)
        checkpointer = Checkpointer(live, Path(row.path), self.store, self.blobs, row.checkpoint)
        try:
            await checkpointer.take_in_outside_edit()
        except (WireError, NotebookDocError) as error:
            logger.error("notebook %s: its file cannot be taken in, it is left as it is: %s", notebook_id, error)
        saving = self._tasks.start(checkpointer.run(), f"save {notebook_id}")
        logger.info("notebook %s: open", notebook_id)
        return _Open(live, door, checkpointer, saving)

    async def _load(self, key: DocKey) -> Replica:
        stored = await self.store.load(key)
        if stored is None:
            raise WireError(ErrorCode.STORAGE, f"The {key} is missing from the store.", "Restore the state folder.")
        data = b"".join([stored.snapshot or b"", *stored.changes])
        replica = await asyncio.to_thread(Replica.load, data)
        stored_heads = replica.heads()
        if migrate(replica, NOTEBOOK_MIGRATIONS if key.doc == "notebook" else RUNTIME_MIGRATIONS):
            await self.store.append(key, replica.changes_since(stored_heads))
        elif len(stored.changes) > COMPACT_ABOVE:
            snapshot = await asyncio.to_thread(replica.save)
            await self.store.replace_with_snapshot(key, snapshot, len(stored.changes))
        return replica

    # --- requests -----------------------------------------------------------------------------------------------------

    async def _serve(self, live: LiveRoom, request: Request) -> Response:
        """Answer what the hub itself is asked for."""
        if not await live.until_stored(tuple(request.required_heads), REQUIRED_HEADS_SECONDS):
            message = f"The edits this request relies on did not arrive in {REQUIRED_HEADS_SECONDS:.0f} s."
            return failed(request, ErrorCode.TIMEOUT, message, "Ask again.")
        try:
            match request.body:
                case Save():
                    path = await self.save(live.notebook_id)
                    return Response(
                        id=request.id, result={"path": str(path), "heads": list(live.room.notebook.durable_heads)}
                    )
                case Writers(since=since):
                    stored = await self.store.spans(live.notebook_id, since)
                    return Response(id=request.id, result=_told(stored))
                case body:
                    return failed(request, ErrorCode.BAD_REQUEST, f"The hub does not serve {type(body).__name__}.")
        except WireError as error:
            return failed(request, error.code, error.message, error.hint)
        except NotebookDocError as error:
            return failed(request, error.code, error.message, error.hint)

    # --- letting go ---------------------------------------------------------------------------------------------------

    async def _let_idle_rooms_go(self) -> None:
        while True:
            await asyncio.sleep(IDLE_SECONDS / 4)
            now = time.monotonic()
            for notebook_id, shelf in list(self._shelves.items()):
                opened = shelf.open
                if opened is None or shelf.lock.locked():
                    continue
                if not opened.live.room.empty or _kernel_lives(opened.live):
                    opened.empty_since = None
                elif opened.empty_since is None:
                    opened.empty_since = now
                elif now - opened.empty_since >= IDLE_SECONDS:
                    async with shelf.lock:
                        if opened.live.room.empty:
                            await self._let_go(notebook_id, opened)
                            del self._shelves[notebook_id]

    async def _let_go(self, notebook_id: str, opened: _Open) -> None:
        if opened.saving is not None:
            opened.saving.cancel()
        if opened.checkpointer is not None:
            try:
                await opened.checkpointer.save()
            except (WireError, NotebookDocError) as error:
                logger.error("notebook %s: its file could not be saved: %s", notebook_id, error)
        if not self._closing:  # a hub that ends says nothing: its daemons keep their kernels until it is back
            self._tell_lobby(NotebookClosed(notebook_id=notebook_id))  # first, so that its runner does not dial again
        opened.live.dismiss(ErrorCode.SHUTTING_DOWN, "The notebook was closed.", "Connect again to open it.")
        opened.live.close()
        logger.info("notebook %s: closed", notebook_id)

    async def close(self) -> None:
        """Save every file, tell every peer, close every room; nothing is opened any more. May be called again."""
        self._closing = True
        for notebook_id, shelf in self._shelves.items():
            async with shelf.lock:
                if shelf.open is not None:
                    await self._let_go(notebook_id, shelf.open)
                    shelf.open = None


def _told(stored: Iterable[StoredSpan]) -> dict[str, Any]:
    """The answer to Writers."""
    spans = [author_of(span) for span in stored]
    authors = list(dict.fromkeys(span.author for span in spans))
    index = {author: number for number, author in enumerate(authors)}
    return {
        "authors": [asdict(author) for author in authors],
        "spans": [[s.actor, s.from_seq, index[s.author], s.time, s.brought] for s in spans],
        "time": time.time(),
    }


def _born(replica: Replica) -> bytes:
    identity = genesis(replica)
    assert identity is not None, "every stored document was born"
    return identity


def _kernel_lives(live: LiveRoom) -> bool:
    """A kernel holds what people computed: its notebook stays open while they are away."""
    try:
        return RuntimeDoc(live.room.runtime.replica).kernel().lifecycle in ("starting", "ready", "restarting")
    except NotebookDocError:  # the replica is being loaded again: ask the next time
        return True


def _documents(notebook_id: str, imported: Imported) -> tuple[NotebookDoc, RuntimeDoc]:
    return notebook_from_model(notebook_id, imported.model), runtime_from_model(notebook_id, imported.model)


def _empty_model() -> NotebookModel:
    return NotebookModel(nbformat_minor=5, cells=(CellModel(id=new_cell_id(), cell_type="code", source=""),))


def _lobby_door(server_id: str) -> Door:
    return Door(server_id, notebook_id="", genesis=b"", runtime_genesis=b"")


def _nothing() -> None:
    """A lobby's outbox is never skipped: what it carries is a few small frames."""
