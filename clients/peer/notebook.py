"""The full peer: a live notebook with its own replica, for asyncio programs.

A Notebook owns a session, the link that keeps it connected, and what waits on either. Reading and editing are plain
calls on the local replica and never wait; running, saving and waiting for others are awaited. It promises that an edit
is sent at the end of the turn it was made in, kept while there is no connection and merged when there is, and that
nothing is doubled by reconnecting. Use it on one event loop.
"""

from __future__ import annotations

import asyncio
import getpass
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from clients.peer.cell import Cell, Cells
from clients.peer.errors import NotConnected, PeerError, RequestFailed
from clients.peer.execution import Execution
from clients.peer.hub_address import HubAddress, HubClient
from clients.peer.link import Dial, Link
from clients.peer.session import PeerSession
from notebook_doc.events import Event, Reset
from notebook_doc.notebook import NotebookDoc
from notebook_doc.runtime import KernelState, RuntimeDoc
from relay.connection import Connection
from relay.errors import Refused, WireError
from relay.messages import (
    Execute,
    Interrupt,
    Message,
    NotebookSaved,
    PeerInfo,
    PeerKind,
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
)
from relay.websocket import open_websocket

# Seconds to wait for the first complete copy of a notebook, and for the answer to a request.
OPEN_SECONDS: Final = 30.0
REQUEST_SECONDS: Final = 60.0
# Seconds that closing waits for the hub to acknowledge the latest edits.
LEAVE_SECONDS: Final = 5.0
# Events a subscriber may leave unread before they are replaced by one Reset.
MAX_EVENTS: Final = 1024


