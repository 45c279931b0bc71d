"""Which execution runs when, and how each one ends: a pure state machine of one notebook.

Knows executions, the requests that want them and whether there is a kernel; it knows no clock (times are handed in),
no kernel and no document. Every method is an event and returns the effects it has, in the order in which they must be
carried out. It promises that at most one execution runs, that executions run in the order in which they were queued,
and that each reaches exactly one terminal status, by the table below. It refuses ids it does not know.

    queued ──► running ──► done        the kernel said ok
       │          ├──────► error       the kernel said error (an interrupted cell too: KeyboardInterrupt)
       │          ├──────► cancelled   the kernel aborted it, was restarted or was shut down
       │          └──────► died        the kernel died while running it
       └────────────────► cancelled    stopped, its cell deleted, an earlier cell of its request failed, no kernel

What the kernel reports about an execution that is not running any more is stale (the report crossed a restart) and has
no effect. State owner: the `ExecutionQueue` owns everything in it; the daemon's shell owns the queue.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal, NewType

from clients.daemon.errors import IllegalTransition, UnknownExecution
from clients.daemon.events import FinishedStatus, KernelFailure

ExecutionId = NewType("ExecutionId", str)
CellId = NewType("CellId", str)
RequestId = NewType("RequestId", str)

# Terminal executions whose status can still be asked for, about 200 bytes each. Older ones are in RuntimeDoc anyway.
REMEMBERED_ENDS: Final = 10_000


class Status(StrEnum):
    """An execution's status as RuntimeDoc spells it."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    ERROR = "error"
    CANCELLED = "cancelled"
    DIED = "died"


TRANSITIONS: Final[Mapping[Status, frozenset[Status]]] = {
    Status.QUEUED: frozenset({Status.RUNNING, Status.CANCELLED}),
    Status.RUNNING: frozenset({Status.DONE, Status.ERROR, Status.CANCELLED, Status.DIED}),
    Status.DONE: frozenset(),
    Status.ERROR: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.DIED: frozenset(),
}
TERMINAL: Final = frozenset(status for status, following in TRANSITIONS.items() if not following)

# How the kernel's own word for the end of an execution reads here.
_ENDINGS: Final[Mapping[FinishedStatus, Status]] = {
    "ok": Status.DONE,
    "error": Status.ERROR,
    "aborted": Status.CANCELLED,
}


def check_transition(execution_id: str, before: Status, after: Status) -> None:
    """Raise IllegalTransition unless the table allows it."""
    if after not in TRANSITIONS[before]:
        raise IllegalTransition(execution_id, before, after)


# --- what goes in and what comes out --------------------------------------------------------------------------------


@dataclass(frozen=True)
class CellRun:
    """One cell a request wants run: its source at `heads`, and the id its execution gets if it needs a new one."""

    cell_id: CellId
    source: str
    execution_id: ExecutionId
    heads: tuple[str, ...] = ()


@dataclass(frozen=True)
class RecordQueued:
    """Write a new execution's record, status "queued"."""

    execution_id: ExecutionId
    cell_id: CellId
    source: str
    heads: tuple[str, ...]
    seq: int
    requested_by: Mapping[str, Any]
    submitted: float


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


@dataclass(frozen=True)
class InterruptKernel:
    """Interrupt the kernel, provided that this execution is still what it runs."""

    execution_id: ExecutionId


@dataclass(frozen=True)
class StartKernel:
    """Start a kernel; answer with `kernel_ready` or `kernel_failed`."""


Effect = RecordQueued | RecordSource | RecordStatus | StartExecution | InterruptKernel | StartKernel
Effects = tuple[Effect, ...]
KernelPhase = Literal["none", "starting", "ready"]


# --- the machine ----------------------------------------------------------------------------------------------------


