"""The executions of a notebook: asked for, queued, given to the kernel, put on record.

An Executions is the shell of the queue, which decides what runs and how each execution ends; it owns the queue and
carries out what that decides: first it writes it down, then it does it, then it tells who wants to know. It promises
that what starts is on its way to the kernel in the turn in which it was decided, and that every execution on record
ends. It knows no outputs; but that an execution's are written before its end, `record` and `act_on` are two.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final, Protocol

from clients.daemon.errors import DaemonError
from clients.daemon.events import Finished, KernelFailure, Started
from clients.daemon.kernel import Kernel
from clients.daemon.limits import limits_of
from clients.daemon.output_writer import OutputWriter
from clients.daemon.process import size
from clients.daemon.queue import (
    ExecutionQueue,
    settle_orphans,
)
from clients.daemon.queue_effects import (
    CellId,
    Effect,
    Effects,
    ExecutionId,
    Found,
    InterruptKernel,
    KernelPhase,
    Manner,
    RequestId,
    Run,
    StartExecution,
    StartKernel,
    Status,
)
from clients.daemon.records import ExecutionRecords
from clients.daemon.requests import cells_to_run, execution_ids, heads_of, runs
from clients.daemon.services import Asked, Served, Services
from clients.daemon.stdin import StdinDesk, may_ask
from clients.peer.notebook import Notebook
from notebook_doc.runtime_records import Execution
from relay.errors import ErrorCode, WireError
from relay.requests import ClearOutputs, Execute, ExecuteCode, Interrupt, Stdin, Stop

logger = logging.getLogger("quire.daemon")

# Executions whose late output still finds its place.
MAX_BUFFERS: Final = 32
# Seconds that a kernel's account of an execution waits for the request for it to be made again, where an earlier daemon
# had served that before it was on record.
CLAIM_SECONDS: Final = 5.0
# Seconds between interrupts of an execution whose time is up and that goes on.
INSIST_SECONDS: Final = 5.0

Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]  # starts a supervised task


class KernelAtHand(Protocol):
    """The notebook's kernel, as far as executions need it."""

    current: Kernel | None

    def start_soon(self) -> object:
        """Start one; `kernel_ready` or `kernel_failed` follows."""


