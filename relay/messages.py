"""The messages that are not sync: MessagePack, typed once, here.

Every message is a MessagePack map. Where several kinds share a frame type, the key `type` (for requests: `method`)
tells them apart; unknown keys are ignored, so that a later minor version can add some. Change hashes travel as 32 raw
bytes.

| frame | messages | direction |
|---|---|---|
| 0x07 session | Hello, Welcome, SessionError | peer to hub, hub to peer, both |
| 0x07 session | RuntimeEpoch, RuntimeEpochTaken | hub to peer, peer to hub |
| 0x08 runtime epoch | NewRuntimeEpoch | daemon to hub |
| 0x01 request | Request, its body one of RequestBody | peer to hub, hub to daemon |
| 0x02 response | Response | back the same way |
| 0x03 broadcast | NotebookOpened, NotebookClosed, NotebookSaved; CommMessage | hub to peers; daemon to all peers |
| 0x04 presence | PresenceState up; PresencePeers, PresenceLeft down | both |
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeVar

import msgspec

from relay.errors import MalformedFrame
from relay.frames import FrameType, frame

PROTOCOL_VERSION: Final = 1

Role = Literal["owner", "editor", "runner", "viewer", "daemon"]
PeerKind = Literal["person", "agent", "program", "daemon"]
Stdin = Literal["prompt", "eof"]
Bring = Literal["nothing", "stale", "dependents"]
ChangeHash = bytes  # 32 bytes


class PeerInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Who a peer is, to the others. `peer_id` stays the same over reconnects."""

    peer_id: str
    name: str
    kind: PeerKind = "program"


# --- session control, 0x07 -----------------------------------------------------------------------------------------


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="hello"):
    """The first frame of a peer: what it speaks, who it is, what it wants to be allowed.

    `genesis` is the identity of the peer's NotebookDoc, if it has one already (see docs/document-schema.md): a hub that
    holds another document under this id refuses instead of mixing two notebooks.
    """

    protocol: int
    schema: int
    notebook_id: str
    peer: PeerInfo
    token: str
    role: Role = "editor"
    genesis: bytes | None = None


class Welcome(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="welcome"):
    """The hub's answer: the link is up and sync may begin.

    A peer whose RuntimeDoc has another identity than `runtime_genesis` fetches that document from the beginning.
    """

    protocol: int
    schema: int
    server_id: str
    notebook_id: str
    role: Role
    genesis: bytes
    runtime_genesis: bytes
    runtime_epoch: int = 0


