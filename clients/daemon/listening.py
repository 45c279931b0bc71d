"""What the kernel says, taken to those whom it concerns: executions, outputs, widgets, input, the kernel's own state.

A KernelListener promises the order of what is written: an execution's outputs before its end and in the same change at
the latest, everything a kernel said before its death. It names with each change the kernel's message that it goes up
to. It owns nothing.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from typing import Final

from clients.daemon.comm_writer import CommWriter
from clients.daemon.errors import DaemonError
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
from clients.daemon.executions import Executions, Spawn
from clients.daemon.kernel import Kernel
from clients.daemon.notebook_kernel import NotebookKernel
from clients.daemon.output_writer import OutputWriter
from clients.daemon.queue_effects import (
    Effect,
)
from clients.daemon.stdin import StdinDesk
from notebook_doc.runtime_records import Activity

logger = logging.getLogger("quire.daemon")

# Characters of output that may wait; a kernel that prints faster than this is flushed, and thereby slowed, at once.
MAX_WAITING: Final = 1024 * 1024


class KernelListener:
    """See the module."""

    def __init__(
        self,
        notebook_id: str,
        kernel: NotebookKernel,
        executions: Executions,
        outputs: OutputWriter,
        comms: CommWriter,
        stdin: StdinDesk,
        spawn: Spawn,
    ) -> None:
        self._notebook_id = notebook_id
        self._kernel = kernel
        self._executions = executions
        self._outputs = outputs
        self._comms = comms
        self._stdin = stdin
        self._spawn = spawn

    async def listen(self, kernel: Kernel) -> None:
        """Take everything that this kernel says, until it has ended."""
        async for event, position in kernel.numbered_events():
            if isinstance(event, Started | Output | ClearOutput | Finished):
                await self._executions.claimed(event.execution_id)
            if not isinstance(event, Finished | Died):  # those are on record only when all of their change is
                self._outputs.heard(position)
            match event:
                case Started():
                    self._executions.started(event)
                case Output() | ClearOutput():
                    self._comms.show(event)
                    if self._outputs.waiting > MAX_WAITING:
                        await self._outputs.flush()
                case UpdateDisplay():
                    self._outputs.update_display(self._executions.running, event)
                case KernelCommOpen() | KernelCommMessage() | KernelCommClose() | CommHandled():
                    if self._kernel.current is kernel:
                        self._comms.hear(event)
                case Finished():
                    await self._finished(event, position)
                case Busy():
                    self._is_now("busy")
                case Idle():
                    self._is_now("idle")
                case Unresponsive(reason):
                    logger.warning("notebook %s: its kernel is unresponsive: %s", self._notebook_id, reason)
                    told = f"The kernel is unresponsive: {reason}. Wait, or restart it; what it runs is lost then."
                    self._kernel.publish(replace(self._kernel.state, activity="unresponsive", error=told))
                case Responsive():
                    activity: Activity = "idle" if self._executions.running is None else "busy"
                    self._kernel.publish(replace(self._kernel.state, activity=activity, error=None))
                case Died(reason):
                    await self._died(kernel, reason, position)
                case InputRequested():
                    with suppress(DaemonError):  # it is ending: Died or a restart settles the execution
                        self._stdin.asked(event)

    def _is_now(self, activity: Activity) -> None:
        """Written with the next outputs, so that a short run makes no change of its own for it."""
        self._kernel.state = replace(self._kernel.state, activity=activity)
        self._outputs.dirty.set()

    async def _finished(self, event: Finished, position: int) -> None:
        """One change: its last outputs, its status, and what stands after it."""
        effects: list[Effect] = []

        def end() -> None:
            effects.extend(self._executions.finished(event))
            if effects:
                self._executions.record(effects)
            self._kernel.write_state()

        await self._comms.flush(cell_ended=True, and_then=end, position=position)
        self._executions.act_on(effects)

    async def _died(self, kernel: Kernel, reason: str, position: int) -> None:
        logger.error("notebook %s: its kernel died: %s", self._notebook_id, reason)
        effects: list[Effect] = []
        if self._kernel.current is kernel:
            self._comms.close_all()

        def end() -> None:
            last_words = f" Its last words:\n{tail}" if (tail := kernel.log_tail()) else ""
            failure = KernelFailure("KernelDied", f"The kernel died: {reason}.{last_words}")
            effects.extend(self._executions.kernel_died(failure))
            self._executions.record(effects)
            self._kernel.died(kernel, reason)

        await self._outputs.flush(end, position)
        self._executions.act_on(effects)
        self._spawn(self._kernel.bury(kernel), "clear away a kernel that died")
