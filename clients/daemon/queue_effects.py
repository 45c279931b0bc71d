"""What goes into a notebook's execution queue and what comes out of it: ids, runs, and the closed union of effects.

An effect says what the queue has decided, for its shell to record or to carry out. Pure values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, NewType

from clients.daemon.events import KernelFailure
from notebook_doc.runtime_records import Namespace

ExecutionId = NewType("ExecutionId", str)
CellId = NewType("CellId", str)
RequestId = NewType("RequestId", str)


class Status(StrEnum):
    """An execution's status as RuntimeDoc spells it."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    ERROR = "error"
    CANCELLED = "cancelled"
    DIED = "died"


@dataclass(frozen=True)
class Manner:
    """How an execution runs: in which namespace, after how many seconds it is interrupted (None: never), whether its
    input has ended when it begins, and whether its result may be restored (None: unless the cell is fresh anyway)."""

    namespace: Namespace = "own"
    timeout: float | None = None
    input_ended: bool = False
    restore: bool | None = False


@dataclass(frozen=True)
class Run:
    """What a request wants run: a cell's source at `heads`, or code without a cell (None); and the id its execution
    gets if it needs a new one."""

    cell_id: CellId | None
    source: str
    execution_id: ExecutionId
    heads: tuple[str, ...] = ()
    manner: Manner = Manner()


@dataclass(frozen=True)
class Found:
    """An execution that an earlier daemon left unfinished, as on record. `wanted_by`: request id -> place, peer id."""

    execution_id: ExecutionId
    cell_id: CellId | None
    source: str
    heads: tuple[str, ...]
    status: Status
    wanted_by: Mapping[RequestId, tuple[int, str]]
    manner: Manner = Manner()


@dataclass(frozen=True)
class RecordQueued:
    """Write a new execution's record, status "queued"; it is the `place`-th that this request wants."""

    execution_id: ExecutionId
    cell_id: CellId | None
    source: str
    heads: tuple[str, ...]
    seq: int
    requested_by: Mapping[str, Any]
    submitted: float
    request_id: RequestId
    place: int
    manner: Manner = Manner()


@dataclass(frozen=True)
class RecordWanted:
    """Another request wants a queued execution too, as the how-manieth of those it named, for whom."""

    execution_id: ExecutionId
    request_id: RequestId
    place: int
    peer_id: str


@dataclass(frozen=True)
class RecordUnwanted:
    """A request no longer wants this execution, since an earlier one of it failed or its asker left; others do."""

    execution_id: ExecutionId
    request_id: RequestId


@dataclass(frozen=True)
class RecordSource:
    """A queued execution was asked for again after an edit: it will run this source, of these heads."""

    execution_id: ExecutionId
    source: str
    heads: tuple[str, ...]


@dataclass(frozen=True)
class RecordStatus:
    """Write this status and `at` (seconds since the epoch) as the time it started, or, if it is terminal, ended."""

    execution_id: ExecutionId
    status: Status
    at: float
    execution_count: int | None = None
    error: KernelFailure | None = None


@dataclass(frozen=True)
class StartExecution:
    """Send this source to the kernel with the execution's id as its message id."""

    execution_id: ExecutionId
    source: str
    manner: Manner = Manner()


@dataclass(frozen=True)
class InterruptKernel:
    """Interrupt the kernel, provided that this execution is still what it runs."""

    execution_id: ExecutionId


@dataclass(frozen=True)
class StartKernel:
    """Start a kernel; answer with `kernel_ready` or `kernel_failed`."""


Effect = (
    RecordQueued
    | RecordWanted
    | RecordUnwanted
    | RecordSource
    | RecordStatus
    | StartExecution
    | InterruptKernel
    | StartKernel
)
Effects = tuple[Effect, ...]
KernelPhase = Literal["none", "starting", "ready"]
