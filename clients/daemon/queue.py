"""Which execution runs when, and how each one ends: a pure state machine of one notebook.

Knows executions (of cells, and of code without one), the requests that want them and whether there is a kernel; it
knows no clock (times are handed in), no kernel and no document. Every method is an event and returns the effects it
has, in the order in which they must be carried out. It promises that at most one execution runs, that executions run in
the order in which they were queued, and that each reaches exactly one terminal status, by the table below. It refuses
ids it does not know.

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
from typing import Any, Final

from clients.daemon.errors import IllegalTransition, UnknownExecution
from clients.daemon.events import FinishedStatus, KernelFailure
from clients.daemon.queue_effects import (
    CellId,
    Effect,
    Effects,
    ExecutionId,
    Found,
    InterruptKernel,
    KernelPhase,
    Manner,
    RecordQueued,
    RecordSource,
    RecordStatus,
    RecordUnwanted,
    RecordWanted,
    RequestId,
    Run,
    StartExecution,
    StartKernel,
    Status,
)

# Terminal executions whose status can still be asked for, about 200 bytes each. Older ones are in RuntimeDoc anyway.
REMEMBERED_ENDS: Final = 10_000


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


@dataclass
class _Execution:
    """An execution that has not ended. `wanted_by` is the requests that named it, as an ordered set."""

    execution_id: ExecutionId
    cell_id: CellId | None
    source: str
    heads: tuple[str, ...]
    status: Status
    wanted_by: dict[RequestId, None]
    manner: Manner
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

    @classmethod
    def restored(cls, first_seq: int, found: Sequence[Found], kernel: KernelPhase = "ready") -> ExecutionQueue:
        """The queue that an earlier daemon left on record, in its order; `kernel` is whether its kernel still runs.

        Whether the kernel has begun with what runs, the kernel reports again. Call `go_on` when everything is in place.
        """
        queue = cls(first_seq, _kernel=kernel)
        wishes: list[tuple[int, RequestId, ExecutionId]] = []
        for one in found:
            execution = _Execution(one.execution_id, one.cell_id, one.source, one.heads, one.status, {}, one.manner)
            queue._live[one.execution_id] = execution
            if one.status is Status.RUNNING:
                queue._running = execution
            elif one.cell_id is not None:
                queue._queued_cells[one.cell_id] = one.execution_id
            for request_id, (place, peer_id) in one.wanted_by.items():
                execution.wanted_by[request_id] = None
                queue._askers[request_id] = peer_id
                wishes.append((place, request_id, one.execution_id))
        for _, request_id, execution_id in sorted(wishes):
            queue._requests.setdefault(request_id, {})[execution_id] = None
        return queue

    def go_on(self, now: float) -> Effects:
        """Start what stands first, if nothing runs."""
        return self._go_on(now)

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

    def cell_of(self, execution_id: ExecutionId) -> CellId | None:
        """The cell of an execution that has not ended; None if it has none, or has ended."""
        return self._live[execution_id].cell_id if execution_id in self._live else None

    def status(self, execution_id: ExecutionId) -> Status:
        """The status of an execution of this daemon. Raises UnknownExecution."""
        if execution_id in self._live:
            return self._live[execution_id].status
        if execution_id in self._ended:
            return self._ended[execution_id]
        raise UnknownExecution(execution_id)

    # What people ask for

    def submit(
        self, request_id: RequestId, runs: Sequence[Run], requested_by: Mapping[str, Any], now: float
    ) -> tuple[tuple[ExecutionId, ...], Effects]:
        """Queue these in this order; return their executions, in the same order.

        A cell that is already queued (not: running) keeps its execution and its place, and takes the source of this
        request, which saw the document later. If one of the cells fails, what stands after it here is cancelled, unless
        another request wants it too. Repeating a request id is the caller's business: it must not come here twice.
        """
        effects: list[Effect] = []
        answer: list[ExecutionId] = []
        peer_id = str(requested_by.get("peer_id", ""))
        for place, run in enumerate(runs):
            queued = None if run.cell_id is None else self._queued_cells.get(run.cell_id)
            if queued is None:
                effects.append(self._enqueue(run, requested_by, now, request_id, place))
            execution = self._live[queued or run.execution_id]
            if (execution.source, execution.heads) != (run.source, run.heads):
                execution.source, execution.heads = run.source, run.heads
                effects.append(RecordSource(execution.execution_id, run.source, run.heads))
            if request_id not in execution.wanted_by:
                execution.wanted_by[request_id] = None
                effects.append(RecordWanted(execution.execution_id, request_id, place, peer_id))
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
        unwanted: list[ExecutionId] = []
        records: list[Effect] = []
        for execution in self._live.values():
            if self._runs(execution.execution_id) and not running:
                continue
            own = [request_id for request_id in execution.wanted_by if self._askers[request_id] == peer_id]
            if own and len(own) == len(execution.wanted_by):
                unwanted.append(execution.execution_id)
            elif own:
                for request_id in own:
                    self._no_longer_wants(request_id, execution)
                    records.append(RecordUnwanted(execution.execution_id, request_id))
        stopped, effects = self.stop(unwanted, now, running=running)
        return stopped, (*records, *effects)

    def cell_deleted(self, cell_id: CellId, now: float) -> Effects:
        """The cell is gone from the document: its queued execution is cancelled, its running one interrupted."""
        effects: list[Effect] = []
        if cell_id in self._queued_cells:
            effects.append(self._end(self._live[self._queued_cells[cell_id]], Status.CANCELLED, now))
        if self._running is not None and self._running.cell_id == cell_id:
            effects += self._interrupt_running()
        return tuple(effects)

    def restart(self, now: float, failure: KernelFailure | None = None) -> Effects:
        """Everything that has not ended is cancelled and a fresh kernel is wanted; the caller ends the old one.

        With a `failure` the kernel had not answered any more: then what it ran has died of that.
        """
        effects = self._end_all(Status.DIED if failure else Status.CANCELLED, now, failure)
        self._kernel = "starting"
        return (*effects, StartKernel())

    def shutdown(self, now: float, failure: KernelFailure | None = None) -> Effects:
        """Everything that has not ended is cancelled, or has died as in `restart`; the next submit starts a kernel."""
        self._kernel = "none"
        return self._end_all(Status.DIED if failure else Status.CANCELLED, now, failure)

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

    def kernel_died(self, now: float, failure: KernelFailure | None = None) -> Effects:
        """The kernel ended by itself: what ran has died, what waited is cancelled. Stale while another one starts."""
        if self._kernel != "ready":
            return ()
        self._kernel = "none"
        return self._end_all(Status.DIED, now, failure)

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
        followers, unwanted = self._followers(running) if ending == "error" else ([], [])
        effects: list[Effect] = [self._end(running, _ENDINGS[ending], now, error), *unwanted]
        effects += [self._end(follower, Status.CANCELLED, now) for follower in followers]
        return (*effects, *self._go_on(now))

    # How it is done

    def _enqueue(
        self, run: Run, requested_by: Mapping[str, Any], now: float, request_id: RequestId, place: int
    ) -> RecordQueued:
        if run.execution_id in self._live or run.execution_id in self._ended:
            raise IllegalTransition(run.execution_id, self.status(run.execution_id), Status.QUEUED)
        wanted_by: dict[RequestId, None] = {request_id: None}
        execution = _Execution(
            run.execution_id, run.cell_id, run.source, run.heads, Status.QUEUED, wanted_by, run.manner
        )
        self._live[run.execution_id] = execution
        if run.cell_id is not None:
            self._queued_cells[run.cell_id] = run.execution_id
        seq, self._next_seq = self._next_seq, self._next_seq + 1
        who = (requested_by, now, request_id, place, run.manner)
        return RecordQueued(run.execution_id, run.cell_id, run.source, run.heads, seq, *who)

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
        self._leaves_the_line(execution)
        return (
            RecordStatus(execution.execution_id, Status.RUNNING, now),
            StartExecution(execution.execution_id, execution.source, execution.manner),
        )

    def _leaves_the_line(self, execution: _Execution) -> None:
        if execution.cell_id is not None:
            del self._queued_cells[execution.cell_id]

    def _runs(self, execution_id: ExecutionId) -> bool:
        return self._running is not None and self._running.execution_id == execution_id

    def _interrupt_running(self) -> Effects:
        assert self._running is not None
        self._running.interrupt_wanted = True
        return (InterruptKernel(self._running.execution_id),) if self._running.confirmed else ()

    def _followers(self, failed: _Execution) -> tuple[list[_Execution], list[RecordUnwanted]]:
        """What the requests that wanted `failed` wanted after it: what nobody else wants now, and what others do."""
        followers: list[_Execution] = []
        unwanted: list[RecordUnwanted] = []
        for request_id in failed.wanted_by:
            wanted = list(self._requests[request_id])
            for execution_id in wanted[wanted.index(failed.execution_id) + 1 :]:
                follower = self._live[execution_id]
                self._no_longer_wants(request_id, follower)
                if not follower.wanted_by:
                    followers.append(follower)
                else:
                    unwanted.append(RecordUnwanted(follower.execution_id, request_id))
        return followers, unwanted

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
            self._leaves_the_line(execution)
        self._ended[execution.execution_id] = status
        if len(self._ended) > REMEMBERED_ENDS:
            del self._ended[next(iter(self._ended))]
        return RecordStatus(execution.execution_id, status, now, execution.execution_count, error)

    def _end_all(self, running_becomes: Status, now: float, failure: KernelFailure | None = None) -> Effects:
        """End everything: the running one with this status and failure, the queued ones as cancelled."""
        effects = []
        for execution in tuple(self._live.values()):
            if execution is self._running:
                effects.append(self._end(execution, running_becomes, now, failure))
            else:
                effects.append(self._end(execution, Status.CANCELLED, now))
        return tuple(effects)


def settle_orphans(
    statuses: Mapping[ExecutionId, str], now: float, failure: KernelFailure | None = None
) -> tuple[RecordStatus, ...]:
    """How a new daemon ends what an earlier one and its kernel left: running has died (of this), queued is cancelled.

    `statuses` is what RuntimeDoc says; executions that have ended, or were imported, are left as they are.
    """
    endings = {"running": Status.DIED, "queued": Status.CANCELLED}
    return tuple(
        RecordStatus(execution_id, endings[status], now, None, failure if status == "running" else None)
        for execution_id, status in statuses.items()
        if status in endings
    )
