"""Going on where an earlier daemon was: with its kernel, if that runs; if not, with what it had not begun yet.

Knows what an earlier daemon left: RuntimeDoc, and the manifests of the keepers that run. A kernel that RuntimeDoc names
is gone on with; keepers of the notebook that it does not name are ended.
"""

from __future__ import annotations

import asyncio
import logging

from clients.daemon.comm_writer import CommWriter
from clients.daemon.errors import KeeperLost
from clients.daemon.events import KernelFailure
from clients.daemon.executions import MAX_BUFFERS, Executions
from clients.daemon.keeper.link import Keeping
from clients.daemon.keeper.manifest import Manifest, find, reap
from clients.daemon.kernel import Kernel
from clients.daemon.notebook_kernel import NotebookKernel
from clients.daemon.output_writer import OutputWriter
from clients.daemon.queue_effects import (
    Status,
)
from clients.peer.notebook import Notebook
from notebook_doc.runtime_records import KernelState, SpoolPosition

logger = logging.getLogger("quire.daemon")

_GONE = "The kernel is gone: the machine, or what kept the kernel, has ended. Run a cell to start another."


class TakeOver:
    """See the module. Done once, before the notebook is served."""

    def __init__(
        self,
        notebook: Notebook,
        keeping: Keeping,
        kernel: NotebookKernel,
        executions: Executions,
        outputs: OutputWriter,
        comms: CommWriter,
    ) -> None:
        self._notebook = notebook
        self._keeping = keeping
        self._kernel = kernel
        self._executions = executions
        self._outputs = outputs
        self._comms = comms

    async def run(self) -> None:
        """Take over what there is."""
        left, position = self._notebook.kernel, self._notebook.runtime.spool()
        folder = self._keeping.folder
        for manifest in await asyncio.to_thread(find, folder):
            if manifest.notebook_id != self._notebook.id:
                continue
            if self._kernel.current is None and position is not None and manifest.keeper == position.keeper:
                try:
                    await self._adopt(manifest, position)
                    continue
                except KeeperLost as error:
                    logger.error("notebook %s: %s", self._notebook.id, error)
            logger.warning("notebook %s: ending a kernel that is on no record", self._notebook.id)
            await asyncio.to_thread(reap, folder, manifest)
        if self._kernel.current is None:
            self._settle(left)

    def _settle(self, left: KernelState) -> None:
        """There is no kernel any more: end what it ran, and what waited for it."""
        found = self._executions.take_over()
        self._comms.close_all()
        lost = _GONE if left.lifecycle == "ready" else None
        if any(one.status is Status.RUNNING for one in found):
            self._executions.settle(KernelFailure("KernelDied", lost or "The kernel is gone."))
            found = []
        state = KernelState() if lost is None else KernelState(lifecycle="dead", name=left.name, error=lost)
        self._kernel.publish(state)
        self._executions.restore(found, "none")
        self._executions.go_on_with(found)

    async def _adopt(self, manifest: Manifest, position: SpoolPosition) -> None:
        runtime = self._notebook.runtime

        def settled(execution_id: str) -> bool:
            record = runtime.execution(execution_id)
            return record is not None and record.is_terminal

        kernel = await Kernel.attach(manifest, self._keeping.folder, position.seq, settled)
        self._kernel.current = kernel
        found = self._executions.take_over()
        self._executions.restore(found)
        known = [record for one in kernel.sent if (record := runtime.execution(one)) is not None]
        for record in sorted(known, key=lambda record: record.seq)[-MAX_BUFFERS:]:
            await self._outputs.restore(record.id)
        await self._comms.restore()
        self._outputs.follow(kernel.keeper, position.seq)
        self._executions.expect_claims(one for one in kernel.sent if runtime.execution(one) is None)
        self._kernel.adopt(kernel)
        self._executions.go_on_with(found)
