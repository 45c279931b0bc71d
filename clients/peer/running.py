"""Running a notebook: cells, executions, and the kernel that runs them.

Running is the part of a Notebook that asks its daemon. What runs is the source as it is here when it is asked for. An
execution is live: it goes on being told by RuntimeDoc whether or not somebody waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

from clients.peer.archives import archived
from clients.peer.cell import Cell
from clients.peer.editor import KernelSpec
from clients.peer.execution import Execution
from clients.peer.flow import NeedsConfirmation, RunPlan
from clients.peer.own_kernel import refuse_to_wait_for_itself
from clients.peer.part import Part
from notebook_doc.execution_index import ExecutionIndex
from notebook_doc.runtime_records import Namespace
from relay.requests import (
    Bring,
    ClearOutputs,
    Execute,
    ExecuteCode,
    Interrupt,
    ListKernels,
    RestartKernel,
    ShutdownKernel,
    Stdin,
    Stop,
)

if TYPE_CHECKING:
    from clients.peer.notebook import Notebook


class Running(Part):
    """See the module."""

    _index: ExecutionIndex

    @property
    def _whole(self) -> Notebook:
        return cast("Notebook", self)  # which an execution asks for what the other parts do

    async def run(
        self,
        cells: Sequence[str | Cell] | None = None,
        *,
        above: str | Cell | None = None,
        below: str | Cell | None = None,
        bring: Bring | None = None,
        plan: RunPlan | None = None,
        stdin: Stdin | None = None,
        cache: bool | None = None,
        timeout: float | None = None,
    ) -> list[Execution]:
        """Run cells in order and wait until each has ended: these, or the code cells above a cell, or a cell and the
        code cells below it; without any of them, every code cell.

        `bring` says what comes along: "nothing", "stale" for cells upstream that are not ready, "dependents" for those
        and everything downstream; else the notebook's mode says. `plan` runs a plan that was shown, and no other cells.
        In the mode `cascade` a run that would bring others along raises NeedsConfirmation, with the plan.
        `stdin="eof"` has `input()` raise EOFError instead of asking the notebook's peers, as it is for agents anyway.
        `cache` says whether results may be restored, where the notebook keeps them: True, False (run anew), or None,
        which restores what is not fresh. What runs is their source as it is here now. A failing cell ends the run of
        those after it; look at the executions, or call `check()` on them. Raises RequestFailed, NotConnected,
        TimeoutError, and OwnKernel in code that this notebook's kernel runs.
        """
        refuse_to_wait_for_itself(self._whole.id)
        executions = await self.start(cells, above=above, below=below, bring=bring, plan=plan, stdin=stdin, cache=cache)
        async with asyncio.timeout(timeout):
            for execution in executions:
                await execution.wait()
        return executions

    async def run_all(self, *, timeout: float | None = None) -> list[Execution]:
        """Run every code cell in order. See `run`."""
        return await self.run(timeout=timeout)

    async def start(
        self,
        cells: Sequence[str | Cell] | None = None,
        *,
        above: str | Cell | None = None,
        below: str | Cell | None = None,
        bring: Bring | None = None,
        plan: RunPlan | None = None,
        stdin: Stdin | None = None,
        cache: bool | None = None,
    ) -> list[Execution]:
        """Ask for cells to be run, as `run` does, and return their executions as soon as they are queued."""
        ids = None if cells is None else [_id(cell) for cell in cells]
        body = Execute(
            cell_ids=ids,
            above=None if above is None else _id(above),
            below=None if below is None else _id(below),
            stdin=stdin,
            bring=bring,
            plan_id=None if plan is None else plan.id,
            cache=cache,
        )
        result = await self.request(body)
        if "plan" in result:
            raise NeedsConfirmation(RunPlan.of(result["plan"]))
        return [Execution(self._whole, execution_id) for execution_id in result["execution_ids"]]

    async def scratch(
        self,
        code: str,
        *,
        namespace: Namespace = "copy",
        timeout: float | None = None,
        stdin: Stdin | None = None,
    ) -> Execution:
        """Run code in the notebook's kernel without a cell, when its turn has come, and wait until it has ended.

        In a "copy" of the notebook's namespace: it sees all names and may change what they stand for, but what it binds
        itself is gone afterwards; in the notebook's "own" it stays. After `timeout` seconds from when it begins it is
        interrupted, and it alone. `input()` raises EOFError unless `stdin="prompt"`. It is an execution on record, with
        outputs and without a cell; look at it, or call `check()` on it. Raises RequestFailed, NotConnected, and
        OwnKernel in code that this notebook's kernel runs.
        """
        refuse_to_wait_for_itself(self._whole.id)
        execution = await self.start_scratch(code, namespace=namespace, timeout=timeout, stdin=stdin)
        return await execution.wait()

    async def start_scratch(
        self,
        code: str,
        *,
        namespace: Namespace = "copy",
        timeout: float | None = None,
        stdin: Stdin | None = None,
    ) -> Execution:
        """Ask for code to be run, as `scratch` does, and return its execution as soon as it is queued."""
        result = await self.request(ExecuteCode(code=code, namespace=namespace, timeout=timeout, stdin=stdin))
        return Execution(self._whole, result["execution_ids"][0])

    async def interrupt(self, execution: str | Execution) -> None:
        """Interrupt this execution, or take it out of the queue; no other is touched."""
        await self.request(Interrupt(execution_id=_id(execution)))

    async def stop(
        self,
        executions: Sequence[str | Execution] | None = None,
        *,
        everyone: bool = False,
        running: bool = True,
    ) -> list[Execution]:
        """Cancel what waits and interrupt what runs: these executions, else what this peer asked for (`everyone`: all).

        `running=False` leaves the running one alone. What another peer asked for too is only stopped if it is named or
        `everyone` is set. Returns what was stopped.
        """
        ids = None if executions is None else [_id(execution) for execution in executions]
        body = Stop(execution_ids=ids, whose="all" if everyone else "mine", running=running)
        result = await self.request(body)
        return [Execution(self._whole, execution_id) for execution_id in result["execution_ids"]]

    async def clear_outputs(self, cells: Sequence[str | Cell] | None = None) -> list[str]:
        """Have these cells (None: all) show no outputs and no count any more; the ids of those that did.

        What they left in the kernel stays, and so do their executions (`executions_of`). Cells that run or wait are let
        be.
        """
        ids = None if cells is None else [_id(cell) for cell in cells]
        return list((await self.request(ClearOutputs(cell_ids=ids)))["cell_ids"])

    async def executions_of(self, cell: str | Cell) -> list[Execution]:
        """All executions of a cell, newest first, those in archives too; the cell may be deleted.

        Raises RequestFailed if an archive is lost, NotConnected if one is needed and the hub is away.
        """
        whole = self._whole
        while True:
            if self._index.runtime is not self.runtime:
                self._index = ExecutionIndex(self.runtime)
            here = self._index.of(_id(cell))
            old = [run async for run in archived(whole, cell_id=_id(cell)) if run.execution.id not in here]
            if self._index.runtime is self.runtime:  # else some of those here have gone to an archive meanwhile
                break
        return [
            *(Execution(whole, execution_id) for execution_id in here),
            *(Execution(whole, run.execution.id, run) for run in old),
        ]

    async def kernels(self) -> list[KernelSpec]:
        """The kernels that are installed where the daemon runs."""
        return [KernelSpec(**kernel) for kernel in (await self.request(ListKernels()))["kernels"]]

    def choose_kernel(self, kernel: KernelSpec) -> None:
        """Write into the notebook's metadata that it runs on this kernel: the next one that starts, or a restart."""
        self._whole.set_metadata({**self._whole.metadata, "kernelspec": asdict(kernel)})

    async def restart_kernel(self, *, folder: Path | None = None) -> None:
        """A fresh kernel, in `folder` (absolute) if it is named; what was running or queued is cancelled."""
        await self.request(RestartKernel(folder=None if folder is None else str(folder)))

    async def shutdown_kernel(self) -> None:
        """Stop the kernel; what was running or queued is cancelled."""
        await self.request(ShutdownKernel())


def _id(named: str | Cell | Execution) -> str:
    return named if isinstance(named, str) else named.id
