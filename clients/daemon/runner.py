"""Runs one notebook: takes its requests, owns its kernel, and writes what happens into RuntimeDoc.

A NotebookRunner is the shell around three cores: the queue decides which execution runs and how each ends, the output
writer batches outputs, the notebook is an ordinary peer with the role `daemon`. The runner alone writes RuntimeDoc. It
promises that a request is served once however often it arrives, only after its replica contains the heads the request
names; that outputs are written with the status that ends their execution or before; that what a kernel says while no
daemon is there is taken in by the next one, once; and that every execution on record ends.
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

from clients.daemon.comm_effects import CommRequest
from clients.daemon.comm_writer import CommWriter
from clients.daemon.desk import RequestDesk
from clients.daemon.editor_services import EditorServices
from clients.daemon.epochs import EPOCH_BYTES, Epochs
from clients.daemon.errors import DaemonError, KeeperLost, KernelGone
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
    KernelFailure,
    Output,
    Responsive,
    Started,
    Unresponsive,
    UpdateDisplay,
)
from clients.daemon.keeper.link import Keeping
from clients.daemon.keeper.manifest import Manifest, find, reap
from clients.daemon.kernel import Kernel
from clients.daemon.kernelspecs import installed_kernels
from clients.daemon.output_writer import OutputWriter
from clients.daemon.queue import (
    CellId,
    Effect,
    ExecutionId,
    ExecutionQueue,
    Found,
    InterruptKernel,
    RequestId,
    StartExecution,
    StartKernel,
    Status,
    settle_orphans,
)
from clients.daemon.receipts import Receipts
from clients.daemon.records import ExecutionRecords
from clients.daemon.requests import cells_to_run, execution_ids, runs
from clients.daemon.stdin import StdinDesk
from clients.peer.errors import PeerError
from clients.peer.notebook import Notebook
from notebook_doc.events import CellRemoved
from notebook_doc.runtime import Activity, KernelState, Requester, RuntimeDoc, SpoolPosition
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
    ListKernels,
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
# Seconds that a kernel's account of an execution waits for the request for it to be made again, where an earlier daemon
# had served that before it was on record.
CLAIM_SECONDS: Final = 5.0


class NotebookRunner:
    """See the module. `run` it until it is cancelled. `keepers` is the folder of the manifests of kernels' keepers;
    RuntimeDoc starts afresh after about `epoch_bytes`."""

    def __init__(self, notebook: Notebook, folder: Path, keepers: Path, *, epoch_bytes: int = EPOCH_BYTES) -> None:
        self._notebook = notebook
        self._folder = folder
        self._keepers = keepers
        self._records = ExecutionRecords(notebook)
        self._queue = ExecutionQueue(first_seq=self._records.next_seq)
        self._receipts = Receipts(notebook, self._acknowledge)
        self._outputs = OutputWriter(notebook, self._receipts.written)
        self._comms = CommWriter(notebook, self._outputs, self._send_comm)
        self._stdin = StdinDesk(self._records, self._send_input, self._outputs.feed)
        self._editor = EditorServices(notebook.id, lambda: self._kernel)
        self._epochs = Epochs(notebook, self._outputs, epoch_bytes)
        self._kernel: Kernel | None = None
        self._dead: set[Kernel] = set()  # their keepers wait until their end is on the hub's disk
        self._begun: set[str] = set()  # executions that were sent to the kernel before `_execute` got to them
        self._unclaimed: set[str] = set()  # executions that the kernel was sent and that are on no record
        self._claim_by = 0.0
        self._lost: set[str] = set()  # of those, the ones that nobody claimed in time
        self._listening: asyncio.Task[None] | None = None  # to the kernel's events
        self._starting: asyncio.Task[None] | None = None
        self._state = KernelState()
        self._written_state: tuple[RuntimeDoc | None, KernelState] = None, self._state
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Serve the notebook until cancelled; the kernel ends with it. It goes on only where the daemon was killed."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                await self._take_over()
                tasks.create_task(self._receipts.run(), name="tell the keeper what is saved")
                self._notebook.serve_requests(RequestDesk(self._notebook, tasks, self._serve).take)
                tasks.create_task(self._flush_now_and_then(), name="write outputs")
                tasks.create_task(self._watch_cells(), name="watch for deleted cells")
        except* (WireError, PeerError) as errors:  # the session has ended; the caller knows these, not groups of them
            raise _first(errors) from None
        finally:
            await self._end_kernel()
            self._carry_out(self._queue.shutdown(time.time()))
            error = None if self._state.activity == "unresponsive" else self._state.error
            self._publish(replace(self._state, lifecycle="stopped", activity="idle", error=error))
            for kernel in tuple(self._dead):
                await kernel.shutdown()

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
            case ListKernels():
                return {"kernels": await installed_kernels()}
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
        self._carry_out(effects)
        own = set(ids)
        with self._notebook.runtime.edit():
            for execution_id in queued:
                self._stdin.expect(execution_id, body.stdin, asker.kind, new=execution_id in own)
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
        self._begin(effects)
        if effects:
            self._records.write(effects, self._queue.order)
            self._notebook.touch()
        self._act_on(effects)

    def _begin(self, effects: Iterable[Effect]) -> None:
        """Send what starts to the kernel, which works on it while this is written down, in the same turn.

        Should the daemon end in between, the next one finds what its keeper was sent, as it does with a lost record.
        """
        for effect in effects:
            if (
                isinstance(effect, StartExecution)
                and self._kernel is not None
                and effect.execution_id not in self._lost
            ):
                with suppress(DaemonError):  # it is ending; `_execute` says so
                    if self._kernel.execute_now(effect.source, effect.execution_id):
                        self._begun.add(effect.execution_id)

    def _act_on(self, effects: Iterable[Effect]) -> None:
        """Do what these effects, which are on record, want done."""
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
                    pass  # records are written

    def _start(self, work: Any, name: str) -> asyncio.Task[None]:
        assert self._tasks is not None, "effects come while it runs"
        return self._tasks.create_task(work, name=name)

    # --- what an earlier daemon left ----------------------------------------------------------------------------------

    async def _take_over(self) -> None:
        """Go on where an earlier daemon was: with its kernel, if that runs; if not, with what it had not begun yet."""
        left, position = self._notebook.kernel, self._notebook.runtime.spool()
        for manifest in await asyncio.to_thread(find, self._keepers):
            if manifest.notebook_id != self._notebook.id:
                continue
            if self._kernel is None and position is not None and manifest.keeper == position.keeper:
                try:
                    await self._adopt(manifest, position)
                    continue
                except KeeperLost as error:
                    logger.error("notebook %s: %s", self._notebook.id, error)
            logger.warning("notebook %s: ending a kernel that is on no record", self._notebook.id)
            await asyncio.to_thread(reap, self._keepers, manifest)
        if self._kernel is None:
            self._settle(left)

    def _settle(self, left: KernelState) -> None:
        """There is no kernel any more: end what it ran, and what waited for it."""
        found = self._records.take_over()
        self._comms.close_all()
        lost = None
        if left.lifecycle == "ready":
            lost = "The kernel is gone: the machine, or what kept the kernel, has ended. Run a cell to start another."
        if any(one.status is Status.RUNNING for one in found):
            failure = KernelFailure("KernelDied", lost or "The kernel is gone.")
            self._records.write(settle_orphans(self._records.unfinished(), time.time(), failure), [])
            found = []
        self._publish(KernelState(lifecycle="dead", name=left.name, error=lost) if lost else KernelState())
        self._queue = ExecutionQueue.restored(self._records.next_seq, found, kernel="none")
        self._go_on_with(found)

    async def _adopt(self, manifest: Manifest, position: SpoolPosition) -> None:
        runtime = self._notebook.runtime

        def settled(execution_id: str) -> bool:
            record = runtime.execution(execution_id)
            return record is not None and record.is_terminal

        kernel = await Kernel.attach(manifest, self._keepers, position.seq, settled)
        self._kernel = kernel
        found = self._records.take_over()
        self._queue = ExecutionQueue.restored(self._records.next_seq, found)
        known = [record for one in kernel.sent if (record := runtime.execution(one)) is not None]
        for record in sorted(known, key=lambda record: record.seq)[-MAX_BUFFERS:]:
            await self._outputs.restore(record.id)
        await self._comms.restore()
        self._outputs.follow(kernel.keeper, position.seq)
        self._unclaimed = {one for one in kernel.sent if runtime.execution(one) is None}
        self._claim_by = asyncio.get_running_loop().time() + CLAIM_SECONDS
        self._publish(KernelState(lifecycle="ready", name=manifest.kernel_name, language=kernel.language))
        logger.info("notebook %s: kernel %s goes on, process %d", self._notebook.id, kernel.name, kernel.pid)
        self._listening = self._start(self._listen(kernel), "listen to the kernel")
        for one in found:
            if one.status is Status.RUNNING:  # perhaps it was not sent any more; what was is not sent twice
                self._outputs.begin(one.execution_id)
                self._start(self._execute(one.execution_id, one.source), "execute")
        self._go_on_with(found)

    def _go_on_with(self, found: Iterable[Found]) -> None:
        here = set(self._notebook.doc.cell_ids())
        for one in found:
            if one.cell_id not in here:
                self._carry_out(self._queue.cell_deleted(one.cell_id, time.time()))
        self._carry_out(self._queue.go_on(time.time()))

    async def _claimed(self, execution_id: str) -> None:
        """Wait until an execution that is on no record has been asked for again, and stands first."""
        seconds = self._claim_by - asyncio.get_running_loop().time()
        if not await self._notebook.until(lambda: self._queue.running == execution_id, max(0.0, seconds)):
            self._lost.add(execution_id)
        self._unclaimed.discard(execution_id)

    def _acknowledge(self, position: SpoolPosition) -> None:
        if self._kernel is not None and self._kernel.keeper == position.keeper:
            self._kernel.acknowledge(position.seq)

    # --- the kernel ---------------------------------------------------------------------------------------------------

    async def _start_kernel(self) -> None:
        name = self._kernel_name()
        self._publish(KernelState(lifecycle="starting", name=name))
        try:
            kernel = await Kernel.start(name, self._folder, keeping=Keeping(self._keepers, self._notebook.id))
        except DaemonError as error:
            logger.error("notebook %s: %s", self._notebook.id, error)
            self._publish(KernelState(lifecycle="dead", name=name, error=str(error)))
            self._carry_out(self._queue.kernel_failed(time.time()))
            return
        self._kernel = kernel
        self._outputs.follow(kernel.keeper)
        self._state = KernelState(lifecycle="ready", name=name, language=kernel.language)
        await self._outputs.flush(self._write_state)
        logger.info("notebook %s: kernel %s runs, process %d", self._notebook.id, name, kernel.pid)
        self._listening = self._start(self._listen(kernel), "listen to the kernel")
        self._carry_out(self._queue.kernel_ready(time.time()))

    async def _listen(self, kernel: Kernel) -> None:
        async for event, position in kernel.numbered_events():
            if isinstance(event, Started | Output | ClearOutput | Finished) and event.execution_id in self._unclaimed:
                await self._claimed(event.execution_id)
            if not isinstance(event, Finished | Died):  # those are on record only when all of their change is
                self._outputs.heard(position)
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
                case Finished():
                    await self._finished(event, position)
                case Busy():
                    self._state = replace(self._state, activity="busy")
                    self._outputs.dirty.set()
                case Idle():
                    self._state = replace(self._state, activity="idle")
                    self._outputs.dirty.set()
                case Unresponsive(reason):
                    logger.warning("notebook %s: its kernel is unresponsive: %s", self._notebook.id, reason)
                    self._publish(replace(self._state, activity="unresponsive", error=_unresponsive(reason)))
                case Responsive():
                    activity: Activity = "idle" if self._queue.running is None else "busy"
                    self._publish(replace(self._state, activity=activity, error=None))
                case Died(reason):
                    await self._died(kernel, reason, position)
                case InputRequested():
                    with suppress(DaemonError):  # it is ending: Died or a restart settles the execution
                        self._stdin.asked(event)

    async def _finished(self, event: Finished, position: int) -> None:
        """One change: its last outputs, its status, and what stands after it."""
        effects: list[Effect] = []

        def end() -> None:
            how = (event.status, time.time(), event.execution_count, event.error)
            effects.extend(self._queue.finished(ExecutionId(event.execution_id), *how))
            if effects:
                self._records.write(effects, self._queue.order)
            self._write_state()

        await self._comms.flush(cell_ended=True, and_then=end, position=position)
        self._act_on(effects)

    async def _died(self, kernel: Kernel, reason: str, position: int) -> None:
        logger.error("notebook %s: its kernel died: %s", self._notebook.id, reason)
        self._dead.add(kernel)
        effects: list[Effect] = []
        if self._kernel is kernel:
            self._comms.close_all()

        def end() -> None:
            if self._kernel is kernel:
                self._kernel = None
            last_words = f" Its last words:\n{tail}" if (tail := kernel.log_tail()) else ""
            failure = KernelFailure("KernelDied", f"The kernel died: {reason}.{last_words}")
            effects.extend(self._queue.kernel_died(time.time(), failure))
            self._records.write(effects, self._queue.order)
            told = f"The kernel died: {reason}. Run a cell, or restart it, for a fresh one."
            self._state = replace(self._state, lifecycle="dead", activity="idle", error=told)
            self._write_state()

        await self._outputs.flush(end, position)
        self._act_on(effects)
        self._start(self._bury(kernel), "clear away a kernel that died")

    async def _bury(self, kernel: Kernel) -> None:
        """Once its end is on the hub's disk, nobody needs what its keeper has kept of it."""
        heads = self._notebook.runtime.replica.heads()
        await self._notebook.until(lambda: self._notebook.runtime_saved(heads))
        await kernel.shutdown()
        self._dead.discard(kernel)

    async def _execute(self, execution_id: str, source: str) -> None:
        if execution_id in self._lost:
            told = KernelFailure("OutputsLost", "It ran while neither hub nor daemon could keep what it put out.")
            self._carry_out(self._queue.finished(ExecutionId(execution_id), "error", time.time(), None, told))
        elif execution_id in self._begun:
            self._begun.discard(execution_id)
        elif self._kernel is not None and self._queue.running == execution_id:
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
        effects = self._queue.restart(time.time(), self._why_unresponsive())
        self._publish(replace(self._state, lifecycle="restarting", activity="idle", error=None))
        self._carry_out([effect for effect in effects if not isinstance(effect, StartKernel)])
        await self._end_kernel()
        await self._start_kernel()

    async def _shut_down(self) -> None:
        self._carry_out(self._queue.shutdown(time.time(), self._why_unresponsive()))
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

    def _why_unresponsive(self) -> KernelFailure | None:
        """What the running execution dies of, if its kernel is ended now for want of an answer."""
        why = self._kernel.unresponsive if self._kernel is not None else None
        return None if why is None else KernelFailure("KernelUnresponsive", f"The kernel was ended: {why}.")

    def _kernel_name(self) -> str:
        spec = self._notebook.metadata.get("kernelspec")
        name = spec.get("name") if isinstance(spec, dict) else None
        return name if isinstance(name, str) and name else DEFAULT_KERNEL

    def _publish(self, state: KernelState) -> None:
        self._state = state
        self._write_state()
        self._notebook.touch()

    def _write_state(self) -> None:
        if not self._state_is_written:
            self._notebook.runtime.set_kernel(self._state)
            self._written_state = self._notebook.runtime, self._state

    @property
    def _state_is_written(self) -> bool:
        document, state = self._written_state
        return document is self._notebook.runtime and state == self._state

    # --- what goes on beside it ---------------------------------------------------------------------------------------

    async def _flush_now_and_then(self) -> None:
        while True:
            await self._outputs.dirty.wait()
            await asyncio.sleep(FLUSH_EVERY)
            await self._comms.flush(and_then=None if self._state_is_written else self._write_state)
            await self._epochs.turn_if_due()

    async def _watch_cells(self) -> None:
        async for event in self._notebook.events(of_runtime=False):
            if isinstance(event, CellRemoved):
                self._carry_out(self._queue.cell_deleted(CellId(event.cell_id), time.time()))


def _asker(request: Request) -> Requester:
    who = request.requester
    return Requester() if who is None else Requester(peer_id=who.peer_id, name=who.name, kind=who.kind)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _unresponsive(reason: str) -> str:
    return f"The kernel is unresponsive: {reason}. Wait, or restart it; what it runs is lost then."
