"""Runs one notebook: takes its requests, owns its kernel, and writes what happens into RuntimeDoc.

A NotebookRunner is the shell around three cores: the queue decides which execution runs and how each ends, the output
writer batches outputs, the notebook is an ordinary peer with the role `daemon`. The runner alone writes RuntimeDoc. It
promises that a request is served once however often it arrives, only after its replica contains the heads the request
names; that outputs are written before the status that ends their execution; and that every execution on record ends,
also those that an earlier daemon left behind.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from clients.daemon.comm_effects import CommRequest
from clients.daemon.comm_writer import CommWriter
from clients.daemon.desk import RequestDesk
from clients.daemon.errors import DaemonError, KernelGone
from clients.daemon.events import (
    Busy,
    ClearOutput,
    CommHandled,
    Died,
    Finished,
    Idle,
    InputRequested,
    KernelCommClose,
    KernelCommMessage,
    KernelCommOpen,
    Output,
    Started,
    UpdateDisplay,
)
from clients.daemon.kernel import Kernel
from clients.daemon.output_writer import OutputWriter
from clients.daemon.queue import (
    CellId,
    CellRun,
    Effect,
    ExecutionId,
    ExecutionQueue,
    InterruptKernel,
    RequestId,
    StartExecution,
    StartKernel,
    settle_orphans,
)
from clients.daemon.records import ExecutionRecords
from clients.peer.errors import PeerError
from clients.peer.notebook import Notebook
from notebook_doc.events import CellRemoved
from notebook_doc.runtime import KernelState
from relay.errors import ErrorCode, WireError
from relay.messages import (
    CommClose,
    CommOpen,
    CommSend,
    Execute,
    Interrupt,
    PeerInfo,
    Request,
    RestartKernel,
    ShutdownKernel,
)

logger = logging.getLogger("quire.daemon")

# Seconds that outputs are collected before they are written: people see them at once, the document gets few changes.
FLUSH_EVERY: Final = 0.03
# Characters of stream text that may wait; a kernel that prints faster than this is flushed, and thereby slowed, at
# once.
MAX_WAITING: Final = 4 * 1024 * 1024
# Executions whose late output still finds its place.
MAX_BUFFERS: Final = 32
DEFAULT_KERNEL: Final = "python3"


class NotebookRunner:
    """See the module. `run` it until it is cancelled."""

    def __init__(self, notebook: Notebook, folder: Path) -> None:
        self._notebook = notebook
        self._folder = folder
        self._records = ExecutionRecords(notebook)
        self._queue = ExecutionQueue(first_seq=self._records.next_seq)
        self._outputs = OutputWriter(notebook)
        self._comms = CommWriter(notebook, self._outputs, self._send_comm)
        self._kernel: Kernel | None = None
        self._listening: asyncio.Task[None] | None = None  # to the kernel's events
        self._starting: asyncio.Task[None] | None = None
        self._state = KernelState()
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Serve the notebook until cancelled; the kernel ends with it."""
        self._settle()
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._notebook.serve_requests(RequestDesk(self._notebook, tasks, self._serve).take)
                tasks.create_task(self._flush_now_and_then(), name="write outputs")
                tasks.create_task(self._watch_cells(), name="watch for deleted cells")
        except* (WireError, PeerError) as errors:  # the session has ended; the caller knows these, not groups of them
            raise _first(errors) from None
        finally:
            await self._end_kernel()
            self._carry_out(self._queue.shutdown(time.time()))
            self._publish(replace(self._state, lifecycle="stopped", activity="idle"))

    # --- requests -----------------------------------------------------------------------------------------------------

    async def _serve(self, request: Request) -> dict[str, Any]:
        match request.body:
            case Execute(cell_ids=cell_ids):
                return {"execution_ids": self._submit(request, cell_ids)}
            case Interrupt(execution_id=execution_id):
                return {"status": self._interrupt(execution_id)}
            case RestartKernel():
                await self._restart()
                return {}
            case ShutdownKernel():
                await self._shut_down()
                return {}
            case CommOpen() | CommSend() | CommClose() as body:
                return await self._comms.serve(body)
            case body:
                raise WireError(ErrorCode.BAD_REQUEST, f"The daemon does not serve {type(body).__name__}.")

    def _submit(self, request: Request, cell_ids: list[str] | None) -> list[str]:
        doc = self._notebook.doc
        if cell_ids is None:
            code = [cell_id for cell_id in doc.cell_ids() if doc.cell_type(cell_id) == "code"]
            cell_ids = [cell_id for cell_id in code if doc.source(cell_id).strip()]
        ids = [_execution_id(request.id, cell_id, number) for number, cell_id in enumerate(cell_ids)]
        taken = [execution_id for execution_id in ids if self._notebook.runtime.execution(execution_id) is not None]
        if taken:
            return taken  # an earlier daemon took this very request
        runs = [self._cell_run(cell_id, execution_id) for cell_id, execution_id in zip(cell_ids, ids, strict=True)]
        requester = request.requester or PeerInfo(peer_id="", name="")
        who = {"peer_id": requester.peer_id, "name": requester.name, "kind": requester.kind}
        queued, effects = self._queue.submit(RequestId(request.id), runs, who, time.time())
        self._carry_out(effects)
        return list(queued)

    def _cell_run(self, cell_id: str, execution_id: str) -> CellRun:
        doc = self._notebook.doc
        if doc.cell_type(cell_id) != "code":
            kind = doc.cell_type(cell_id)
            raise WireError(ErrorCode.BAD_REQUEST, f"Cell {cell_id} is a {kind} cell.", "Only code cells run.")
        heads = tuple(head.hex() for head in doc.replica.heads())
        return CellRun(CellId(cell_id), doc.source(cell_id), ExecutionId(execution_id), heads)

    def _interrupt(self, execution_id: str) -> str:
        record = self._notebook.runtime.execution(execution_id)
        if record is not None and record.is_terminal:
            return record.status
        status, effects = self._queue.interrupt(ExecutionId(execution_id), time.time())
        self._carry_out(effects)
        return status

    # --- carrying out what the queue decides --------------------------------------------------------------------------

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        effects = list(effects)
        if effects:
            self._records.write(effects, self._queue.order)
        for effect in effects:
            match effect:
                case StartExecution(execution_id, source):
                    self._outputs.begin(execution_id)
                    self._outputs.forget(self._outputs.known[:-MAX_BUFFERS])
                    self._start(self._execute(execution_id, source), "execute")
                case InterruptKernel(execution_id):
                    self._start(self._interrupt_kernel(execution_id), "interrupt")
                case StartKernel():
                    self._starting = self._start(self._start_kernel(), "start a kernel")
                case _:
                    pass  # records are written above

    def _start(self, work: Any, name: str) -> asyncio.Task[None]:
        assert self._tasks is not None, "effects come while it runs"
        return self._tasks.create_task(work, name=name)

    def _settle(self) -> None:
        """End what an earlier daemon left unfinished."""
        self._records.write(settle_orphans(self._records.unfinished(), time.time()), [])
        self._comms.close_all()
        self._publish(self._state)

    # --- the kernel ---------------------------------------------------------------------------------------------------

    async def _start_kernel(self) -> None:
        name = self._kernel_name()
        self._publish(KernelState(lifecycle="starting", name=name))
        try:
            kernel = await Kernel.start(name, self._folder)
        except DaemonError as error:
            logger.error("notebook %s: %s", self._notebook.id, error)
            self._publish(KernelState(lifecycle="dead", name=name, error=str(error)))
            self._carry_out(self._queue.kernel_failed(time.time()))
            return
        self._kernel = kernel
        self._publish(KernelState(lifecycle="ready", name=name, language=kernel.language))
        logger.info("notebook %s: kernel %s runs, process %d", self._notebook.id, name, kernel.pid)
        self._listening = self._start(self._listen(kernel), "listen to the kernel")
        self._carry_out(self._queue.kernel_ready(time.time()))

    async def _listen(self, kernel: Kernel) -> None:
        async for event in kernel.events():
            match event:
                case Started(execution_id, count):
                    self._carry_out(self._queue.started(ExecutionId(execution_id), count))
                case Output() | ClearOutput():
                    self._comms.show(event)
                    if self._outputs.waiting > MAX_WAITING:
                        await self._outputs.flush()
                case UpdateDisplay():
                    self._outputs.update_display(self._queue.running, event)
                case KernelCommOpen() | KernelCommMessage() | KernelCommClose() | CommHandled():
                    if self._kernel is kernel:
                        self._comms.hear(event)
                case Finished(execution_id, status, count, error):
                    await self._comms.flush(cell_ended=True)
                    effects = self._queue.finished(ExecutionId(execution_id), status, time.time(), count, error)
                    self._carry_out(effects)
                case Busy():
                    self._state = replace(self._state, activity="busy")
                    self._outputs.dirty.set()
                case Idle():
                    self._state = replace(self._state, activity="idle")
                    self._outputs.dirty.set()
                case Died(reason):
                    await self._died(kernel, reason)
                case InputRequested(execution_id):
                    logger.warning("execution %s asks for input, which it was told it cannot have", execution_id)

    async def _died(self, kernel: Kernel, reason: str) -> None:
        if self._kernel is kernel:
            self._comms.close_all()
        await self._outputs.flush()
        logger.error("notebook %s: its kernel died: %s", self._notebook.id, reason)
        if self._kernel is kernel:
            self._kernel = None
        self._carry_out(self._queue.kernel_died(time.time()))
        self._publish(replace(self._state, lifecycle="dead", activity="idle", error=reason))

    async def _execute(self, execution_id: str, source: str) -> None:
        if self._kernel is not None:
            try:
                await self._kernel.execute(source, execution_id)
            except DaemonError as error:  # it is ending; Died or a restart settles the execution
                logger.info("execution %s was not sent: %s", execution_id, error)

    def _send_comm(self, request: CommRequest) -> None:
        if self._kernel is None:
            raise KernelGone(self._kernel_name(), "be sent a message of a widget")
        self._kernel.comm(request)

    async def _interrupt_kernel(self, execution_id: str) -> None:
        if self._kernel is not None and self._queue.running == execution_id:
            try:
                await self._kernel.interrupt()
            except DaemonError as error:
                logger.info("execution %s was not interrupted: %s", execution_id, error)

    async def _restart(self) -> None:
        self._publish(replace(self._state, lifecycle="restarting", activity="idle", error=None))
        effects = self._queue.restart(time.time())
        self._carry_out([effect for effect in effects if not isinstance(effect, StartKernel)])
        await self._end_kernel()
        await self._start_kernel()

    async def _shut_down(self) -> None:
        self._carry_out(self._queue.shutdown(time.time()))
        await self._end_kernel()
        self._publish(replace(self._state, lifecycle="stopped", activity="idle", error=None))

    async def _end_kernel(self) -> None:
        if self._starting is not None and not self._starting.done() and self._starting is not asyncio.current_task():
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        kernel, self._kernel = self._kernel, None
        if kernel is not None:
            await kernel.shutdown()
            self._comms.close_all()
            await self._outputs.flush()

    def _kernel_name(self) -> str:
        spec = self._notebook.metadata.get("kernelspec")
        name = spec.get("name") if isinstance(spec, dict) else None
        return name if isinstance(name, str) and name else DEFAULT_KERNEL

    def _publish(self, state: KernelState) -> None:
        self._state = state
        self._notebook.runtime.set_kernel(state)
        self._notebook.touch()

    # --- what goes on beside it ---------------------------------------------------------------------------------------

    async def _flush_now_and_then(self) -> None:
        while True:
            await self._outputs.dirty.wait()
            await asyncio.sleep(FLUSH_EVERY)
            await self._comms.flush()
            self._publish(self._state)

    async def _watch_cells(self) -> None:
        async for event in self._notebook.events():
            if isinstance(event, CellRemoved):
                self._carry_out(self._queue.cell_deleted(CellId(event.cell_id), time.time()))


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _execution_id(request_id: str, cell_id: str, number: int) -> str:
    """The same request makes the same ids at any daemon, so a request that is asked again after a crash runs once."""
    return hashlib.sha256(f"{request_id}\0{cell_id}\0{number}".encode()).hexdigest()[:32]
