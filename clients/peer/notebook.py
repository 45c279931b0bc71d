"""The full peer: a live notebook with its own replica, for asyncio programs.

A Notebook owns a session, the link that keeps it connected, and what waits on either. Reading and editing are plain
calls on the local replica and never wait; running, saving and waiting for others are awaited. It promises that an edit
is sent at the end of the turn it was made in, kept while there is no connection and merged when there is, and that
nothing is doubled by reconnecting. Use it on one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from clients.peer.archives import archived
from clients.peer.at_once import all_of
from clients.peer.cell import Cell, Cells
from clients.peer.editor import EditorQuestions, KernelSpec
from clients.peer.errors import NotAllowed, NotConnected, PeerError, RequestFailed
from clients.peer.execution import Execution
from clients.peer.hub_address import HubAddress, HubClient
from clients.peer.identity import this_program as this_program
from clients.peer.keeper import Keeper
from clients.peer.link import Dial, Link
from clients.peer.session import EDITORS, PeerSession
from clients.peer.watching import EventStream, Watchers
from clients.peer.widget import Widgets
from notebook_doc.batch import Check, Committed, Operation, Reading, Undone, commit, undo
from notebook_doc.contents import output_from_manifest
from notebook_doc.events import Event, Reset
from notebook_doc.execution_index import ExecutionIndex
from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import Heads, author_key, author_key_of
from notebook_doc.rotation import events_between
from notebook_doc.runtime import KernelState, Manifest, RuntimeDoc
from relay.connection import Connection
from relay.errors import WireError
from relay.messages import (
    CommMessage,
    Execute,
    Interrupt,
    ListKernels,
    Message,
    NotebookSaved,
    PeerInfo,
    PresenceLeft,
    PresencePeers,
    PresenceState,
    PresentPeer,
    Request,
    RequestBody,
    Response,
    RestartKernel,
    Role,
    Save,
    SessionError,
    ShutdownKernel,
    Stdin,
    Stop,
)
from relay.websocket import open_websocket

# Seconds to wait for the first complete copy of a notebook, and for the answer to a request.
OPEN_SECONDS: Final = 30.0
REQUEST_SECONDS: Final = 60.0
# Blobs fetched at the same time: enough to overlap the hub's work with ours.
BLOBS_AT_ONCE: Final = 4
# Seconds that closing waits for the hub to acknowledge the latest edits.
LEAVE_SECONDS: Final = 5.0


def _nothing(_: NotebookDoc) -> None:
    """No check."""


class Notebook(EditorQuestions):
    """A notebook that is open here. Made by `Notebook.connect`; see the module."""

    def __init__(self, session: PeerSession, dial: Dial, hub: HubClient) -> None:
        self._session = session
        self._link = Link(session, dial, on_message=self._message, on_change=self._changed)
        self._hub = hub
        self._answers: dict[str, asyncio.Future[Response]] = {}
        self._present: dict[str, PresentPeer] = {}
        self._authors: dict[bytes, PeerInfo] = {}  # everyone who was here, by what their actors begin with
        self._watchers = Watchers()
        self._watched = (session.notebook, session.runtime)  # whose events the watchers were told
        self._index = ExecutionIndex(session.runtime)
        self._draft: NotebookDoc | None = None
        self._movement = asyncio.Event()
        self._ended: BaseException | None = None
        self._serve: Callable[[Request], None] | None = None
        self._unserved: list[Request] = []  # came before `serve_requests`; the hub lets only so many wait
        self.widgets = Widgets(self)
        self.keeper: Keeper | None = None
        self.last_save: NotebookSaved | None = None
        self.warnings: list[SessionError] = []

    def __repr__(self) -> str:
        where = "online" if self.online else "offline"
        return f"<notebook {self.id}, {len(self.cells)} cells, {where}>"

    # --- opening and closing ------------------------------------------------------------------------------------------

    @classmethod
    @asynccontextmanager
    async def connect(
        cls,
        notebook_id: str,
        hub: HubAddress,
        *,
        peer: PeerInfo | None = None,
        role: Role = "editor",
        notebook: NotebookDoc | None = None,
        unsaved: Iterable[bytes] = (),
        dial: Dial | None = None,
        find: Callable[[], HubAddress | None] | None = None,
        wait: bool = True,
    ) -> AsyncIterator[Notebook]:
        """A notebook of this hub, open as long as the context is; then what was edited is handed over and it is closed.

        `notebook` continues with a replica kept from before, `unsaved` being its changes that the hub may not have;
        `dial` connects in another way (through a relay, say); `find` is asked, in a thread, where the hub is before
        each reconnect; `wait=False` returns at once, to work on what is here. Raises Refused, NotConnected.
        """
        session = PeerSession(
            notebook_id, peer or this_program(), hub.token, role=role, notebook=notebook, unsaved=unsaved
        )
        client = HubClient(hub)

        async def dial_hub() -> Connection:
            if find is not None and (found := await asyncio.to_thread(find)) is not None:
                await client.move_to(found)
                session.token = found.token
            return await open_websocket(client.address.sync_url(notebook_id))

        opened = cls(session, dial or dial_hub, client)
        running = asyncio.create_task(opened._run(), name=f"link to notebook {notebook_id}")
        try:
            if wait:
                await opened.joined(OPEN_SECONDS)
            yield opened
        finally:
            await opened._leave(running)
            opened._link.close()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await client.close()

    async def _run(self) -> None:
        try:
            await self._link.run()
        except BaseException as error:
            self._ended = error
            raise
        finally:
            self._changed()
            self.widgets.ended()
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(self._why_ended())

    async def _leave(self, running: asyncio.Task[None]) -> None:
        """See to it that what was edited here is at the hub, if it can be reached."""
        if self.online and not running.done():
            self._link.wake()
            with suppress(PeerError, WireError):  # the link ended meanwhile: there is nobody to send to
                await self.until(lambda: not self.online or (self.is_saved and self.runtime_is_saved), LEAVE_SECONDS)

    async def joined(self, seconds: float = OPEN_SECONDS) -> None:
        """Wait until everything the hub has is here. Raises Refused, or NotConnected after `seconds`."""

        if not await self.until(lambda: self.is_joined, seconds):
            reason = self._link.last_error.message if self._link.last_error else "it does not answer"
            raise NotConnected(f"Notebook {self.id} could not be opened in {seconds:.0f} s: {reason}.")

    # --- what is here -------------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The notebook's UUID."""
        return self._session.notebook_id

    @property
    def doc(self) -> NotebookDoc:
        """The NotebookDoc, for what this class has no method for. Call `touch` after editing it directly."""
        return self._session.notebook if self._draft is None else self._draft  # a document without cells is false

    @property
    def runtime(self) -> RuntimeDoc:
        """The RuntimeDoc: read-only unless this peer is the daemon."""
        return self._session.runtime

    @property
    def cells(self) -> Cells:
        """The cells, in order."""
        return Cells(self)

    @property
    def metadata(self) -> dict[str, Any]:
        """The notebook's metadata, a copy; change it with `set_metadata`."""
        return self.doc.metadata()

    @property
    def kernel(self) -> KernelState:
        """The kernel as the daemon last saw it."""
        return self.runtime.kernel()

    @property
    def online(self) -> bool:
        """Whether there is a connection to the hub."""
        return self._link.online

    @property
    def is_joined(self) -> bool:
        """Whether there is a connection and, on it, everything the hub has is here."""
        return self.online and self._session.notebook_sync.joined and self._session.runtime_joined

    @property
    def role(self) -> Role:
        """What this peer may do."""
        return self._session.role

    @property
    def is_saved(self) -> bool:
        """Whether every edit made here is on the hub's disk."""
        return self._session.notebook_sync.saved

    @property
    def hub_heads(self) -> Heads:
        """The heads that the hub has on disk, as far as it has told."""
        return self._session.notebook_sync.hub_heads or ()

    @property
    def peers(self) -> list[PresentPeer]:
        """Everyone who has the notebook open, this peer included."""
        return list(self._present.values())

    # --- editing ------------------------------------------------------------------------------------------------------

    @contextmanager
    def edit(self) -> Iterator[None]:
        """Everything inside becomes one change, applied whole or not at all. Do not await inside.

        Raises NotAllowed for a role that may only read.
        """
        self._check_may_edit()
        with self.doc.edit():
            yield
        self.touch()

    def fork(self) -> NotebookDoc:
        """A copy of the document as it is now, to be edited in as many steps as it takes and then given to `merge`.

        What others write meanwhile stays. Raises NotAllowed for a role that may only read.
        """
        self._check_may_edit()
        return self._session.notebook.fork()

    @contextmanager
    def on(self, draft: NotebookDoc) -> Iterator[None]:
        """Inside, this notebook and its cells read and edit `draft`, made by `fork`. Do not await inside."""
        self._draft, outer = draft, self._draft
        try:
            yield
        finally:
            self._draft = outer

    def merge(self, draft: NotebookDoc) -> None:
        """Take in what was edited on a fork."""
        self._check_may_edit()
        self._session.notebook.replica.merge(draft.replica)
        self.touch()

    def _check_may_edit(self) -> None:
        self._check_alive()
        if self.role not in EDITORS:
            message = f"You are in notebook {self.id} as {self.role} and may not edit it."
            raise NotAllowed(message, "Open it with role='editor'.")

    def read(self) -> Reading:
        """What the notebook says now, kept to be edited later with `commit`, however much others write meanwhile."""
        return Reading.of(self._session.notebook)

    def commit(self, reading: Reading, operations: Sequence[Operation], check: Check = _nothing) -> Committed:
        """Apply a batch that was made to what was read: merged with what others did since, whole or not at all.

        `check` may raise for the merged notebook. Raises what it raises, CellDeletedMeanwhile, CellEditedMeanwhile,
        UnknownCell, BadEdit, and NotAllowed for a role that may only read.
        """
        self._check_may_edit()
        committed = commit(self._session.notebook, reading, operations, check)
        self.touch()
        return committed

    def undo(self, batch: Committed, check: Check = _nothing) -> Undone:
        """The inverse of a batch as a new edit: what it deleted comes back, what others did since stays."""
        self._check_may_edit()
        undone = undo(self._session.notebook, batch, check)
        self.touch()
        return undone

    def author(self, actor: bytes) -> PeerInfo | None:
        """The peer that writes under this actor, if it has been here since this notebook was opened."""
        return self._authors.get(author_key(actor))

    def set_metadata(self, metadata: dict[str, Any]) -> None:
        """Make the notebook's metadata equal to this, writing only what differs."""
        with self.edit():
            self.doc.set_metadata(metadata)

    def touch(self) -> None:
        """Documents were edited directly: send it, tell subscribers."""
        self._link.wake()
        self._changed()

    # --- running ------------------------------------------------------------------------------------------------------

    async def run(
        self,
        cells: Sequence[str | Cell] | None = None,
        *,
        above: str | Cell | None = None,
        below: str | Cell | None = None,
        stdin: Stdin | None = None,
        timeout: float | None = None,
    ) -> list[Execution]:
        """Run cells in order and wait until each has ended: these, or the code cells above a cell, or a cell and the
        code cells below it; without any of them, every code cell.

        `stdin="eof"` has `input()` raise EOFError instead of asking the notebook's peers, as it is for agents anyway.
        What runs is their source as it is here now. A failing cell ends the run of those after it; look at the
        executions, or call `check()` on them. Raises RequestFailed, NotConnected, TimeoutError.
        """
        executions = await self.start(cells, above=above, below=below, stdin=stdin)
        async with asyncio.timeout(timeout):
            for execution in executions:
                await execution.wait()
        return executions

    async def run_all(self, *, timeout: float | None = None) -> list[Execution]:
        """Run every code cell in order. See `run`."""
        return await self.run(timeout=timeout)

    async def start(
        self,
        cells: Sequence[str | Cell] | None = None,
        *,
        above: str | Cell | None = None,
        below: str | Cell | None = None,
        stdin: Stdin | None = None,
    ) -> list[Execution]:
        """Ask for cells to be run, as `run` does, and return their executions as soon as they are queued."""
        ids = None if cells is None else [_id(cell) for cell in cells]
        body = Execute(
            cell_ids=ids,
            above=None if above is None else _id(above),
            below=None if below is None else _id(below),
            stdin=stdin,
        )
        result = await self.request(body)
        return [Execution(self, execution_id) for execution_id in result["execution_ids"]]

    async def interrupt(self, execution: str | Execution) -> None:
        """Interrupt this execution, or take it out of the queue; no other is touched."""
        await self.request(Interrupt(execution_id=_id(execution)))

    async def stop(
        self,
        executions: Sequence[str | Execution] | None = None,
        *,
        everyone: bool = False,
        running: bool = True,
    ) -> list[Execution]:
        """Cancel what waits and interrupt what runs: these executions, else what this peer asked for (`everyone`: all).

        `running=False` leaves the running one alone. What another peer asked for too is only stopped if it is named or
        `everyone` is set. Returns what was stopped.
        """
        ids = None if executions is None else [_id(execution) for execution in executions]
        body = Stop(execution_ids=ids, whose="all" if everyone else "mine", running=running)
        result = await self.request(body)
        return [Execution(self, execution_id) for execution_id in result["execution_ids"]]

    async def history(self, cell: str | Cell) -> list[Execution]:
        """All executions of a cell, newest first, those in archives too; the cell may be deleted.

        Raises RequestFailed if an archive is lost, NotConnected if one is needed and the hub is away.
        """
        if self._index.runtime is not self.runtime:
            self._index = ExecutionIndex(self.runtime)
        here = self._index.of(_id(cell))
        old = [run async for run in archived(self, cell_id=_id(cell)) if run.execution.id not in here]
        return [
            *(Execution(self, execution_id) for execution_id in here),
            *(Execution(self, run.execution.id, run) for run in old),
        ]

    async def kernels(self) -> list[KernelSpec]:
        """The kernels that are installed where the daemon runs."""
        return [KernelSpec(**kernel) for kernel in (await self.request(ListKernels()))["kernels"]]

    def choose_kernel(self, kernel: KernelSpec) -> None:
        """Write into the notebook's metadata that it runs on this kernel: the next one that starts, or a restart."""
        self.set_metadata({**self.metadata, "kernelspec": asdict(kernel)})

    async def restart_kernel(self) -> None:
        """A fresh kernel; what was running or queued is cancelled."""
        await self.request(RestartKernel())

    async def shutdown_kernel(self) -> None:
        """Stop the kernel; what was running or queued is cancelled."""
        await self.request(ShutdownKernel())

    async def save(self) -> Path:
        """Write the file now, with everything edited here so far; return its path."""
        return Path((await self.request(Save()))["path"])

    async def request(self, body: RequestBody, *, timeout: float = REQUEST_SECONDS) -> dict[str, Any]:
        """Ask the hub or the daemon for something, relying on every edit made here. Survives reconnects.

        Raises RequestFailed with the answer's error, TimeoutError, Refused if the session has ended.
        """
        self._check_alive()
        request_id = self._session.request(body)
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._answers[request_id] = answer
        self._link.wake()
        try:
            async with asyncio.timeout(timeout):
                response = await answer
        finally:
            self._answers.pop(request_id, None)
            self._session.forget_request(request_id)
        if response.error is not None:
            raise RequestFailed(response.error.code, response.error.message, response.error.hint)
        return response.result

    # --- waiting and watching -----------------------------------------------------------------------------------------

    async def until(self, condition: Callable[[], bool], seconds: float | None = None) -> bool:
        """Wait until a condition on this notebook holds; False if it took longer. Raises what ended the session."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    self._check_alive()
                    self._movement.clear()
                    await self._movement.wait()
        except TimeoutError:
            return False
        return True

    async def saved(self, seconds: float | None = None) -> bool:
        """Wait until every edit made here is on the hub's disk; False if it took longer."""
        return await self.until(lambda: self.is_saved, seconds)

    async def kept(self, seconds: float | None = None) -> bool:
        """Wait until everything edited here is in the file named by `keep` when this was opened; False if it took
        longer. Raises BadReplicaFile when it cannot be written."""
        keeper = self.keeper
        if keeper is None:
            raise PeerError(f"Notebook {self.id} is not kept on disk here.", "Open it with keep='some/file'.")
        kept = await self.until(lambda: keeper.is_kept or keeper.error is not None, seconds)
        if keeper.error is not None:
            raise keeper.error
        return kept

    def stir(self) -> None:
        """Something that a condition may ask about has changed: `until` looks again."""
        self._movement.set()

    def events(self, *, of_runtime: bool = True) -> EventStream:
        """What happens to the notebook from now on, local edits included: iterate over it with `async for`.

        Without `of_runtime`, only what people and agents write: finding what a run has written costs time at each run.
        A reader that falls behind gets a Reset. Raises what ends the session; close the stream to end it yourself.
        """
        self._tell_watchers()
        self.doc.take_events()  # what happened before now is not for the new one
        if of_runtime:
            self.runtime.take_events()
        return self._watchers.watch(self._check_alive, of_runtime=of_runtime)

    def set_presence(self, /, **state: Any) -> None:
        """Tell the others where this peer is: `cell_id=…, anchor=…, head=…, status=…`. Kept over reconnects."""
        self._session.set_presence(PresenceState(state=state))
        self._link.wake()

    # --- blobs --------------------------------------------------------------------------------------------------------

    async def blob(self, sha256: str) -> bytes:
        """The bytes of an output or attachment."""
        return await self._hub.blob(sha256)

    async def outputs_of(self, owner_id: str) -> list[dict[str, Any]]:
        """The outputs of an execution or of an Output widget as nbformat outputs; large contents are fetched."""
        return await self.read_outputs(self.runtime.outputs(owner_id))

    async def read_outputs(self, manifests: Sequence[Manifest]) -> list[dict[str, Any]]:
        """The nbformat outputs of these manifests; large contents are fetched."""
        from notebook_doc.interchange import blob_names  # brings nbformat, which takes half a second to import

        names = list(blob_names(list(manifests)))
        blobs = dict(zip(names, await all_of(map(self.blob, names), BLOBS_AT_ONCE), strict=True))
        return [output_from_manifest(manifest, blobs.__getitem__) for manifest in manifests]

    async def put_blob(self, data: bytes) -> str:
        """Keep bytes at the hub; return their name."""
        return await self._hub.put_blob(data)

    # --- for the daemon -----------------------------------------------------------------------------------------------

    def serve_requests(self, serve: Callable[[Request], None]) -> None:
        """Hand requests that reach this peer to `serve`; answer them with `respond`."""
        self._serve = serve
        unserved, self._unserved = self._unserved, []
        for request in unserved:
            serve(request)

    @property
    def runtime_is_saved(self) -> bool:
        """Whether everything that this daemon wrote into RuntimeDoc is on the hub's disk."""
        return self._session.runtime_sync.saved

    def begin_epoch(self, runtime: RuntimeDoc) -> None:
        """This document, which says what RuntimeDoc says, takes its place: here at once, and elsewhere once the hub has
        stored it.

        Raises FrameTooLarge for one that is too large to be sent; then nothing has changed.
        """
        self._tell_watchers()
        self._session.begin_epoch(runtime)
        self._watched = (self._session.notebook, runtime)  # it says the same: there is nothing to tell
        self.touch()

    def respond(self, response: Response) -> None:
        """Answer a request. Lost if the connection is; the hub asks again on the next one."""
        self._session.send(response)
        self._link.wake()

    def tell(self, message: CommMessage) -> None:
        """Tell every other peer what the kernel said. Lost if there is no connection. Raises FrameTooLarge."""
        self._session.send(message)
        self._link.wake()

    def runtime_saved(self, heads: Heads) -> bool:
        """Whether what this daemon had written into RuntimeDoc at these heads is on the hub's disk."""
        sync = self._session.runtime_sync
        # Heads of an earlier epoch: what they say is in the present one, which is saved as a whole.
        return sync.has_saved(heads) if sync.replica.contains(heads) else sync.saved

    # --- what comes in ------------------------------------------------------------------------------------------------

    def _message(self, message: Message) -> None:
        match message:
            case Response():
                answer = self._answers.get(message.id)
                if answer is not None and not answer.done():
                    answer.set_result(message)
            case PresencePeers():
                self._present.update({present.peer.peer_id: present for present in message.peers})
                for present in message.peers:
                    self._authors[author_key_of(present.peer.peer_id)] = present.peer
            case PresenceLeft():
                self._present.pop(message.peer_id, None)
            case CommMessage():
                self.widgets.hear(message)
            case NotebookSaved():
                self.last_save = message
            case SessionError():
                self.warnings = [*self.warnings[-9:], message]
            case Request():
                self._take_request(message)
            case _:
                pass  # the handshake's own messages

    def _take_request(self, request: Request) -> None:
        if self._serve is not None:
            self._serve(request)
        else:
            self._unserved.append(request)

    def _changed(self) -> None:
        self._movement.set()
        self._tell_watchers()

    def _tell_watchers(self) -> None:
        notebook, runtime = self._session.notebook, self._session.runtime
        (old_notebook, old_runtime), self._watched = self._watched, (notebook, runtime)
        if not self._watchers:
            return
        if notebook is not old_notebook:
            self._watchers.tell([Reset()])
            return
        of_runtime: Sequence[Event] = ()
        if self._watchers.of_runtime:
            of_runtime = runtime.take_events() if runtime is old_runtime else events_between(old_runtime, runtime)
        self._watchers.tell(notebook.take_events(), of_runtime)

    def _check_alive(self) -> None:
        if self._ended is not None:
            raise self._why_ended()

    def _why_ended(self) -> Exception:
        """What ended the session, to be raised."""
        if isinstance(self._ended, PeerError | WireError):
            return self._ended.with_traceback(None)
        closed = NotConnected("The notebook is closed.", "Open it again.")
        if isinstance(self._ended, Exception):  # a defect of ours: show where
            closed.__cause__ = self._ended
        return closed


def _id(named: str | Cell | Execution) -> str:
    return named if isinstance(named, str) else named.id
