"""A peer's side of a session, without sockets and clocks: both documents, the handshake, requests and what they await.
Pure.

A PeerSession outlives connections. It owns the two documents of one notebook, tells its shell which frames to send
(`pump`, only when they are about to be sent) and hands it what came in (`receive`). Requests without an answer are sent
again on the next connection under the same id, which the other side answers once. It refuses to sync with a hub that
holds another document under the same id.

When RuntimeDoc has been started afresh, the new one is fetched beside the old, which stays in place until the new one
is complete; then document and sync state change in one step, and nobody sees an empty document. The daemon starts it
afresh (`begin_epoch`) and offers its document to the hub, again after a reconnect if the hub does not have it.

Phases: offline --connected--> greeting --Welcome--> open --disconnected--> offline.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Final

from clients.peer.doc_sync import DocSync
from clients.peer.errors import StartAgain
from notebook_doc.migrations import SCHEMA_VERSION
from notebook_doc.notebook import NotebookDoc
from notebook_doc.replica import Heads, Replica, actor_of
from notebook_doc.rotation import next_epoch
from notebook_doc.runtime import RuntimeDoc, runtime_seed
from relay.errors import ErrorCode, Refused, WireError
from relay.frames import FrameType, check_frame, frame
from relay.messages import (
    PROTOCOL_VERSION,
    Hello,
    Message,
    NewRuntimeEpoch,
    PeerInfo,
    PresenceState,
    Request,
    Response,
    Role,
    RuntimeEpoch,
    RuntimeEpochTaken,
    SessionError,
    Welcome,
    decode,
    encode,
)
from relay.requests import RequestBody

# Requests awaiting an answer at the same time; more is a caller that does not look at answers.
MAX_PENDING_REQUESTS: Final = 1024


EDITORS: Final[frozenset[Role]] = frozenset(("owner", "editor"))
SYNC_FRAMES: Final = (FrameType.NOTEBOOK_SYNC, FrameType.RUNTIME_SYNC)


class Phase(Enum):
    """Where the session stands with the hub."""

    OFFLINE = "offline"
    GREETING = "greeting"
    OPEN = "open"


class PeerSession:
    """See the module. All times are seconds of one monotonic clock, handed in."""

    def __init__(
        self,
        notebook_id: str,
        peer: PeerInfo,
        token: str,
        *,
        role: Role = "editor",
        notebook: NotebookDoc | None = None,
        unsaved: Iterable[bytes] = (),
    ) -> None:
        """`notebook` is a replica kept from before, and `unsaved` are its changes that the hub may not have."""
        self.notebook_id = notebook_id
        self.peer = peer
        self.token = token
        self.role: Role = role
        self.phase = Phase.OFFLINE
        self.notebook = (
            NotebookDoc.blank(actor_of(peer.peer_id)) if notebook is None else notebook
        )  # one without cells is false
        self.runtime = RuntimeDoc.blank()
        self.notebook_sync = DocSync(self.notebook.replica, may_write=role in EDITORS, unsaved=unsaved)
        self.runtime_sync = DocSync(self.runtime.replica, may_write=role == "daemon")
        self._fetching: DocSync | None = None  # the RuntimeDoc that is to take the place of the one that is here
        self._runtime_strayed = False  # it has what the hub lost: it is to be fetched anew
        self._presence: PresenceState | None = None
        self._notices: list[bytes] = []  # frames that go before what is synced
        self._outbox: list[bytes] = []  # frames that are ready, in order
        self._pending: dict[str, Request] = {}

    # --- the link -----------------------------------------------------------------------------------------------------

    def connected(self) -> None:
        """A connection is open: greet."""
        self.phase = Phase.GREETING
        hello = Hello(
            protocol=PROTOCOL_VERSION,
            schema=SCHEMA_VERSION,
            notebook_id=self.notebook_id,
            peer=self.peer,
            token=self.token,
            role=self.role,
            genesis=self.notebook.genesis,
        )
        self._outbox = [encode(hello)]

    def disconnected(self) -> None:
        """The connection is gone. Everything else stays."""
        self.phase = Phase.OFFLINE
        self._outbox, self._notices = [], []
        self._fetching = None
        self.notebook_sync.disconnected()
        self.runtime_sync.disconnected()

    def receive(self, whole_frame: bytes, now: float) -> Message | None:
        """Take in a frame; return its message if it has one that concerns the shell.

        Raises Refused when the hub refuses the session, StartAgain when another connection would do, MalformedFrame and
        the documents' errors for what cannot be read: the connection has to be given up in all these cases.
        """
        return next(self.receive_all((whole_frame,), now), None)

    def receive_all(self, frames: Iterable[bytes], now: float) -> Iterator[Message]:
        """Take in frames that arrived together, in order; yield the messages that concern the shell.

        Sync messages of one document between two other messages are applied together. Raises as `receive` does, after
        it has yielded what came before.
        """
        waiting: dict[int, list[bytes]] = {}
        for whole_frame in frames:
            kind = check_frame(whole_frame)
            if kind in SYNC_FRAMES:
                waiting.setdefault(kind, []).append(whole_frame[1:])
                continue
            self._receive_sync(waiting, now)
            waiting = {}
            if (message := self._message(whole_frame)) is not None:
                yield message
        self._receive_sync(waiting, now)

    def _receive_sync(self, waiting: dict[int, list[bytes]], now: float) -> None:
        try:
            self.notebook_sync.receive_all(waiting.get(FrameType.NOTEBOOK_SYNC, ()), now)
        except StartAgain:
            self._replace_notebook(())
            raise
        try:
            self._present_runtime_sync.receive_all(waiting.get(FrameType.RUNTIME_SYNC, ()), now)
        except StartAgain:
            self._runtime_strayed = True
            raise
        if self._fetching is not None and self._fetching.joined:
            self.runtime, self.runtime_sync = RuntimeDoc(self._fetching.replica), self._fetching
            self._fetching, self._runtime_strayed = None, False

    def _message(self, whole_frame: bytes) -> Message | None:
        message = decode(whole_frame)
        match message:
            case Welcome():
                self._welcomed(message)
            case RuntimeEpoch():
                self._epoch_has_begun(message)
            case SessionError(fatal=True):
                raise Refused(message.code, message.message, message.hint)
            case Response():
                self._pending.pop(message.id, None)
            case _:
                pass  # for the shell alone
        return message

    def pump(self, now: float) -> list[bytes]:
        """The frames to send now. What is returned must be sent, in order."""
        frames, self._notices = self._notices, []
        if self.phase is Phase.OPEN:
            for kind, sync in self._syncs():
                payload = sync.pump(now)
                if payload is not None:
                    frames.append(frame(kind, payload))  # edits before the requests that rely on them
        frames += self._outbox
        self._outbox = []
        return frames

    @property
    def due(self) -> float | None:
        """When to call `pump` again at the latest, if nothing else happens."""
        times = [sync.due for _, sync in self._syncs() if sync.due is not None]
        return min(times) if times and self.phase is Phase.OPEN else None

    # --- requests and presence ----------------------------------------------------------------------------------------

    def request(self, body: RequestBody, *, required_heads: Heads | None = None) -> str:
        """Ask for something at the heads of this moment (or those given); return the request's id.

        Raises WireError if too many requests are unanswered.
        """
        if len(self._pending) >= MAX_PENDING_REQUESTS:
            message = f"{MAX_PENDING_REQUESTS} requests to notebook {self.notebook_id} are unanswered."
            raise WireError(ErrorCode.BAD_REQUEST, message, "Await some of them first.", fault="local")
        heads = self.notebook.replica.heads() if required_heads is None else required_heads
        request = Request(id=uuid.uuid4().hex, body=body, required_heads=list(heads))
        self._pending[request.id] = request
        if self.phase is Phase.OPEN:
            self._outbox.append(encode(request))
        return request.id

    def forget_request(self, request_id: str) -> None:
        """Nobody waits for this answer any more; it is not asked for again on the next connection."""
        self._pending.pop(request_id, None)

    def set_presence(self, state: PresenceState) -> None:
        """Say where this peer is; said again after a reconnect."""
        self._presence = state
        if self.phase is Phase.OPEN:
            self._outbox.append(encode(state))

    def send(self, message: Message) -> None:
        """Send a message of this connection (a daemon's response). Dropped if there is none."""
        if self.phase is Phase.OPEN:
            self._outbox.append(encode(message))

    # --- fresh starts of RuntimeDoc -----------------------------------------------------------------------------------

    @property
    def runtime_joined(self) -> bool:
        """Whether, on this connection, this peer has had everything of RuntimeDoc that the hub has."""
        return self._fetching is None and self.runtime_sync.joined

    def begin_epoch(self, runtime: RuntimeDoc) -> None:
        """The daemon's: this document takes RuntimeDoc's place, here at once, and elsewhere once the hub has stored it.

        `runtime_sync.saved` tells when it has. Raises FrameTooLarge, and then nothing has changed.
        """
        offer = _offer(runtime)
        self.runtime = runtime
        self.runtime_sync = DocSync(runtime.replica, unsaved=runtime.replica.changes_since(()))
        self._fetching = None
        if self.phase is Phase.OPEN:
            self._notices.append(offer)

    def _meet_runtime(self, welcome: Welcome) -> None:
        """Sync RuntimeDoc if both sides have the same; else the daemon offers its own and others fetch the hub's."""
        mine = self.runtime.genesis
        if mine is None or (mine == welcome.runtime_genesis and not self._runtime_strayed):
            self.runtime_sync.connected()
        elif self.role == "daemon" and self.runtime.epoch > welcome.runtime_epoch:
            self._notices.append(_offer(self.runtime))
        elif self.role == "daemon" and self.runtime.epoch == welcome.runtime_epoch:  # the hub has lost its own
            self.begin_epoch(next_epoch(self.runtime))
        else:
            self._fetch_runtime()

    def _epoch_has_begun(self, begun: RuntimeEpoch) -> None:
        if begun.genesis == self.runtime.genesis:
            if self.runtime_sync.is_connected:
                return
            self.runtime_sync.connected()
        elif self.role == "daemon" and self.runtime.epoch > begun.epoch:
            return  # our own is on its way, and later
        else:
            self._fetch_runtime()
        self._notices.append(encode(RuntimeEpochTaken(epoch=begun.epoch)))

    def _fetch_runtime(self) -> None:
        self.runtime_sync.disconnected()
        self._fetching = DocSync(Replica.load(runtime_seed()), may_write=self.role == "daemon")
        self._fetching.connected()

    # --- recovery -----------------------------------------------------------------------------------------------------

    def start_afresh(self) -> None:
        """The replicas are lost (their core panicked): begin with empty ones and this peer's own unsaved edits.

        Call it offline. The hub sends everything else on the next connection.
        """
        self._replace_notebook(self.notebook_sync.unsaved_changes())
        self._replace_runtime()

    def _replace_notebook(self, unsaved: Sequence[bytes]) -> None:
        self.notebook = NotebookDoc.blank(actor_of(self.peer.peer_id))
        self.notebook.replica.apply(unsaved)  # they wait in the replica until what they build on arrives
        self.notebook_sync = DocSync(self.notebook.replica, may_write=self.role in EDITORS, unsaved=unsaved)

    def _replace_runtime(self) -> None:
        self.runtime = RuntimeDoc.blank()
        self.runtime_sync = DocSync(self.runtime.replica, may_write=self.role == "daemon")
        self._runtime_strayed = False

    def _welcomed(self, welcome: Welcome) -> None:
        if self.notebook.genesis not in (None, welcome.genesis):
            raise Refused(
                ErrorCode.WRONG_GENESIS,
                f"The hub holds another document under the notebook id {self.notebook_id}.",
                "Keep your copy under another name and open the notebook anew.",
            )
        self.role = welcome.role
        self.notebook_sync.may_write = welcome.role in EDITORS
        self.runtime_sync.may_write = welcome.role == "daemon"
        self.phase = Phase.OPEN
        self.notebook_sync.connected()
        self._meet_runtime(welcome)
        if self._presence is not None:
            self._outbox.append(encode(self._presence))
        self._outbox += [encode(request) for request in self._pending.values()]

    def _syncs(self) -> tuple[tuple[FrameType, DocSync], ...]:
        return (FrameType.NOTEBOOK_SYNC, self.notebook_sync), (FrameType.RUNTIME_SYNC, self._present_runtime_sync)

    @property
    def _present_runtime_sync(self) -> DocSync:
        """The sync of the RuntimeDoc that the hub has."""
        return self._fetching or self.runtime_sync


def _offer(runtime: RuntimeDoc) -> bytes:
    identity = runtime.genesis
    assert identity is not None, "an epoch is born"
    return encode(NewRuntimeEpoch(epoch=runtime.epoch, genesis=identity, document=runtime.replica.save()))


def replica_from(data: bytes) -> NotebookDoc:
    """A NotebookDoc from saved bytes. Raises CorruptDocument, SchemaTooNew."""
    return NotebookDoc(Replica.load(data))