class SessionError(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """Why the link is refused or about to close (`fatal`), or what was ignored; and what to do."""

    code: str
    message: str
    hint: str = ""
    fatal: bool = True


class RuntimeEpoch(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="runtime_epoch"):
    """Hub to peer: RuntimeDoc has been started afresh; the document of this identity has taken its place, on disk.

    From here on the hub's runtime sync frames are about that one. The peer answers with RuntimeEpochTaken and syncs it
    from the beginning, best beside the old one, which it shows until it has all of the new.
    """

    epoch: int
    genesis: bytes


class RuntimeEpochTaken(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="runtime_epoch_taken"):
    """Peer to hub: the runtime sync frames that I send after this are about that epoch. Until it has this, the hub
    ignores a peer's runtime sync frames: they were on their way when the epoch began."""

    epoch: int


SessionMessage = Hello | Welcome | SessionError | RuntimeEpoch | RuntimeEpochTaken


# --- a fresh start of RuntimeDoc, 0x08 ------------------------------------------------------------------------------


class NewRuntimeEpoch(msgspec.Struct, frozen=True, kw_only=True):
    """Daemon to hub: this document is to take RuntimeDoc's place. `epoch` is higher than the one the hub has.

    `document` is the saved document, `genesis` its identity. The hub answers with RuntimeEpoch once it is on disk, or
    with an error.
    """

    epoch: int
    genesis: bytes
    document: bytes


# --- requests, 0x01, and responses, 0x02 ----------------------------------------------------------------------------


class Execute(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="execute"):
    """Run these cells in this order. Served by the daemon.

    At most one of `cell_ids`, `above` and `below` is given; without any, every code cell runs. `above` names a cell and
    means the code cells before it, `below` the named cell and the code cells after it. What is not listed by id runs in
    notebook order, and cells without text are left out.

    `stdin` says what becomes of `input()`: "prompt" asks the notebook's peers (see AnswerInput), "eof" ends the input
    at once, so that it raises EOFError. None means "eof" for an agent, "prompt" for everybody else.

    `bring` says what comes along (see docs/dataflow.md): "nothing", "stale" for cells upstream that are not ready, or
    "dependents" for those and everything downstream. None is what the notebook's mode says. `plan_id` runs a plan that
    PlanRun or a request in the mode `cascade` has shown, instead of cells that are named here; it is made again first,
    and refused (`plan_gone`) if it is not known, was used, or would run cells that it did not show.

    `cache` says whether results may be restored where the notebook keeps them: True, False (run anew), or None, which
    is True for cells that are not fresh: whoever runs a fresh cell again wants it run.

    Result: {"execution_ids": [str]}, in the order of the cells; a cell that was already queued keeps its execution.
    Where there is something to say: "brought" [cell id] came along, "refused" {cell id: [message]} does not run because
    of its problems (`cell_has_problem` if all are), "plan" (see PlanRun) waits to be confirmed and nothing runs yet.
    """

    cell_ids: list[str] | None = None
    above: str | None = None
    below: str | None = None
    stdin: Stdin | None = None
    bring: Bring | None = None
    plan_id: str | None = None
    cache: bool | None = None


class PlanRun(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="plan_run"):
    """What Execute with the same fields would run, and why; nothing runs. By the daemon.

    Result: {"id", "targets": [cell id], "bring", "steps", "cell_ids": [cell id], "brought": [cell id],
    "estimated_ms"}: steps are in the order in which they run, each {"cell_id", "reason": "target" | "stale" |
    "missing" | "dependent", "causes", "estimated_ms": float or None, "refused": [problem]}. `id` is the same for the
    same plan, and good for one Execute with it as `plan_id`.
    """

    cell_ids: list[str] | None = None
    above: str | None = None
    below: str | None = None
    bring: Bring | None = None


class ImpactOf(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="impact_of"):
    """What an edit of a cell, or its deletion, would make stale. By the daemon.

    Result: {"cell_id", "upstream": [step], "downstream": [cell id], "broken": [cell id], "estimated_ms"}: `upstream`
    would have to run before it, `broken` are those downstream that would lack a name if the cell were deleted, and the
    estimate is for running all that is downstream.
    """

    cell_id: str


class ExecuteCode(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="execute_code"):
    """Run code in the notebook's kernel without a cell, when its turn has come in the same queue. By the daemon.

    In a "copy" of the notebook's namespace rebinding a name is forgotten afterwards, and changing an object is not;
    kernels of other languages than Python know only their "own" one and refuse a copy with `bad_request`. After
    `timeout` seconds from when it begins, it alone is interrupted. `stdin` None means "eof".

    Result: {"execution_ids": [str]}, one. It is an execution on record as a cell's, with `cell_id` "": its outputs come
    with RuntimeDoc, Interrupt and Stop name it.
    """

    code: str
    namespace: Literal["own", "copy"] = "copy"
    timeout: float | None = None
    stdin: Stdin | None = None


class Interrupt(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="interrupt"):
    """Interrupt this execution if it is running, cancel it if it is queued; nothing else is touched. By the daemon.

    Result: {"status": the execution's status when the request was served}.
    """

    execution_id: str


class Stop(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="stop"):
    """Stop several executions in one go: those that wait are cancelled, and (`running`) the one that runs is
    interrupted. By the daemon.

    `execution_ids` names them, whoever asked for them. Without it, `whose` says: "mine" withdraws what the asking peer
    wants, so that what another peer wants too goes on; "all" means everything.

    Result: {"execution_ids": [str]}: what was cancelled or interrupted.
    """

    execution_ids: list[str] | None = None
    whose: Literal["mine", "all"] = "mine"
    running: bool = True


class AnswerInput(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="answer_input"):
    """Answer the prompt on this execution's record. By the daemon. `value` None ends the input, as Ctrl-D does.

    The first answer counts; later ones fail with `prompt_gone`. Result: {}.
    """

    execution_id: str
    prompt_id: str
    value: str | None


class Complete(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="complete"):
    """What can stand at the cursor (in code points) in this code. By the daemon, from the kernel that runs.

    Result: {"start": int, "end": int, "matches": [{"text", "type", "signature"}]}: a match replaces what stands from
    `start` to `end`; type and signature are empty where the kernel does not say. Like Inspect, SignatureHelp and
    KernelHistory it fails with `no_kernel`, `kernel_busy`, or `superseded` by a newer question of this kind and peer.
    """

    code: str
    cursor: int


class Inspect(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="inspect"):
    """What stands at the cursor; `detail` 1 asks for more, its source for example. By the daemon.

    Result: {"found": bool, "text": str, "data": {MIME type: str}}; `text` is plain, without colours.
    """

    code: str
    cursor: int
    detail: Literal[0, 1] = 0


class SignatureHelp(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="signature_help"):
    """How the call that the cursor is in is called. By the daemon.

    Result: {"found": bool, "signature": str, "argument": int, "keyword": str or None, "documentation": str}:
    `argument` is the one that the cursor is in, counted from 0, `keyword` its name if it was written.
    """

    code: str
    cursor: int


class KernelHistory(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="kernel_history"):
    """The latest `n` inputs that the kernel remembers, or of those the ones that match a glob `pattern`. By the daemon.

    Result: {"entries": [{"session": int, "line": int, "source": str}]}, oldest first; session 0 is the present one.
    """

    n: int = 100
    pattern: str | None = None
    unique: bool = False


class Format(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="format"):
    """How this code of a cell would be formatted: Python by ruff, the rest as it is. By the daemon, without a kernel.

    Result: {"code": str, "why": str}: `why` says why the code is as it was, where it could not be formatted. The asking
    peer writes the difference. Fails with `cannot_format` where there is no ruff, it takes too long, or the code is too
    long.
    """

    code: str
    language: str = "python"


class ListKernels(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="list_kernels"):
    """Which kernels are installed where the daemon runs. By the daemon.

    Result: {"kernels": [{"name": str, "display_name": str, "language": str}]}. An editor chooses one by writing it to
    the notebook's metadata under `kernelspec`; the next kernel that starts is that one.
    """


class RestartKernel(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="restart_kernel"):
    """Start a fresh kernel; what was running or queued ends as `cancelled`. By the daemon. Result: {}.

    It and those after it run in `folder` (an absolute path); None: where the one before did, at first where the
    notebook's file lies.
    """

    folder: str | None = None


class ShutdownKernel(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="shutdown_kernel"):
    """Stop the kernel; what was running or queued ends as `cancelled`. By the daemon. Result: {}."""


class ApproveDependencies(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="approve_dependencies"):
    """Agree that what the notebook declares is installed on the daemon's machine. By the daemon, from owners and
    editors, and not from agents.

    `digest` and `heads` are what RuntimeDoc's `trust` said when it was shown; if it would be something else by now the
    answer is `stale_approval`. `remember` agrees to each of these packages in any notebook from now on. Result: {}.
    """

    digest: str
    heads: list[ChangeHash]
    remember: bool = False


class AddPackages(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="add_packages"):
    """Install these packages (requirements, `"pandas>=2"`) for the notebook. By the daemon, from owners and editors.

    Result: {"status", "why", "installed": {name: version}, "heads": [hash of RuntimeDoc],
    "declare": {"place": [key], "add": [str], "remove": [str]} | {"cell_id", "old", "new"} | null}.
    "live": the running kernel has them; "restart_needed", and `why`; "ready": the next kernel will; "asks": an agent
    asked, and somebody has to approve. The asking peer then declares them: of the list `dependencies` at `place` in
    the notebook's metadata it takes out `remove` and puts `add` at the end; or in the source of a cell it makes the
    PEP 723 header `old` into `new`, unless the source has no `old` any more. Null: a project's file declares them,
    which the daemon has written; for an agent that needs an approval it is not. If it fails (`environment`, with the
    installer's words), nothing has changed and there is nothing to declare.
    """

    packages: list[str]


class RemovePackages(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="remove_packages"):
    """Do without these packages, by name. By the daemon, from owners and editors. Result: as of AddPackages."""

    packages: list[str]


class SyncEnvironment(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="sync_environment"):
    """Look again at what is declared and bring the environment in line with it. By the daemon, from owners and editors.

    With `restart` the kernel is restarted where that is needed. Result: {"status": "in_sync" | "live" | "restarted" |
    "restart_needed" | "ready" | "asks", "why": str, "heads": [hash]}; RuntimeDoc says more at these heads.
    """

    restart: bool = False
    install: bool = True  # False: only look, and say how it stands; status is "in_sync", "differs" or "asks"


class CommOpen(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="comm_open"):
    """Open a comm to the kernel, as a front end that makes a widget does. By the daemon. Result: as of CommSend.

    `comm_id` is made up if it is empty. `data` and `buffers` are those of Jupyter's comm_open; so is `metadata`, which
    for a widget names the protocol: {"version": "2.1.0"}.
    """

    target_name: str
    comm_id: str = ""
    data: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    buffers: list[bytes] = []


class CommSend(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="comm_send"):
    """Send a comm_msg to the kernel, and if it updates a widget's state, write that for everybody. By the daemon.

    `data` is the widget protocol's: {"method": "update", "state", "buffer_paths"} or {"method": "custom", "content"};
    for a comm that is no widget it is anything. The order in which the daemon gets these is the order for everybody.
    Result: {"comm_id": str, "heads": [hash]}: what it changed is in RuntimeDoc at these heads.
    """

    comm_id: str
    data: dict[str, Any]
    buffers: list[bytes] = []


class CommClose(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="comm_close"):
    """Close a comm, here and in the kernel. By the daemon. Result: as of CommSend."""

    comm_id: str
    data: dict[str, Any] = {}


class Save(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="save"):
    """Write the notebook's file now. By the hub. Result: {"path": str, "heads": [hash]}."""


class Writers(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="writers"):
    """Who wrote what of this notebook, and when, as the hub noted it since this time. By the hub, for viewers too.

    Result: {"authors": [{"peer_id": str, "name": str, "kind": str}], "spans": [[actor: bytes, from_seq: int, author:
    int, time: float, brought: bool]], "time": float}. The changes of an actor from a number on are by the author of
    that index and came at that time (seconds since 1970), to the minute; `brought`: it had them when it connected. An
    author may also be of the kind "file", for what the hub read from the notebook's file, or "unknown". The last
    `time` is the hub's clock.
    """

    since: float = 0.0


RequestBody = (
    Execute
    | PlanRun
    | ImpactOf
    | ExecuteCode
    | Interrupt
    | Stop
    | AnswerInput
    | Complete
    | Inspect
    | SignatureHelp
    | KernelHistory
    | Format
    | ListKernels
    | RestartKernel
    | ShutdownKernel
    | ApproveDependencies
    | AddPackages
    | RemovePackages
    | SyncEnvironment
    | CommOpen
    | CommSend
    | CommClose
    | Save
    | Writers
)
SERVED_BY_HUB: Final[tuple[type, ...]] = (Save, Writers)
FOR_VIEWERS: Final[tuple[type, ...]] = (Writers, PlanRun, ImpactOf)
# What decides about the notebook and the machine, not only about a run: owners and editors may ask for it.
FOR_EDITORS: Final[tuple[type, ...]] = (ApproveDependencies, AddPackages, RemovePackages, SyncEnvironment)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for something once. Repeating an `id` returns the first answer.

    `required_heads`: NotebookDoc heads at which the request was made; whoever serves it first waits until its replica
    contains them. `requester` is filled in by the hub; what a peer writes there is overwritten.
    """

    id: str
    body: RequestBody
    required_heads: list[ChangeHash] = []
    requester: PeerInfo | None = None


class ErrorInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request failed, for branching (`code`), for reading (`message`), and what to do next (`hint`)."""

    code: str
    message: str
    hint: str = ""


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to the request of the same `id`: exactly one of `result` and `error` counts."""

    id: str
    result: dict[str, Any] = {}
    error: ErrorInfo | None = None


# --- broadcasts, 0x03 -----------------------------------------------------------------------------------------------


class NotebookOpened(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="notebook_opened"):
    """To daemons, on /v1/server/sync: this notebook's room is open and wants an executor."""

    notebook_id: str
    path: str | None


class NotebookClosed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="notebook_closed"):
    """To daemons, on /v1/server/sync: this room has left memory."""

    notebook_id: str