class Notebook:
    """A notebook that is open here. Made by `Notebook.connect`; see the module."""

    def __init__(self, session: PeerSession, dial: Dial, hub: HubClient | None) -> None:
        self._session = session
        self._link = Link(session, dial, on_message=self._message, on_change=self._changed)
        self._hub = hub
        self._answers: dict[str, asyncio.Future[Response]] = {}
        self._present: dict[str, PresentPeer] = {}
        self._subscribers: set[asyncio.Queue[Event]] = set()
        self._movement = asyncio.Event()
        self._ended: BaseException | None = None
        self._serve: Callable[[Request], None] | None = None
        self.last_save: NotebookSaved | None = None
        self.warnings: list[SessionError] = []

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
        dial: Dial | None = None,
        wait: bool = True,
    ) -> AsyncIterator[Notebook]:
        """A notebook of this hub, open as long as the context is.

        `notebook` continues with a replica kept from before; `dial` connects in another way (through a relay, say);
        `wait=False` returns at once, to work offline on what is here. Raises Refused, NotConnected.
        """
        session = PeerSession(notebook_id, peer or this_program(), hub.token, role=role, notebook=notebook)

        async def dial_hub() -> Connection:
            return await open_websocket(hub.sync_url(notebook_id))

        client = HubClient(hub)
        opened = cls(session, dial or dial_hub, client)
        running = asyncio.create_task(opened._run(), name=f"link to notebook {notebook_id}")
        try:
            if wait:
                await opened.joined(OPEN_SECONDS)
            yield opened
        finally:
            await opened._leave(running)
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
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(NotConnected("The notebook was closed before the answer came."))

    async def _leave(self, running: asyncio.Task[None]) -> None:
        """See to it that what was edited here is at the hub, if it can be reached."""
        syncs = (self._session.notebook_sync, self._session.runtime_sync)
        if self.online and not running.done():
            self._link.wake()
            with suppress(PeerError, WireError):  # the link ended meanwhile: there is nobody to send to
                await self.until(lambda: not self.online or all(sync.saved for sync in syncs), LEAVE_SECONDS)

    async def joined(self, seconds: float = OPEN_SECONDS) -> None:
        """Wait until everything the hub has is here. Raises Refused, or NotConnected after `seconds`."""

        def complete() -> bool:
            return self.online and self._session.notebook_sync.joined and self._session.runtime_sync.joined

        if not await self.until(complete, seconds):
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
        return self._session.notebook

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
    def role(self) -> Role:
        """What this peer may do."""
        return self._session.role

    @property
    def is_saved(self) -> bool:
        """Whether every edit made here is on the hub's disk."""
        return self._session.notebook_sync.saved

    @property
    def peers(self) -> list[PresentPeer]:
        """Everyone who has the notebook open, this peer included."""
        return list(self._present.values())

    # --- editing ------------------------------------------------------------------------------------------------------

    @contextmanager
    def edit(self) -> Iterator[None]:
        """Everything inside becomes one change, applied whole or not at all. Do not await inside."""
        with self.doc.edit():
            yield
        self.touch()

    def set_metadata(self, metadata: dict[str, Any]) -> None:
        """Make the notebook's metadata equal to this, writing only what differs."""
        with self.edit():
            self.doc.set_metadata(metadata)

    def touch(self) -> None:
        """Documents were edited directly: send it, tell subscribers."""
        self._link.wake()
        self._changed()

    # --- running ------------------------------------------------------------------------------------------------------

    async def run(self, cells: Sequence[str | Cell] | None = None, *, timeout: float | None = None) -> list[Execution]:
        """Run these cells in order (None: every code cell) and wait until each has ended.

        What runs is their source as it is here now. A failing cell ends the run of those after it; look at the
        executions, or call `check()` on them. Raises RequestFailed, NotConnected, TimeoutError.
        """
        executions = await self.start(cells)
        async with asyncio.timeout(timeout):
            for execution in executions:
                await execution.wait()
        return executions

    async def start(self, cells: Sequence[str | Cell] | None = None) -> list[Execution]:
        """Ask for these cells to be run and return their executions as soon as they are queued."""
        ids = None if cells is None else [cell if isinstance(cell, str) else cell.id for cell in cells]
        result = await self.request(Execute(cell_ids=ids))
        return [Execution(self, execution_id) for execution_id in result["execution_ids"]]

    async def interrupt(self, execution: str | Execution) -> None:
        """Interrupt this execution, or take it out of the queue; no other is touched."""
        await self.request(Interrupt(execution_id=execution if isinstance(execution, str) else execution.id))

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

    async def events(self) -> AsyncIterator[Event]:
        """What happens to the notebook from now on, local edits included. A reader that falls behind gets a Reset."""
        queue: asyncio.Queue[Event] = asyncio.Queue(MAX_EVENTS)
        if not self._subscribers:
            self.doc.take_events()
            self.runtime.take_events()
        self._subscribers.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._subscribers.discard(queue)

    def set_presence(self, **state: Any) -> None:
        """Tell the others where this peer is: `cell_id=…, anchor=…, head=…, status=…`. Kept over reconnects."""
        self._session.set_presence(PresenceState(state=state))
        self._link.wake()

    # --- blobs --------------------------------------------------------------------------------------------------------

    async def blob(self, sha256: str) -> bytes:
        """The bytes of an output or attachment."""
        if self._hub is None:
            raise NotConnected("There is no hub to fetch a blob from.")
        return await self._hub.blob(sha256)

    async def put_blob(self, data: bytes) -> str:
        """Keep bytes at the hub; return their name."""
        if self._hub is None:
            raise NotConnected("There is no hub to keep a blob.")
        return await self._hub.put_blob(data)

    # --- for the daemon -----------------------------------------------------------------------------------------------

    def serve_requests(self, serve: Callable[[Request], None]) -> None:
        """Hand requests that reach this peer to `serve`; answer them with `respond`."""
        self._serve = serve

    def respond(self, response: Response) -> None:
        """Answer a request. Lost if the connection is; the hub asks again on the next one."""
        self._session.send(response)
        self._link.wake()

    # --- what comes in ------------------------------------------------------------------------------------------------

    def _message(self, message: Message) -> None:
        match message:
            case Response():
                answer = self._answers.get(message.id)
                if answer is not None and not answer.done():
                    answer.set_result(message)
            case PresencePeers():
                self._present.update({present.peer.peer_id: present for present in message.peers})
            case PresenceLeft():
                self._present.pop(message.peer_id, None)
            case NotebookSaved():
                self.last_save = message
            case SessionError():
                self.warnings = [*self.warnings[-9:], message]
            case Request() if self._serve is not None:
                self._serve(message)
            case _:
                pass  # the handshake's own messages

    def _changed(self) -> None:
        self._movement.set()
        if not self._subscribers:
            return
        events = [*self.doc.take_events(), *self.runtime.take_events()]
        for queue in self._subscribers:
            for event in events:
                if queue.full():
                    while not queue.empty():
                        queue.get_nowait()
                    event = Reset()
                queue.put_nowait(event)

    def _check_alive(self) -> None:
        if isinstance(self._ended, (Refused, PeerError, WireError)):
            raise self._ended
        if self._ended is not None:
            raise NotConnected("The notebook is closed.", "Open it again.")


def this_program(name: str | None = None, kind: PeerKind = "program") -> PeerInfo:
    """Who this process is to the others: the user's name unless told otherwise, and a fresh peer id."""
    return PeerInfo(peer_id=uuid.uuid4().hex, name=name or _user_name(), kind=kind)


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container without an entry for its user
        return "somebody"
