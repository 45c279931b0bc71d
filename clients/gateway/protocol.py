"""The JSON protocol: what clients may send, typed, and how frames to them look. Pure.

`read` makes a message of a text frame or says what is wrong with it; only `type` and `payload` are looked at, keys that
are not known are ignored. Names and shapes are those that clients in the field speak and do not change; the whole list
is in docs/json-protocol.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

Payload = dict[str, Any]


class CellExecute(msgspec.Struct, frozen=True):
    """Run a cell; if something upstream is not ready, ask first."""

    cell_id: str


class CellExecuteCascade(msgspec.Struct, frozen=True):
    """Run the plan that was shown."""

    cell_id: str
    plan_id: str


class CellExecuteForce(msgspec.Struct, frozen=True):
    """Run this cell alone."""

    cell_id: str


class CellExecuteRerun(msgspec.Struct, frozen=True):
    """Run a cell anew, and what is stale upstream before it, without asking."""

    cell_id: str


class CellCancel(msgspec.Struct, frozen=True):
    """Cancel a cell that runs or waits."""

    cell_id: str


class NotebookRunAll(msgspec.Struct, frozen=True):
    """Run all code cells, each after those it takes names from."""

    continue_on_error: bool = True


class NotebookRerunAll(msgspec.Struct, frozen=True):
    """The same, restoring nothing from a cache."""

    continue_on_error: bool = True


class CellSourceUpdate(msgspec.Struct, frozen=True):
    """This is what a cell says in the client's editor now."""

    cell_id: str
    source: str


class NotebookSync(msgspec.Struct, frozen=True):
    """Tell me everything."""


class ImpactPreviewRequest(msgspec.Struct, frozen=True):
    """What a run of this cell would bring along, and what it would make stale."""

    cell_id: str


class ProfilingRequest(msgspec.Struct, frozen=True):
    """How long cells took."""


class InspectOpen(msgspec.Struct, frozen=True):
    """Begin to look at a cell's inputs."""

    cell_id: str


class InspectEval(msgspec.Struct, frozen=True):
    """Evaluate code where a cell's inputs can be seen."""

    cell_id: str
    expr: str


class InspectClose(msgspec.Struct, frozen=True):
    """Forget the names that were made while looking."""

    cell_id: str


class DependencyAdd(msgspec.Struct, frozen=True):
    """The notebook needs a package."""

    package: str


class DependencyRemove(msgspec.Struct, frozen=True):
    """The notebook does not need a package any more."""

    package: str


class AgentCancel(msgspec.Struct, frozen=True):
    """Stop the agent that works here."""


Incoming = (
    CellExecute
    | CellExecuteCascade
    | CellExecuteForce
    | CellExecuteRerun
    | CellCancel
    | NotebookRunAll
    | NotebookRerunAll
    | CellSourceUpdate
    | NotebookSync
    | ImpactPreviewRequest
    | ProfilingRequest
    | InspectOpen
    | InspectEval
    | InspectClose
    | DependencyAdd
    | DependencyRemove
    | AgentCancel
)

TYPES: Final[Mapping[str, type[Incoming]]] = {
    "cell_execute": CellExecute,
    "cell_execute_cascade": CellExecuteCascade,
    "cell_execute_force": CellExecuteForce,
    "cell_execute_rerun": CellExecuteRerun,
    "cell_cancel": CellCancel,
    "notebook_run_all": NotebookRunAll,
    "notebook_rerun_all": NotebookRerunAll,
    "cell_source_update": CellSourceUpdate,
    "notebook_sync": NotebookSync,
    "impact_preview_request": ImpactPreviewRequest,
    "profiling_request": ProfilingRequest,
    "inspect_open": InspectOpen,
    "inspect_eval": InspectEval,
    "inspect_close": InspectClose,
    "dependency_add": DependencyAdd,
    "dependency_remove": DependencyRemove,
    "agent_cancel": AgentCancel,
}
# What a client that may only read may ask.
READING: Final = (NotebookSync, ImpactPreviewRequest, ProfilingRequest)


class Refusal(Exception):
    """What a client sent cannot be done; becomes an `error` frame, and the connection stays."""

    def __init__(self, error: str, code: str | None = None, cell_id: str | None = None) -> None:
        super().__init__(error)
        self.error, self.code, self.cell_id = error, code, cell_id

    @property
    def payload(self) -> Payload:
        """The error frame's payload."""
        told = {"error": self.error, "code": self.code, "cell_id": self.cell_id}
        return {key: value for key, value in told.items() if value is not None}


def read(data: str | bytes) -> Incoming:
    """The message in a frame. Raises Refusal."""
    if isinstance(data, bytes):
        raise Refusal("Binary frames are not understood here; send JSON as text.")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Refusal(f"The frame is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise Refusal('A frame is an object: {"type": …, "payload": {…}}.')
    name = value.get("type")
    if not isinstance(name, str):
        raise Refusal("The frame has no type, or one that is not a string.")
    kind = TYPES.get(name)
    if kind is None:
        raise Refusal(f"There is no message type {name[:100]!r}.")
    payload = value.get("payload", {})
    if not isinstance(payload, dict):
        raise Refusal(f"The payload of {name} must be an object.")
    try:
        return msgspec.convert(payload, kind)
    except msgspec.ValidationError as error:
        cell_id = payload.get("cell_id")
        raise Refusal(f"{name}: {error}.", cell_id=cell_id if isinstance(cell_id, str) else None) from error


def encoded(payload: Payload) -> str:
    """A payload as JSON, once for all who are sent it."""
    return json.dumps(payload, separators=(",", ":"), default=str)


def frame(kind: str, seq: int, now: float, payload: str) -> str:
    """A frame to a client: its payload is JSON already, `now` is in seconds since the epoch."""
    ts = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f'{{"type":{json.dumps(kind)},"seq":{seq},"ts":"{ts}","payload":{payload}}}'