class NotebookSaved(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="notebook_saved"):
    """To every peer of a notebook: its file holds these heads; or `error` says why it could not be written."""

    path: str
    heads: list[ChangeHash]
    error: ErrorInfo | None = None


class CommMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="comm_message"):
    """From the daemon to every peer: the kernel said this on a comm, and it is no state, so no document has it.

    Of widgets these are {"method": "custom", "content": …}. Whoever is not here at that moment does not get it.
    """

    comm_id: str
    data: dict[str, Any]
    buffers: list[bytes] = []


Broadcast = NotebookOpened | NotebookClosed | NotebookSaved | CommMessage


# --- presence, 0x04 -------------------------------------------------------------------------------------------------


class PresenceState(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="state"):
    """Peer to hub: my cursor, selection, status. Replaces what this peer said before."""

    state: dict[str, Any]


class PresentPeer(msgspec.Struct, frozen=True, kw_only=True):
    """One peer that is here, with its latest state."""

    peer: PeerInfo
    role: Role
    state: dict[str, Any] = {}


class PresencePeers(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="peers"):
    """Hub to peer: these peers are here, with these states. On joining: all of them; later: those that changed."""

    peers: list[PresentPeer]


class PresenceLeft(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="left"):
    """Hub to peer: this peer has gone."""

    peer_id: str