class Executions:
    """See the module. One per notebook; `kernel` is set once that is made, too."""

    kernel: KernelAtHand

    def __init__(
        self,
        notebook: Notebook,
        records: ExecutionRecords,
        outputs: OutputWriter,
        stdin: StdinDesk,
        services: Services,
        spawn: Spawn,
    ) -> None:
        self._notebook = notebook
        self._records = records
        self._outputs = outputs
        self._stdin = stdin
        self._services = services
        self._spawn = spawn
        self._queue = ExecutionQueue(first_seq=records.next_seq)
        self._begun: set[str] = set()  # executions that were sent to the kernel before `_execute` got to them
        self._unclaimed: set[str] = set()  # executions that the kernel was sent and that are on no record
        self._claim_by = 0.0
        self._lost: set[str] = set()  # of those, the ones that nobody claimed in time
        self._changed: list[Execution] = []  # on record, and nobody was told yet
        self._manner = Manner()  # of what runs
        self._timer: asyncio.TimerHandle | None = None  # for what runs
        self._out_of_time: ExecutionId | None = None  # what was interrupted by it

    @property
    def running(self) -> ExecutionId | None:
        """What was given to the kernel and has not ended."""
        return self._queue.running

    # --- what peers ask -----------------------------------------------------------------------------------------------

    def serves(self) -> Served:
        """What it answers."""
        return {
            Execute: self._serve_execute,
            ExecuteCode: self._serve_code,
            Interrupt: self._serve_interrupt,
            Stop: self._serve_stop,
            ClearOutputs: self._serve_clear,
        }

    async def _serve_execute(self, body: Execute, asked: Asked) -> dict[str, Any]:
        chosen = self._services.cells_to_run(cells_to_run(self._notebook.doc, body), body)
        return {"execution_ids": self.run_cells(chosen.cell_ids, asked, body.stdin, body.cache), **chosen.told}

    async def _serve_code(self, body: ExecuteCode, asked: Asked) -> dict[str, Any]:
        kernel = self.kernel.current
        if kernel is not None and body.namespace == "copy" and not kernel.is_extended:
            raise WireError(ErrorCode.BAD_REQUEST, *_no_copy(kernel))
        (execution_id,) = execution_ids(asked.request_id, [""])
        allowed = limits_of(self._notebook.metadata, os.environ).execution_seconds
        limit = min((seconds for seconds in (allowed, body.timeout) if seconds is not None), default=None)
        manner = Manner(body.namespace, limit, input_ended=body.stdin != "prompt")
        run = Run(None, body.code, ExecutionId(execution_id), heads_of(self._notebook.doc), manner)
        return {"execution_ids": self._submit([run], asked)}

    def run_cells(
        self, cell_ids: Sequence[str], asked: Asked, stdin: Stdin | None = None, cache: bool | None = None
    ) -> list[str]:
        """Queue these cells, as they are now; their executions' ids. Raises WireError, UnknownCell."""
        seconds = limits_of(self._notebook.metadata, os.environ).execution_seconds
        manner = Manner(timeout=seconds, input_ended=not may_ask(stdin, asked.by.kind), restore=cache)
        wanted = runs(self._notebook.doc, cell_ids, execution_ids(asked.request_id, cell_ids), manner)
        return self._submit(wanted, asked)

    def _submit(self, wanted: Sequence[Run], asked: Asked) -> list[str]:
        own = {run.execution_id for run in wanted}
        taken = [run.execution_id for run in wanted if self._notebook.runtime.has_execution(run.execution_id)]
        if taken:
            return list(taken)  # an earlier daemon took this very request
        queued, effects = self._queue.submit(RequestId(asked.request_id), wanted, asdict(asked.by), time.time())
        self.carry_out(effects)
        for execution_id, run in zip(queued, wanted, strict=True):
            if execution_id not in own and not run.manner.input_ended:
                self._stdin.may_ask_too(execution_id)
        return list(queued)

    async def _serve_interrupt(self, body: Interrupt, _asked: Asked) -> dict[str, Any]:
        record = self._notebook.runtime.execution(body.execution_id)
        if record is not None and record.is_terminal:
            return {"status": record.status}
        status, effects = self._queue.interrupt(ExecutionId(body.execution_id), time.time())
        self.carry_out(effects)
        return {"status": status}

    async def _serve_stop(self, body: Stop, asked: Asked) -> dict[str, Any]:
        if body.execution_ids is None and body.whose == "mine":
            stopped, effects = self._queue.withdraw(asked.by.peer_id, time.time(), running=body.running)
        else:
            named = self._queue.order if body.execution_ids is None else tuple(map(ExecutionId, body.execution_ids))
            stopped, effects = self._queue.stop(named, time.time(), running=body.running)
        self.carry_out(effects)
        return {"execution_ids": list(stopped)}

    async def _serve_clear(self, body: ClearOutputs, _asked: Asked) -> dict[str, Any]:
        runtime = self._notebook.runtime
        live = set(self._queue.order)
        cell_ids = self._notebook.doc.cell_ids() if body.cell_ids is None else body.cell_ids
        cleared = runtime.clear(cell_id for cell_id in cell_ids if runtime.latest(cell_id) not in live)
        if cleared:
            self._notebook.touch()
        return {"cell_ids": cleared}

    def cell_deleted(self, cell_id: str) -> None:
        """A cell is gone: what of it waits is cancelled, what runs is interrupted."""
        self.carry_out(self._queue.cell_deleted(CellId(cell_id), time.time()))

    # --- what becomes of the kernel -----------------------------------------------------------------------------------

    def kernel_ready(self) -> None:
        """It answers."""
        self.carry_out(self._queue.kernel_ready(time.time()))

    def kernel_failed(self) -> None:
        """It could not be started."""
        self.carry_out(self._queue.kernel_failed(time.time()))

    def kernel_died(self, failure: KernelFailure) -> Effects:
        """It ended by itself: what that means, to be recorded and acted on."""
        return self._queue.kernel_died(time.time(), failure)

    def kernel_restarts(self, failure: KernelFailure | None) -> None:
        """It is being replaced, because (`failure`) it did not answer; the caller starts the next one."""
        effects = self._queue.restart(time.time(), failure)
        self.carry_out([effect for effect in effects if not isinstance(effect, StartKernel)])

    def kernel_shuts_down(self, failure: KernelFailure | None = None) -> None:
        """It is being ended, because (`failure`) it did not answer."""
        self.carry_out(self._queue.shutdown(time.time(), failure))

    def started(self, event: Started) -> None:
        """The kernel has begun with an execution."""
        execution_id = ExecutionId(event.execution_id)
        if self._queue.running == execution_id:
            self._time(execution_id, self._manner.timeout)
        self.carry_out(self._queue.started(execution_id, self._counted(event.execution_count)))

    def finished(self, event: Finished) -> Effects:
        """The kernel has finished an execution: what that means, to be recorded and acted on."""
        error = event.error
        if event.execution_id == self._out_of_time and event.status != "ok":
            told = f"It was interrupted because it had run for {self._manner.timeout:g} s, which is its limit."
            error = KernelFailure("ExecutionTimeout", told)
        elif error is not None and error.ename == "MemoryError" and self._memory is not None:
            error = KernelFailure("MemoryError", f"{error.evalue or 'no memory'} (it may have {size(self._memory)})")
        if event.cache is not None:
            self._records.note_cache(event.execution_id, event.cache)
        how = (event.status, time.time(), self._counted(event.execution_count), error)
        return self._queue.finished(ExecutionId(event.execution_id), *how)

    @property
    def _memory(self) -> int | None:
        return None if self.kernel.current is None else self.kernel.current.memory

    def _counted(self, execution_count: int | None) -> int | None:
        """What runs in a copy of the namespace is not counted, though the kernel says a number."""
        return execution_count if self._manner.namespace == "own" else None

    def _time(self, execution_id: ExecutionId, seconds: float | None) -> None:
        """Interrupt what runs after so many seconds, and then again and again, until it has ended."""
        if self._timer is not None:
            self._timer.cancel()
        if seconds is None:
            return

        def up() -> None:
            if self._queue.running == execution_id:
                self._out_of_time = execution_id
                self.carry_out(self._queue.interrupt(execution_id, time.time())[1])
                self._time(execution_id, INSIST_SECONDS)

        self._timer = asyncio.get_running_loop().call_later(max(0.0, seconds), up)

    # --- what an earlier daemon left ----------------------------------------------------------------------------------

    def take_over(self) -> list[Found]:
        """The executions that an earlier daemon left unfinished; from here on their records are ours."""
        return self._records.take_over()

    def settle(self, failure: KernelFailure) -> None:
        """What is on record as unfinished ends, since its kernel is gone: of this, or as cancelled if it waited."""
        self._changed += self._records.write(settle_orphans(self._records.unfinished(), time.time(), failure), [])
        self._tell()

    def restore(self, found: Sequence[Found], kernel: KernelPhase = "ready") -> None:
        """The queue as an earlier daemon left it; `go_on_with` starts it."""
        self._queue = ExecutionQueue.restored(self._records.next_seq, found, kernel)

    def go_on_with(self, found: Iterable[Found]) -> None:
        """Go on with what was found: what runs (perhaps it was not sent any more), then what waits."""
        found = list(found)
        for one in found:
            if one.status is Status.RUNNING:  # what was sent is not sent twice
                self._outputs.begin(one.execution_id)
                self._manner = one.manner
                self._spawn(self._execute(one.execution_id, one.source, one.manner), "execute")
        here = set(self._notebook.doc.cell_ids())
        for one in found:
            if one.cell_id is not None and one.cell_id not in here:
                self.cell_deleted(one.cell_id)
        self.carry_out(self._queue.go_on(time.time()))

    def expect_claims(self, execution_ids: Iterable[str]) -> None:
        """The kernel was sent these, and they are on no record: whoever asked for them will ask again."""
        self._unclaimed = set(execution_ids)
        self._claim_by = asyncio.get_running_loop().time() + CLAIM_SECONDS

    async def claimed(self, execution_id: str) -> None:
        """Wait until an execution is on record: one that is not has been asked for again, and stands first."""
        if execution_id not in self._unclaimed:
            return
        seconds = self._claim_by - asyncio.get_running_loop().time()
        if not await self._notebook.until(lambda: self._queue.running == execution_id, max(0.0, seconds)):
            self._lost.add(execution_id)
        self._unclaimed.discard(execution_id)

    # --- carrying out what the queue decides --------------------------------------------------------------------------

    def carry_out(self, effects: Iterable[Effect]) -> None:
        """Write down what these effects say, and do it."""
        effects = list(effects)
        self._begin(effects)
        if effects:
            self.record(effects)
            self._notebook.touch()
        self.act_on(effects)

    def record(self, effects: Iterable[Effect]) -> None:
        """Write down what these effects say, and the queue as it is after them."""
        self._changed += self._records.write(effects, self._queue.order)

    def act_on(self, effects: Iterable[Effect]) -> None:
        """Do what these effects, which are on record, want done, and tell the services."""
        for effect in effects:
            match effect:
                case StartExecution(execution_id, source, manner):
                    self._outputs.begin(execution_id)
                    self._outputs.forget(self._outputs.known[:-MAX_BUFFERS])
                    self._spawn(self._execute(execution_id, source, manner), "execute")
                case InterruptKernel(execution_id):
                    self._spawn(self._interrupt_kernel(execution_id), "interrupt")
                case StartKernel():
                    self.kernel.start_soon()
                case _:
                    pass  # records are written
        self._tell()

    def _tell(self) -> None:
        changed, self._changed = self._changed, []
        for execution in changed:
            self._services.execution_changed(execution)

    def _begin(self, effects: Iterable[Effect]) -> None:
        """Send what starts to the kernel, which works on it while this is written down, in the same turn.

        Should the daemon end in between, the next one finds what its keeper was sent, as it does with a lost record.
        """
        kernel = self.kernel.current
        for effect in effects:
            if not isinstance(effect, StartExecution):
                continue
            self._manner = effect.manner
            if kernel is not None and effect.execution_id not in self._lost and _can_run(kernel, effect.manner):
                with suppress(DaemonError):  # it is ending; `_execute` says so
                    told = self._told_with(effect.execution_id, effect.source, effect.manner)
                    if kernel.execute_now(effect.source, effect.execution_id, effect.manner.namespace, told):
                        self._begun.add(effect.execution_id)

    def _told_with(self, execution_id: ExecutionId, source: str, manner: Manner) -> dict[str, Any]:
        """What the kernel is told beside the source of what starts."""
        cell_id = self._queue.cell_of(execution_id)
        return {} if cell_id is None else self._services.told_with(cell_id, source, manner.restore)

    async def _execute(self, execution_id: str, source: str, manner: Manner) -> None:
        kernel = self.kernel.current
        if execution_id in self._lost:
            self._failed(execution_id, "OutputsLost", "It ran while neither hub nor daemon could keep what it put out.")
        elif kernel is not None and not _can_run(kernel, manner):
            self._failed(execution_id, "NoCopyOfNamespace", " ".join(_no_copy(kernel)))
        elif execution_id in self._begun:
            self._begun.discard(execution_id)
        elif kernel is not None and self._queue.running == execution_id:
            try:
                told = self._told_with(ExecutionId(execution_id), source, manner)
                await kernel.execute(source, execution_id, namespace=manner.namespace, allow_stdin=True, told=told)
            except DaemonError as error:  # it is ending; Died or a restart settles the execution
                logger.info("execution %s was not sent: %s", execution_id, error)

    def _failed(self, execution_id: str, ename: str, evalue: str) -> None:
        """An execution ended without the kernel."""
        failure = KernelFailure(ename, evalue)
        self.carry_out(self._queue.finished(ExecutionId(execution_id), "error", time.time(), None, failure))

    async def _interrupt_kernel(self, execution_id: str) -> None:
        kernel = self.kernel.current
        if kernel is not None and self._queue.running == execution_id:
            try:
                asked = self._records.prompt(execution_id)
                await kernel.interrupt()
                self._stdin.interrupted(execution_id, asked)
            except DaemonError as error:
                logger.info("execution %s was not interrupted: %s", execution_id, error)


def _can_run(kernel: Kernel, manner: Manner) -> bool:
    return manner.namespace == "own" or kernel.is_extended


def _no_copy(kernel: Kernel) -> tuple[str, str]:
    """What happened, and what to do."""
    return (
        f"The kernel '{kernel.name}' cannot run code in a copy of its namespace; only Python's can.",
        "Ask for its own (namespace='own', own=true in MCP, --own); what the code binds stays then.",
    )
