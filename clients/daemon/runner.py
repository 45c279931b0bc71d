"""Runs one notebook: takes its requests, owns its kernel, and writes what happens into RuntimeDoc.

A NotebookRunner puts the parts together and keeps them going; the notebook is an ordinary peer with the role `daemon`.
It promises that a request is served once however often it arrives, only after its replica contains the heads the
request names; that outputs are written with the status that ends their execution or before; that what a kernel says
while no daemon is there is taken in by the next one, once; and that every execution on record ends.

Its seams, where modules of their own are added (they are named in `clients.daemon.main`):

- *Requests.* Each part says which request bodies it `serves`, and all of that is one table.
- *Services* (`services.Service`) are told of edits, of executions and of the kernel, and may choose what runs.
- *What to launch* is a `launch_plan.LaunchPlan`, which a Resolver makes for each start of a kernel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

from clients.daemon.comm_writer import CommWriter
from clients.daemon.desk import RequestDesk
from clients.daemon.editor_services import EditorServices
from clients.daemon.epochs import EPOCH_BYTES, Epochs
from clients.daemon.executions import Executions
from clients.daemon.keeper.link import Keeping
from clients.daemon.kernel import Kernel
from clients.daemon.launch_plan import Resolver
from clients.daemon.listening import KernelListener
from clients.daemon.notebook_kernel import NotebookKernel
from clients.daemon.output_writer import OutputWriter
from clients.daemon.receipts import Receipts
from clients.daemon.records import ExecutionRecords
from clients.daemon.results.store import ResultStore
from clients.daemon.services import Asked, Serves, ServiceFactory, Services, table_of
from clients.daemon.stdin import StdinDesk
from clients.daemon.takeover import TakeOver
from clients.peer.errors import PeerError
from clients.peer.notebook import Notebook
from notebook_doc.events import CellRemoved, NotebookEvent
from notebook_doc.runtime_records import Requester, SpoolPosition
from relay.errors import ErrorCode, WireError
from relay.messages import Request

# Seconds that outputs are collected before they are written: people see them at once, the document gets few changes.
FLUSH_EVERY: Final = 0.03


class NotebookRunner:
    """See the module. `run` it until it is cancelled. `keepers` is the folder of the manifests of kernels' keepers;
    results of cells are kept in `results`; RuntimeDoc starts afresh after about `epoch_bytes`."""

    def __init__(
        self,
        notebook: Notebook,
        folder: Path,
        keepers: Path,
        resolver: Resolver,
        services: Sequence[ServiceFactory] = (),
        *,
        results: ResultStore,
        epoch_bytes: int = EPOCH_BYTES,
    ) -> None:
        self.notebook = notebook
        self.folder = folder
        self.results = results
        self._tasks: asyncio.TaskGroup | None = None
        keeping = Keeping(keepers, notebook.id)
        records = ExecutionRecords(notebook)
        self._receipts = Receipts(notebook, self._acknowledge)
        self._outputs = OutputWriter(notebook, self._receipts.written)
        self._stdin = StdinDesk(records, lambda value: self._kernel.send_input(value), self._outputs.feed)
        self._comms = CommWriter(notebook, self._outputs, lambda request: self._kernel.send_comm(request))
        self._editor = EditorServices(notebook.id, lambda: self.kernel)
        self._epochs = Epochs(notebook, self._outputs, epoch_bytes)
        self._services = Services([make(self) for make in services])
        self._executions = Executions(
            notebook, records, self._outputs, self._stdin, services=self._services, spawn=self._spawn
        )
        self._kernel = NotebookKernel(
            *(notebook, folder, keeping, resolver),
            executions=self._executions,
            outputs=self._outputs,
            services=self._services,
            spawn=self._spawn,
            listen=self._listen,
        )
        self._executions.kernel = self._kernel
        self._kernel.comms = self._comms
        parts = (self._kernel, self._executions, self._outputs, self._comms)
        self._listener = KernelListener(notebook.id, *parts, self._stdin, self._spawn)
        self._take_over = TakeOver(notebook, keeping, *parts)
        own: tuple[Serves, ...] = (self._executions, self._kernel, self._stdin, self._comms, self._editor)
        self._table = table_of(part.serves() for part in (*own, *self._services.all))

    async def run(self) -> None:
        """Serve the notebook until cancelled; the kernel ends with it. It goes on only where the daemon was killed."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                await self._take_over.run()
                tasks.create_task(self._receipts.run(), name="tell the keeper what is saved")
                self.notebook.serve_requests(RequestDesk(self.notebook, tasks, self._serve).take)
                tasks.create_task(self._flush_now_and_then(), name="write outputs")
                tasks.create_task(self._watch_cells(), name="watch what is edited")
                for service in self._services.all:
                    tasks.create_task(service.run(), name=type(service).__name__)
        except* (WireError, PeerError) as errors:  # the session has ended; the caller knows these, not groups of them
            raise _first(errors) from None
        finally:
            await self._kernel.end()
            self._executions.kernel_shuts_down()
            await self._kernel.clear_away()

    # --- for services -------------------------------------------------------------------------------------------------

    @property
    def kernel(self) -> Kernel | None:
        """See ServiceHost."""
        return self._kernel.current

    def run_cells(self, cell_ids: Sequence[str], asked: Asked) -> list[str]:
        """See ServiceHost."""
        return self._executions.run_cells(cell_ids, asked)

    async def restart_kernel(self) -> None:
        """See ServiceHost."""
        await self._kernel.restart()

    async def shutdown_kernel(self, why: str) -> None:
        """See ServiceHost."""
        await self._kernel.shut_down(why)

    # --- what goes on -------------------------------------------------------------------------------------------------

    async def _serve(self, request: Request) -> dict[str, Any]:
        handler = self._table.get(type(request.body))
        if handler is None:
            what = type(request.body).__name__
            raise WireError(ErrorCode.BAD_REQUEST, f"The daemon does not serve {what}.", "Ask the hub, or update it.")
        return await handler(request.body, Asked(request.id, _asker(request)))

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        assert self._tasks is not None, "effects come while it runs"
        return self._tasks.create_task(work, name=name)

    def _listen(self, kernel: Kernel) -> None:
        self._spawn(self._listener.listen(kernel), "listen to the kernel")

    def _acknowledge(self, position: SpoolPosition) -> None:
        self._kernel.acknowledge(position)

    async def _flush_now_and_then(self) -> None:
        while True:
            await self._outputs.dirty.wait()
            await asyncio.sleep(FLUSH_EVERY)
            await self._comms.flush(and_then=None if self._kernel.state_is_written else self._kernel.write_state)
            await self._epochs.turn_if_due()

    async def _watch_cells(self) -> None:
        async for event in self.notebook.events(of_runtime=False):
            if isinstance(event, CellRemoved):
                self._executions.cell_deleted(event.cell_id)
            if isinstance(event, NotebookEvent):
                self._services.notebook_changed(event)


def _asker(request: Request) -> Requester:
    who = request.requester
    return Requester() if who is None else Requester(peer_id=who.peer_id, name=who.name, kind=who.kind)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