PresenceMessage = PresenceState | PresencePeers | PresenceLeft


# --- to bytes and back ----------------------------------------------------------------------------------------------

Message = SessionMessage | NewRuntimeEpoch | Request | Response | Broadcast | PresenceMessage

_FRAME_TYPES: Final[dict[type, FrameType]] = {
    **dict.fromkeys((Hello, Welcome, SessionError, RuntimeEpoch, RuntimeEpochTaken), FrameType.SESSION),
    NewRuntimeEpoch: FrameType.RUNTIME_EPOCH,
    Request: FrameType.REQUEST,
    Response: FrameType.RESPONSE,
    **dict.fromkeys((NotebookOpened, NotebookClosed, NotebookSaved, CommMessage), FrameType.BROADCAST),
    **dict.fromkeys((PresenceState, PresencePeers, PresenceLeft), FrameType.PRESENCE),
}
_DECODERS: Final[dict[int, msgspec.msgpack.Decoder[Any]]] = {
    FrameType.SESSION: msgspec.msgpack.Decoder(SessionMessage),
    FrameType.RUNTIME_EPOCH: msgspec.msgpack.Decoder(NewRuntimeEpoch),
    FrameType.REQUEST: msgspec.msgpack.Decoder(Request),
    FrameType.RESPONSE: msgspec.msgpack.Decoder(Response),
    FrameType.BROADCAST: msgspec.msgpack.Decoder(Broadcast),
    FrameType.PRESENCE: msgspec.msgpack.Decoder(PresenceMessage),
}
_encoder = msgspec.msgpack.Encoder()
M = TypeVar("M")


def encode(message: Message) -> bytes:
    """The whole frame of a message. Raises FrameTooLarge."""
    return frame(_FRAME_TYPES[type(message)], _encoder.encode(message))


def decode(whole_frame: bytes) -> Message | None:
    """The message in a frame whose size was checked; None for a frame type that carries none or is unknown (skip it).

    Raises MalformedFrame when the payload is not what its type promises; the message names the offending key.
    """
    decoder = _DECODERS.get(whole_frame[0])
    if decoder is None:
        return None
    try:
        message: Message = decoder.decode(memoryview(whole_frame)[1:])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        name = FrameType(whole_frame[0]).name.lower()
        raise MalformedFrame(f"a {name} frame could not be read: {error}.") from error
    return message
