"""What RuntimeDoc records, as values: executions, the kernel's state; and how each is stored. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from notebook_doc.json_values import Json

ExecutionStatus = Literal["queued", "running", "done", "error", "cancelled", "died", "imported"]
TERMINAL_STATUSES: Final = frozenset(("done", "error", "cancelled", "died", "imported"))
Lifecycle = Literal["none", "starting", "ready", "restarting", "dead", "stopped"]
Activity = Literal["idle", "busy", "unresponsive"]
Namespace = Literal["own", "copy"]  # "copy": in a copy of the notebook's namespace, where rebinding is forgotten
Manifest = dict[str, Json]  # an output or a content, see docs/document-schema.md


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """Who asked for an execution."""

    peer_id: str = ""
    name: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionError:
    """How an execution failed."""

    ename: str
    evalue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a running execution asks of whoever may run the notebook."""

    id: str
    text: str
    password: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A request's wish for an execution: the how-manieth it is of that request, and who asked."""

    place: int
    peer_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One run of one cell, or of code without one (`cell_id` ""), without its outputs. Times are seconds since the
    epoch."""

    id: str
    cell_id: str
    status: ExecutionStatus
    source: str = ""
    notebook_heads: tuple[bytes, ...] = ()
    requested_by: Requester = Requester()
    seq: int = 0
    execution_count: int | None = None
    submitted: float = 0.0
    started: float | None = None
    ended: float | None = None
    error: ExecutionError | None = None
    prompt: Prompt | None = None
    wanted_by: Mapping[str, Wanted] = field(default_factory=dict)  # request id -> how it wants this execution
    input_ended: bool = False  # asking for input raises EOFError instead of asking anybody
    namespace: Namespace = "own"
    timeout: float | None = None  # seconds that it may run until it is interrupted
    cache: str = (
        ""  # "hit": it was not run but restored; "kept"; or why it could not be kept; "" where nothing is cached
    )
    saved_ms: float | None = None  # of a hit: how long it took when it ran

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in TERMINAL_STATUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelState:
    """The notebook's kernel as the daemon last saw it. `error` says why it is dead, unresponsive or did not start."""

    lifecycle: Lifecycle = "none"
    activity: Activity = "idle"
    name: str = ""
    language: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolPosition:
    """How much of what a kernel has said is in this document: everything up to message `seq` of this keeper.

    `open` holds, for executions whose last output goes on in a way that it does not show, what its writer must know.
    """

    keeper: str
    seq: int
    open: Mapping[str, str] = field(default_factory=dict)


def execution_of(execution_id: str, plain: Mapping[str, Json], told: Mapping[str, Any]) -> Execution:
    """The execution whose record has these plain values, and these maps and lists."""
    count, error, prompt = plain.get("execution_count"), told.get("error"), told.get("prompt")
    return Execution(
        id=execution_id,
        cell_id=str(plain.get("cell_id") or ""),
        status=status_of(plain.get("status")),
        source=str(plain.get("source") or ""),
        notebook_heads=tuple(bytes.fromhex(str(head)) for head in told.get("notebook_heads") or ()),
        requested_by=Requester(**_strings(told.get("requested_by") or {}, "peer_id", "name", "kind")),
        seq=int(cast(int, plain.get("seq") or 0)),
        execution_count=count if isinstance(count, int) else None,
        submitted=_seconds(plain.get("submitted")) or 0.0,
        started=_seconds(plain.get("started")),
        ended=_seconds(plain.get("ended")),
        error=None if error is None else ExecutionError(**_strings(error, "ename", "evalue")),
        prompt=None
        if prompt is None
        else Prompt(**_strings(prompt, "id", "text"), password=prompt.get("password") is True),
        wanted_by=_wishes(told.get("wanted_by") or {}),
        input_ended=plain.get("input_ended") is True,
        namespace="copy" if plain.get("namespace") == "copy" else "own",
        timeout=_seconds(plain.get("timeout")),
        cache=str(plain.get("cache") or ""),
        saved_ms=_seconds(plain.get("saved_ms")),
    )


def kernel_json(state: KernelState) -> dict[str, Json]:
    """A kernel's state as it is stored."""
    return {
        "lifecycle": state.lifecycle,
        "activity": state.activity,
        "name": state.name,
        "language": state.language,
        "error": state.error,
    }


def execution_json(execution: Execution) -> dict[str, Json]:
    """An execution's record as it is stored."""
    who, error, prompt = execution.requested_by, execution.error, execution.prompt
    requested_by: dict[str, Json] = {"peer_id": who.peer_id, "name": who.name, "kind": who.kind}
    return {
        "cell_id": execution.cell_id,
        "status": execution.status,
        "source": execution.source,
        "notebook_heads": [head.hex() for head in execution.notebook_heads],
        "requested_by": None if who == Requester() else requested_by,
        "seq": execution.seq,
        "execution_count": execution.execution_count,
        "submitted": execution.submitted,
        "started": execution.started,
        "ended": execution.ended,
        "error": None if error is None else {"ename": error.ename, "evalue": error.evalue},
        "prompt": None if prompt is None else {"id": prompt.id, "text": prompt.text, "password": prompt.password},
        "wanted_by": {
            request_id: {"place": wish.place, "peer_id": wish.peer_id}
            for request_id, wish in execution.wanted_by.items()
        }
        or None,
        "input_ended": execution.input_ended or None,
        "namespace": None if execution.namespace == "own" else execution.namespace,
        "timeout": execution.timeout,
        "cache": execution.cache or None,
        "saved_ms": execution.saved_ms,
    }


def recorded(execution: Execution, outputs: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    """A new execution's map. What is not known yet is left out: values are what an import spends its time on."""
    told = {key: value for key, value in execution_json(execution).items() if value not in (None, "", [], 0, 0.0)}
    return {**told, "outputs": [dict(output) for output in outputs]}


def status_of(value: object) -> ExecutionStatus:
    """The status that is stored so."""
    return cast(ExecutionStatus, value or "died")


def _strings(value: Mapping[str, Json], *keys: str) -> dict[str, str]:
    return {key: str(value.get(key) or "") for key in keys}


def _wishes(value: Json) -> dict[str, Wanted]:
    assert isinstance(value, dict), "wanted_by is a map"
    return {
        request_id: Wanted(place=int(cast(int, wish.get("place", 0))), peer_id=str(wish.get("peer_id", "")))
        for request_id, wish in value.items()
        if isinstance(wish, dict)
    }


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