@dataclass
class _Execution:
    """An execution that has not ended. `wanted_by` is the requests that named it, as an ordered set."""

    execution_id: ExecutionId
    cell_id: CellId
    source: str
    heads: tuple[str, ...]
    status: Status
    wanted_by: dict[RequestId, None]
    confirmed: bool = False  # the kernel has begun with it; before that an interrupt would hit nothing
    interrupt_wanted: bool = False
    execution_count: int | None = None


@dataclass
class ExecutionQueue:
    """The executions of one notebook. `first_seq` continues the numbering found in RuntimeDoc.

    Owns: the live executions in the order they will run (`_live`, the running one first), what each request asked for,
    the phase of the kernel, and the statuses of those that ended lately.
    """

    first_seq: int = 0
    _live: dict[ExecutionId, _Execution] = field(default_factory=dict)
    _queued_cells: dict[CellId, ExecutionId] = field(default_factory=dict)
    _requests: dict[RequestId, dict[ExecutionId, None]] = field(default_factory=dict)
    _askers: dict[RequestId, str] = field(default_factory=dict)
    _ended: dict[ExecutionId, Status] = field(default_factory=dict)
    _running: _Execution | None = None
    _kernel: KernelPhase = "none"

    def __post_init__(self) -> None:
        self._next_seq = self.first_seq

    # What can be asked

    @property
    def order(self) -> tuple[ExecutionId, ...]:
        """The executions that have not ended, the running one first: RuntimeDoc's `queue`."""
        return tuple(self._live)

    @property
    def running(self) -> ExecutionId | None:
        """The execution that was given to the kernel and has not ended."""
        return self._running.execution_id if self._running else None

    @property
    def kernel(self) -> KernelPhase:
        """Whether there is a kernel, as far as the events told."""
        return self._kernel

    def status(self, execution_id: ExecutionId) -> Status:
        """The status of an execution of this daemon. Raises UnknownExecution."""
        if execution_id in self._live:
            return self._live[execution_id].status
        if execution_id in self._ended:
            return self._ended[execution_id]
        raise UnknownExecution(execution_id)

    # What people ask for

    def submit(
        self, request_id: RequestId, runs: Sequence[CellRun], requested_by: Mapping[str, Any], now: float
    ) -> tuple[tuple[ExecutionId, ...], Effects]:
        """Queue these cells in this order; return their executions, in the same order.

        A cell that is already queued (not: running) keeps its execution and its place, and takes the source of this
        request, which saw the document later. If one of the cells fails, what stands after it here is cancelled, unless
        another request wants it too. Repeating a request id is the caller's business: it must not come here twice.
        """
        effects: list[Effect] = []
        answer: list[ExecutionId] = []
        for run in runs:
            if run.cell_id not in self._queued_cells:
                effects.append(self._enqueue(run, requested_by, now))
            execution = self._live[self._queued_cells[run.cell_id]]
            if (execution.source, execution.heads) != (run.source, run.heads):
                execution.source, execution.heads = run.source, run.heads
                effects.append(RecordSource(execution.execution_id, run.source, run.heads))
            execution.wanted_by[request_id] = None
            self._requests.setdefault(request_id, {})[execution.execution_id] = None
            self._askers[request_id] = str(requested_by.get("peer_id", ""))
            answer.append(execution.execution_id)
        return tuple(answer), (*effects, *self._go_on(now))

    def interrupt(self, execution_id: ExecutionId, now: float) -> tuple[Status, Effects]:
        """Interrupt this execution if it runs, cancel it if it waits; return the status it had. Nothing else changes.

        One that the kernel has not begun with is interrupted as soon as it does. Raises UnknownExecution.
        """
        status = self.status(execution_id)
        if status is Status.RUNNING:
            return status, self._interrupt_running()
        if status is Status.QUEUED:
            return status, (self._end(self._live[execution_id], Status.CANCELLED, now),)
        return status, ()

    def stop(
        self, execution_ids: Collection[ExecutionId], now: float, *, running: bool = True
    ) -> tuple[tuple[ExecutionId, ...], Effects]:
        """Cancel those of these that wait and (`running`) interrupt the one that runs; return which these are.

        None of them starts meanwhile. What has ended or is unknown is passed over: there is nothing to stop.
        """
        stopped = [self._live[i] for i in tuple(self._live) if i in execution_ids and (running or not self._runs(i))]
        effects: list[Effect] = []
        for execution in stopped:
            if execution is self._running:
                effects += self._interrupt_running()
            else:
                effects.append(self._end(execution, Status.CANCELLED, now))
        return tuple(execution.execution_id for execution in stopped), tuple(effects)

    def withdraw(self, peer_id: str, now: float, *, running: bool = True) -> tuple[tuple[ExecutionId, ...], Effects]:
        """This peer wants nothing any more: what nobody else wants is stopped, as `stop` does it."""
        unwanted = []
        for execution in self._live.values():
            if self._runs(execution.execution_id) and not running:
                continue
            own = [request_id for request_id in execution.wanted_by if self._askers[request_id] == peer_id]
            if own and len(own) == len(execution.wanted_by):
                unwanted.append(execution.execution_id)
            elif own:
                for request_id in own:
                    self._no_longer_wants(request_id, execution)
        return self.stop(unwanted, now, running=running)

    def cell_deleted(self, cell_id: CellId, now: float) -> Effects:
        """The cell is gone from the document: its queued execution is cancelled, its running one interrupted."""
        effects: list[Effect] = []
        if cell_id in self._queued_cells:
            effects.append(self._end(self._live[self._queued_cells[cell_id]], Status.CANCELLED, now))
        if self._running is not None and self._running.cell_id == cell_id:
            effects += self._interrupt_running()
        return tuple(effects)

    def restart(self, now: float) -> Effects:
        """Everything that has not ended is cancelled and a fresh kernel is wanted; the caller ends the old one."""
        effects = self._end_all(Status.CANCELLED, now)
        self._kernel = "starting"
        return (*effects, StartKernel())

    def shutdown(self, now: float) -> Effects:
        """Everything that has not ended is cancelled; the next submit starts a kernel again."""
        self._kernel = "none"
        return self._end_all(Status.CANCELLED, now)

    # What the kernel reports

    def kernel_ready(self, now: float) -> Effects:
        """The kernel answers. Has no effect if none is being started any more."""
        if self._kernel != "starting":
            return ()
        self._kernel = "ready"
        return self._go_on(now)

    def kernel_failed(self, now: float) -> Effects:
        """The kernel could not be started: what waited for it is cancelled. RuntimeDoc's kernel.error says why."""
        if self._kernel != "starting":
            return ()
        self._kernel = "none"
        return self._end_all(Status.CANCELLED, now)

    def kernel_died(self, now: float) -> Effects:
        """The kernel ended by itself: what ran has died, what waited is cancelled. Stale while another one starts."""
        if self._kernel != "ready":
            return ()
        self._kernel = "none"
        return self._end_all(Status.DIED, now)

    def started(self, execution_id: ExecutionId, execution_count: int | None) -> Effects:
        """The kernel has begun with this execution."""
        running = self._running
        if running is None or running.execution_id != execution_id:
            return ()
        running.confirmed = True
        running.execution_count = execution_count
        return (InterruptKernel(execution_id),) if running.interrupt_wanted else ()

    def finished(
        self,
        execution_id: ExecutionId,
        ending: FinishedStatus,
        now: float,
        execution_count: int | None = None,
        error: KernelFailure | None = None,
    ) -> Effects:
        """The kernel has finished this execution. After an error, what its requests wanted after it is cancelled."""
        running = self._running
        if running is None or running.execution_id != execution_id:
            return ()
        if execution_count is not None:
            running.execution_count = execution_count
        followers = self._followers(running) if ending == "error" else []
        effects: list[Effect] = [self._end(running, _ENDINGS[ending], now, error)]
        effects += [self._end(follower, Status.CANCELLED, now) for follower in followers]
        return (*effects, *self._go_on(now))

    # How it is done

    def _enqueue(self, run: CellRun, requested_by: Mapping[str, Any], now: float) -> RecordQueued:
        if run.execution_id in self._live or run.execution_id in self._ended:
            raise IllegalTransition(run.execution_id, self.status(run.execution_id), Status.QUEUED)
        execution = _Execution(run.execution_id, run.cell_id, run.source, run.heads, Status.QUEUED, {})
        self._live[run.execution_id] = execution
        self._queued_cells[run.cell_id] = run.execution_id
        seq, self._next_seq = self._next_seq, self._next_seq + 1
        return RecordQueued(run.execution_id, run.cell_id, run.source, run.heads, seq, requested_by, now)

    def _go_on(self, now: float) -> Effects:
        """Start what stands first, or the kernel it needs."""
        if self._running is not None or not self._live or self._kernel == "starting":
            return ()
        if self._kernel == "none":
            self._kernel = "starting"
            return (StartKernel(),)
        execution = next(iter(self._live.values()))
        check_transition(execution.execution_id, execution.status, Status.RUNNING)
        execution.status = Status.RUNNING
        self._running = execution
        del self._queued_cells[execution.cell_id]
        return (
            RecordStatus(execution.execution_id, Status.RUNNING, now),
            StartExecution(execution.execution_id, execution.source),
        )

    def _runs(self, execution_id: ExecutionId) -> bool:
        return self._running is not None and self._running.execution_id == execution_id

    def _interrupt_running(self) -> Effects:
        assert self._running is not None
        self._running.interrupt_wanted = True
        return (InterruptKernel(self._running.execution_id),) if self._running.confirmed else ()

    def _followers(self, failed: _Execution) -> list[_Execution]:
        """What the requests that wanted `failed` wanted after it, and nobody else wants now."""
        followers = []
        for request_id in failed.wanted_by:
            wanted = list(self._requests[request_id])
            for execution_id in wanted[wanted.index(failed.execution_id) + 1 :]:
                follower = self._live[execution_id]
                self._no_longer_wants(request_id, follower)
                if not follower.wanted_by:
                    followers.append(follower)
        return followers

    def _no_longer_wants(self, request_id: RequestId, execution: _Execution) -> None:
        del execution.wanted_by[request_id]
        del self._requests[request_id][execution.execution_id]
        if not self._requests[request_id]:
            del self._requests[request_id]
            del self._askers[request_id]

    def _end(
        self, execution: _Execution, status: Status, now: float, error: KernelFailure | None = None
    ) -> RecordStatus:
        check_transition(execution.execution_id, execution.status, status)
        execution.status = status
        del self._live[execution.execution_id]
        for request_id in tuple(execution.wanted_by):
            self._no_longer_wants(request_id, execution)
        if execution is self._running:
            self._running = None
        else:
            del self._queued_cells[execution.cell_id]
        self._ended[execution.execution_id] = status
        if len(self._ended) > REMEMBERED_ENDS:
            del self._ended[next(iter(self._ended))]
        return RecordStatus(execution.execution_id, status, now, execution.execution_count, error)

    def _end_all(self, running_becomes: Status, now: float) -> Effects:
        """End everything: the running one with this status, the queued ones as cancelled."""
        return tuple(
            self._end(execution, running_becomes if execution is self._running else Status.CANCELLED, now)
            for execution in tuple(self._live.values())
        )


def settle_orphans(statuses: Mapping[ExecutionId, str], now: float) -> tuple[RecordStatus, ...]:
    """How a new daemon ends what an earlier one left unfinished: running has died, queued is cancelled.

    `statuses` is what RuntimeDoc says; executions that have ended, or were imported, are left as they are.
    """
    endings = {"running": Status.DIED, "queued": Status.CANCELLED}
    return tuple(
        RecordStatus(execution_id, endings[status], now)
        for execution_id, status in statuses.items()
        if status in endings
    )
