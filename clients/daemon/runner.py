"""Runs one notebook: takes its requests, owns its kernel, and writes what happens into RuntimeDoc.

A NotebookRunner is the shell around three cores: the queue decides which execution runs and how each ends, the output
writer batches outputs, the notebook is an ordinary peer with the role `daemon`. The runner alone writes RuntimeDoc. It
promises that a request is served once however often it arrives, only after its replica contains the heads the request
names; that outputs are written before the status that ends their execution; and that every execution on record ends,
also those that an earlier daemon left behind.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from clients.daemon.comm_table import CommRequest
from clients.daemon.comm_writer import CommWriter
from clients.daemon.desk import RequestDesk
from clients.daemon.editor_services import EditorServices
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
    TERMINAL,
    CellId,
    Effect,
    ExecutionId,
    ExecutionQueue,
    InterruptKernel,
    RecordStatus,
    RequestId,
    StartExecution,
    StartKernel,
    settle_orphans,
)
from clients.daemon.records import ExecutionRecords
from clients.daemon.requests import cells_to_run, execution_ids, runs
from clients.daemon.stdin import StdinDesk
from clients.peer.errors import PeerError
from clients.peer.notebook import Notebook
from notebook_doc.events import CellRemoved
from notebook_doc.runtime import KernelState, Requester
from relay.errors import ErrorCode, WireError
from relay.messages import (
    AnswerInput,
    CommClose,
    CommOpen,
    CommSend,
    Complete,
    Execute,
    Inspect,
    Interrupt,
    KernelHistory,
    Request,
    RestartKernel,
    ShutdownKernel,
    SignatureHelp,
    Stop,
)

logger = logging.getLogger("quire.daemon")

# Seconds that outputs are collected before they are written: people see them at once, the document gets few changes.
FLUSH_EVERY: Final = 0.03
# Characters of output that may wait; a kernel that prints faster than this is flushed, and thereby slowed, at
# once.
MAX_WAITING: Final = 1024 * 1024
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
        self._stdin = StdinDesk(self._records, self._send_input, self._outputs.feed)
        self._editor = EditorServices(notebook.id, lambda: self._kernel)
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
            case Execute() as body:
                return {"execution_ids": self._submit(request, body)}
            case Interrupt(execution_id=execution_id):
                return {"status": self._interrupt(execution_id)}
            case AnswerInput() as body:
                self._stdin.answer(body, _asker(request))
                return {}
            case Complete() | Inspect() | SignatureHelp() | KernelHistory() as body:
                return await self._editor.serve(body, _asker(request).peer_id)
            case Stop() as body:
                return {"execution_ids": self._stop(request, body)}
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

    def _submit(self, request: Request, body: Execute) -> list[str]:
        cell_ids = cells_to_run(self._notebook.doc, body)
        ids = execution_ids(request.id, cell_ids)
        taken = [execution_id for execution_id in ids if self._notebook.runtime.execution(execution_id) is not None]
        if taken:
            return taken  # an earlier daemon took this very request
        asker = _asker(request)
        wanted = runs(self._notebook.doc, cell_ids, ids)
        queued, effects = self._queue.submit(RequestId(request.id), wanted, asdict(asker), time.time())
        for execution_id in queued:
            self._stdin.expect(execution_id, body.stdin, asker.kind)
        self._carry_out(effects)
        return list(queued)

    def _interrupt(self, execution_id: str) -> str:
        record = self._notebook.runtime.execution(execution_id)
        if record is not None and record.is_terminal:
            return record.status
        status, effects = self._queue.interrupt(ExecutionId(execution_id), time.time())
        self._carry_out(effects)
        return status

    def _stop(self, request: Request, body: Stop) -> list[str]:
        if body.execution_ids is None and body.whose == "mine":
            stopped, effects = self._queue.withdraw(_asker(request).peer_id, time.time(), running=body.running)
        else:
            named = self._queue.order if body.execution_ids is None else tuple(map(ExecutionId, body.execution_ids))
            stopped, effects = self._queue.stop(named, time.time(), running=body.running)
        self._carry_out(effects)
        return list(stopped)

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
                case RecordStatus(execution_id, status) if status in TERMINAL:
                    self._stdin.ended(execution_id)
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
                case InputRequested():
                    with suppress(DaemonError):  # it is ending: Died or a restart settles the execution
                        self._stdin.asked(event)

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
                await self._kernel.execute(source, execution_id, allow_stdin=True)
            except DaemonError as error:  # it is ending; Died or a restart settles the execution
                logger.info("execution %s was not sent: %s", execution_id, error)

    def _send_comm(self, request: CommRequest) -> None:
        if self._kernel is None:
            raise KernelGone(self._kernel_name(), "be sent a message of a widget")
        self._kernel.comm(request)

    def _send_input(self, value: str) -> None:
        if self._kernel is None:
            raise KernelGone(self._kernel_name(), "take input")
        self._kernel.answer_input(value)

    async def _interrupt_kernel(self, execution_id: str) -> None:
        if self._kernel is not None and self._queue.running == execution_id:
            try:
                asked = self._records.prompt(execution_id)
                await self._kernel.interrupt()
                self._stdin.interrupted(execution_id, asked)
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


def _asker(request: Request) -> Requester:
    who = request.requester
    return Requester() if who is None else Requester(peer_id=who.peer_id, name=who.name, kind=who.kind)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
