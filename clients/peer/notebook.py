"""The full peer: a live notebook with its own replica, for asyncio programs.

A Notebook owns a session, the link that keeps it connected, and what waits on either. Reading and editing are plain
calls on the local replica and never wait; running, saving and waiting for others are awaited. It promises that an edit
is sent at the end of the turn it was made in, kept while there is no connection and merged when there is, and that
nothing is doubled by reconnecting. Use it on one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from clients.peer.at_once import all_of
from clients.peer.cell import Cells
from clients.peer.comments import Comments
from clients.peer.editor import EditorQuestions
from clients.peer.errors import NotConnected, PeerError, RequestFailed
from clients.peer.flow import Flow
from clients.peer.history import HistoryReading
from clients.peer.hub_address import HubAddress, HubClient
from clients.peer.identity import this_program as this_program
from clients.peer.keeper import Keeper
from clients.peer.link import Dial, Link
from clients.peer.packages import Packages
from clients.peer.part import REQUEST_SECONDS
from clients.peer.proposing import Proposing
from clients.peer.running import Running
from clients.peer.serving import Serving
from clients.peer.session import PeerSession
from clients.peer.watching import EventStream, Watchers
from clients.peer.widget import Widgets
from notebook_doc.contents import output_from_manifest
from notebook_doc.events import Event, Reset
from notebook_doc.execution_index import ExecutionIndex
from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import Heads, author_key_of
from notebook_doc.rotation import events_between
from notebook_doc.runtime import RuntimeDoc
from notebook_doc.runtime_records import KernelState, Manifest
from relay.connection import Connection
from relay.errors import WireError
from relay.messages import (
    CommMessage,
    Message,
    NotebookSaved,
    PeerInfo,
    PresenceLeft,
    PresencePeers,
    PresenceState,
    PresentPeer,
    Request,
    Response,
    Role,
    SessionError,
)
from relay.requests import RequestBody, Save
from relay.websocket import open_websocket

# Seconds to wait for the first complete copy of a notebook.
OPEN_SECONDS: Final = 30.0
# Blobs fetched at the same time: enough to overlap the hub's work with ours.
BLOBS_AT_ONCE: Final = 4
# Seconds that closing waits for the hub to acknowledge the latest edits.
LEAVE_SECONDS: Final = 5.0


class Notebook(Proposing, HistoryReading, Running, Flow, Serving, EditorQuestions):
    """A notebook that is open here. Made by `Notebook.connect`; see the module."""

    def __init__(self, session: PeerSession, dial: Dial, hub: HubClient) -> None:
        super().__init__()
        self._session = session
        self._link = Link(session, dial, on_message=self._message, on_change=self._changed)
        self._hub = hub
        self._answers: dict[str, asyncio.Future[Response]] = {}
        self._present: dict[str, PresentPeer] = {}
        self._authors: dict[bytes, PeerInfo] = {}  # everyone who was here, by what their actors begin with
        self._watchers = Watchers()
        self._watched = (session.notebook, session.runtime)  # whose events the watchers were told
        self._index = ExecutionIndex(session.runtime)
        self._movement = asyncio.Event()
        self._ended: BaseException | None = None
        self._serve: Callable[[Request], None] | None = None
        self._unserved: list[Request] = []  # came before `serve_requests`; the hub lets only so many wait
        self.widgets = Widgets(self)
        self.packages = Packages(self)
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
    def cells(self) -> Cells:
        """The cells, in order."""
        return Cells(self)

    @property
    def comments(self) -> Comments:
        """What was said about all cells, those that are deleted included."""
        return Comments(self)

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
    def is_saved(self) -> bool:
        """Whether every edit made here is on the hub's disk."""
        return self._session.notebook_sync.saved

    @property
    def has_ended(self) -> bool:
        """Whether the session is over, refused or closed: what is asked of it raises why."""
        return self._ended is not None

    @property
    def hub_heads(self) -> Heads:
        """The heads that the hub has on disk, as far as it has told."""
        return self._session.notebook_sync.hub_heads or ()

    @property
    def peers(self) -> list[PresentPeer]:
        """Everyone who has the notebook open, this peer included."""
        return list(self._present.values())

    # --- asking ------------------------------------------------------------------------------------------------------

    def touch(self) -> None:
        """Documents were edited directly: send it, tell subscribers."""
        self._link.wake()
        self._changed()

    def set_metadata(self, metadata: dict[str, Any]) -> None:
        """Make the notebook's metadata equal to this, writing only what differs."""
        with self.edit():
            self.doc.set_metadata(metadata)

    async def save(self) -> Path:
        """Write the file now, with everything edited here so far; return its path."""
        return Path((await self.request(Save()))["path"])

    async def request(self, body: RequestBody, *, timeout: float = REQUEST_SECONDS) -> dict[str, Any]:
        self._check_alive()
        request_id = self._session.request(body)
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._answers[request_id] = answer
        self._link.wake()
        try:
            async with asyncio.timeout(timeout):
                response = await answer
        except TimeoutError:
            away = "" if self.is_joined else " The service is away."
            what = f"'{body.__struct_config__.tag}' of notebook {self.id} was not answered in {timeout:g} s."
            raise TimeoutError(f"{what}{away} It is not asked for again; look whether it was done.") from None
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

    def begin_epoch(self, runtime: RuntimeDoc) -> None:
        """This document, which says what RuntimeDoc says, takes its place: here at once, and elsewhere once the hub has
        stored it.

        Raises FrameTooLarge for one that is too large to be sent; then nothing has changed.
        """
        self._tell_watchers()
        self._session.begin_epoch(runtime)
        self._watched = (self._session.notebook, runtime)  # it says the same: there is nothing to tell
        self.touch()

    def set_presence(self, /, **state: Any) -> None:
        """Tell the others where this peer is: `cell_id=…, anchor=…, head=…, status=…`. Kept over reconnects."""
        self._session.set_presence(PresenceState(state=state))
        self._link.wake()

    # --- blobs --------------------------------------------------------------------------------------------------------

    async def blob(self, sha256: str, start: int = 0, stop: int | None = None) -> bytes:
        """The bytes of an output or attachment, from `start` to before `stop` (or its end)."""
        return await self._hub.blob(sha256, start, stop)

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

    async def put_blobs(self, blobs: Sequence[bytes]) -> None:
        """Keep several small ones at the hub, in one request; 16 MiB together at most."""
        await self._hub.put_blobs(blobs)

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
