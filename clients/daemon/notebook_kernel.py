"""The kernel of a notebook: one after the other, and what RuntimeDoc says of it.

A NotebookKernel owns the kernel that runs now, its start, and the kernel's state on record. What to launch a Resolver
says. It promises that the state on record is what it last knew, also in a RuntimeDoc that was started afresh; that one
kernel at most is started; and that none of it is left after `end` and `clear_away`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from clients.daemon.comm_effects import CommRequest
from clients.daemon.comm_writer import CommWriter
from clients.daemon.errors import DaemonError, KernelGone
from clients.daemon.events import KernelFailure
from clients.daemon.executions import Executions, Spawn
from clients.daemon.keeper.link import Keeping
from clients.daemon.kernel import Kernel
from clients.daemon.kernelspecs import installed_kernels
from clients.daemon.launch_plan import Resolver, kernel_name
from clients.daemon.limits import limits_of
from clients.daemon.output_writer import OutputWriter
from clients.daemon.services import Asked, Served, Services
from clients.peer.notebook import Notebook
from notebook_doc.runtime import RuntimeDoc
from notebook_doc.runtime_records import KernelState, SpoolPosition
from relay.requests import ListKernels, RestartKernel, ShutdownKernel

logger = logging.getLogger("quire.daemon")


class NotebookKernel:
    """See the module. `listen` is given every kernel that comes up, once; `keeping` says where keepers are found."""

    def __init__(
        self,
        notebook: Notebook,
        folder: Path,
        keeping: Keeping,
        resolver: Resolver,
        *,
        executions: Executions,
        outputs: OutputWriter,
        services: Services,
        spawn: Spawn,
        listen: Callable[[Kernel], None],
    ) -> None:
        self._notebook = notebook
        self._folder = folder
        self._keeping = keeping
        self._resolver = resolver
        self._executions = executions
        self._outputs = outputs
        self._services = services
        self._spawn = spawn
        self._listen = listen
        self.comms: CommWriter
        self.current: Kernel | None = None
        self.state = KernelState()
        self._written: tuple[RuntimeDoc | None, KernelState] = None, self.state
        self._told = self.state
        self._starting: asyncio.Task[None] | None = None
        self._replacing = asyncio.Lock()  # held while a kernel is being ended, which takes a while
        self._dead: set[Kernel] = set()  # their keepers wait until their end is on the hub's disk

    # --- what peers ask -----------------------------------------------------------------------------------------------

    def serves(self) -> Served:
        """What it answers."""
        return {ListKernels: self._serve_list, RestartKernel: self._serve_restart, ShutdownKernel: self._serve_end}

    async def _serve_list(self, _body: ListKernels, _asked: Asked) -> dict[str, Any]:
        return {"kernels": await installed_kernels()}

    async def _serve_restart(self, body: RestartKernel, _asked: Asked) -> dict[str, Any]:
        if body.folder is not None:
            self._folder = Path(body.folder)
        await self.restart()
        return {}

    async def _serve_end(self, _body: ShutdownKernel, _asked: Asked) -> dict[str, Any]:
        await self.shut_down()
        return {}

    # --- its life -----------------------------------------------------------------------------------------------------

    def start_soon(self) -> asyncio.Task[None]:
        """Start one; the executions are told when it is ready, or that it could not be started."""
        self._starting = self._spawn(self._start(), "start a kernel")
        return self._starting

    async def _start(self) -> None:
        async with self._replacing:
            pass  # the one before has ended
        name = kernel_name(self._notebook)
        self.publish(KernelState(lifecycle="starting", name=name))
        try:
            memory = limits_of(self._notebook.metadata, os.environ).memory
            plan = await self._resolver.resolve(self._notebook, self._folder)
            kernel = await Kernel.start(
                replace(plan, memory=plan.memory or memory), self._keeping, notebook_id=self._notebook.id
            )
        except DaemonError as error:
            logger.error("notebook %s: %s", self._notebook.id, error)
            self.publish(KernelState(lifecycle="dead", name=name, error=str(error)))
            self._executions.kernel_failed()
            return
        self.current = kernel
        self._outputs.follow(kernel.keeper)
        self.state = KernelState(lifecycle="ready", name=kernel.name, language=kernel.language)
        await self._outputs.flush(self.write_state)
        logger.info("notebook %s: kernel %s runs, process %d", self._notebook.id, kernel.name, kernel.pid)
        self._listen(kernel)
        self._executions.kernel_ready()

    def adopt(self, kernel: Kernel) -> None:
        """Go on with the kernel of an earlier daemon."""
        self.current = kernel
        self.publish(KernelState(lifecycle="ready", name=kernel.name, language=kernel.language))
        logger.info("notebook %s: kernel %s goes on, process %d", self._notebook.id, kernel.name, kernel.pid)
        self._listen(kernel)

    async def restart(self) -> None:
        """End it and start another; returns when that is ready, could not be started, or was ended in turn."""
        async with self._replacing:
            self._executions.kernel_restarts(self._why_unresponsive())
            self.publish(replace(self.state, lifecycle="restarting", activity="idle", error=None))
            await self.end()
            starting = self.start_soon()
        await asyncio.wait((starting,))

    async def shut_down(self, why: str | None = None) -> None:
        """End it; the next run starts another. `why` is shown."""
        async with self._replacing:
            self._executions.kernel_shuts_down(self._why_unresponsive())
            await self.end()
            self.publish(replace(self.state, lifecycle="stopped", activity="idle", error=why))

    def died(self, kernel: Kernel, reason: str) -> None:
        """It ended by itself; to be written with the end of what it ran."""
        if self.current is kernel:
            self.current = None
        told = f"The kernel died: {reason}. Run a cell, or restart it, for a fresh one."
        self.state = replace(self.state, lifecycle="dead", activity="idle", error=told)
        self.write_state()

    async def bury(self, kernel: Kernel) -> None:
        """Once its end is on the hub's disk, nobody needs what the keeper of a kernel that died has kept."""
        self._dead.add(kernel)
        heads = self._notebook.runtime.replica.heads()
        await self._notebook.until(lambda: self._notebook.runtime_saved(heads))
        await kernel.shutdown()
        self._dead.discard(kernel)

    async def end(self) -> None:
        """End it, and the start of one; its outputs are on record then."""
        if self._starting is not None and not self._starting.done() and self._starting is not asyncio.current_task():
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        kernel, self.current = self.current, None
        if kernel is not None:
            await kernel.shutdown()
            self.comms.close_all()
            await self._outputs.flush()

    async def clear_away(self) -> None:
        """The notebook is no longer served: say so, and clear away kernels that died."""
        error = None if self.state.activity == "unresponsive" else self.state.error
        self.publish(replace(self.state, lifecycle="stopped", activity="idle", error=error))
        for kernel in tuple(self._dead):
            await kernel.shutdown()

    def acknowledge(self, position: SpoolPosition) -> None:
        """What it said up to here is on the hub's disk."""
        if self.current is not None and self.current.keeper == position.keeper:
            self.current.acknowledge(position.seq)

    # --- what is sent to it -------------------------------------------------------------------------------------------

    def send_comm(self, request: CommRequest) -> None:
        """Send a message on a comm. Raises KernelGone."""
        self._require("be sent a message of a widget").comm(request)

    def send_input(self, value: str) -> None:
        """Answer its question. Raises KernelGone."""
        self._require("take input").answer_input(value)

    def _require(self, doing: str) -> Kernel:
        if self.current is None:
            raise KernelGone(kernel_name(self._notebook), doing)
        return self.current

    def _why_unresponsive(self) -> KernelFailure | None:
        """What the running execution dies of, if the kernel is ended now for want of an answer."""
        why = self.current.unresponsive if self.current is not None else None
        return None if why is None else KernelFailure("KernelUnresponsive", f"The kernel was ended: {why}.")

    # --- its state on record ------------------------------------------------------------------------------------------

    def publish(self, state: KernelState) -> None:
        """Write this state."""
        self.state = state
        self.write_state()
        self._notebook.touch()

    def write_state(self) -> None:
        """Write the present state, if the document says another."""
        if not self.state_is_written:
            self._notebook.runtime.set_kernel(self.state)
            self._written = self._notebook.runtime, self.state
        if self._told != self.state:
            self._told = self.state
            self._services.kernel_changed(self.state)

    @property
    def state_is_written(self) -> bool:
        """Whether the document says what is known."""
        document, state = self._written
        return document is self._notebook.runtime and state == self.state
