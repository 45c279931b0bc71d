"""The environment of one notebook: what it declares, whether that may be installed, what its kernel runs in.

A NotebookEnvironment is a service of the notebook's runner and says, for each start of a kernel, what to launch. It
owns the root key `missing` of RuntimeDoc, and puts the parts together that own the others: the record (`env`), the
question (`trust`), what the kernel runs in, and the changes of packages. It promises that nothing is installed that is
not trusted, and that an edit of what is declared, in the notebook or in a project's files, is seen without being asked.

A start waits for an approval only if a person waits for it; what a program started fails, and the reason says what to
approve.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from clients.daemon.environments import plans, states
from clients.daemon.environments.errors import EnvironmentFailed
from clients.daemon.environments.files import project_stamps
from clients.daemon.environments.look import HEADER_MARK, Look
from clients.daemon.environments.missing import missing_after
from clients.daemon.environments.package_changes import PackageChanges
from clients.daemon.environments.question import TrustQuestion
from clients.daemon.environments.record import EnvironmentRecord
from clients.daemon.environments.resolution import Resolution
from clients.daemon.environments.runs_in import RunsIn
from clients.daemon.launch_plan import LaunchPlan, kernel_name
from clients.daemon.services import Asked, Served, Service, ServiceHost
from notebook_doc.environment_state import MISSING, EnvironmentState
from notebook_doc.events import CellChanged, CellRemoved, MetadataChanged, NotebookEvent, Reset
from notebook_doc.runtime_records import Execution, KernelState
from relay.errors import ErrorCode, WireError
from relay.requests import ApproveDependencies

if TYPE_CHECKING:
    from clients.daemon.environments.house import House

logger = logging.getLogger("quire.daemon")

# Seconds from an edit of what is declared until it is read: people type it character by character.
LOOK_AFTER: Final = 0.2
# Seconds between looks whether a project's files were edited: a few dozen `stat`s each.
FILES_EVERY: Final = 1.0


class NotebookEnvironment(Service):
    """See the module. Made by `House.service`."""

    def __init__(self, host: ServiceHost, house: House) -> None:
        self._host = host
        self._house = house
        self._notebook = host.notebook
        self._record = EnvironmentRecord(host.notebook)
        self._runs_in = RunsIn(host, house.store)
        self._question = TrustQuestion(host.notebook, house.trust)
        self._look = Look(host, house, self._record, self._runs_in)
        self._changed = asyncio.Event()  # look again
        self._moved = asyncio.Event()  # it was looked, or something was approved
        self._packages = PackageChanges(
            *(host, house),
            look=self._look,
            record=self._record,
            question=self._question,
            runs_in=self._runs_in,
            look_again=self._changed.set,
        )

    # --- told by the runner -------------------------------------------------------------------------------------------

    def serves(self) -> Served:
        """See Service."""
        return {ApproveDependencies: self._serve_approve, **self._packages.serves()}

    async def run(self) -> None:
        """See Service."""
        self._question.recall()
        left = self._notebook.runtime.environment()
        if self._host.kernel is not None:  # an earlier daemon's
            self._record.state = left
            found = await asyncio.to_thread(self._house.store.find, left.name) if left.name else None
            self._runs_in.environment = found
        self._changed.set()
        seen: object = None
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), FILES_EVERY)
            stamps = await asyncio.to_thread(project_stamps, self._look.folder, Path.home())
            if self._changed.is_set() or stamps != seen:
                self._changed.clear()
                seen = stamps
                await self._look_now()
                await asyncio.sleep(LOOK_AFTER)

    def look_again(self) -> None:
        """Something that decides about the environment may have changed."""
        self._changed.set()

    def notebook_changed(self, event: NotebookEvent) -> None:
        """See Service."""
        match event:
            case MetadataChanged() | Reset():
                self._changed.set()
            case CellChanged(cell_id, what) if "source" in what or cell_id in self._look.headers:
                if cell_id in self._look.headers or HEADER_MARK in self._notebook.doc.source(cell_id):
                    self._changed.set()
            case CellRemoved(cell_id) if cell_id in self._look.headers:
                self._changed.set()
            case _:
                pass

    def execution_changed(self, execution: Execution) -> None:
        """See Service."""
        if not execution.is_terminal or execution.cell_id not in self._notebook.doc:
            return
        told = missing_after(execution, self._notebook.runtime.missing())
        if told is not None:
            self._notebook.runtime.put_root(MISSING, told)
            self._notebook.touch()

    def kernel_changed(self, state: KernelState) -> None:
        """See Service."""
        if state.lifecycle == "ready" and state.activity == "idle" and self._record.state.phase == "starting":
            self._record.publish(replace(self._record.state, phase="ready"))
        if state.lifecycle in ("dead", "stopped", "none") and self._runs_in.environment is not None:
            self._runs_in.environment = None
            self._house.kernel_ended()
        if state.lifecycle == "ready":
            self._runs_in.lease()

    # --- what to launch -----------------------------------------------------------------------------------------------

    async def plan(self, folder: Path) -> LaunchPlan:
        """What to launch now, in this folder; waits for an approval if a person waits for the cell. Raises
        EnvironmentFailed, which is also on record then."""
        self._look.folder = folder
        try:
            resolution = await self._until_trusted()
            self._record.state = states.found(resolution)
            plan = await self._plan(resolution)
        except EnvironmentFailed as error:
            message = error.message.partition("\n")[0]  # what the installer said is in the log
            state = replace(self._record.state, phase="failed", in_sync=False)
            self._record.publish(replace(state, error=message, hint=error.hint))
            raise
        except asyncio.CancelledError:
            self._record.publish(replace(self._record.state, phase="none"))
            raise
        self._record.publish(replace(self._record.state, phase="starting", error=None, hint=None, restart=None))
        return plan

    async def _plan(self, resolution: Resolution) -> LaunchPlan:
        name, folder = kernel_name(self._notebook), self._look.folder
        self._runs_in.environment = None
        if resolution.kernelspec is not None:
            return LaunchPlan(name=resolution.kernelspec, cwd=folder)
        if resolution.source == "deno":
            return plans.deno_plan(name, folder)
        if resolution.python is not None:
            self._record.publish(await self._look.checked(resolution))
            return plans.python_plan(name, resolution.python, folder)
        environment = await self._look.build(resolution)
        self._runs_in.environment = environment
        self._record.publish(replace(self._record.state, **states.made(environment)))
        return plans.python_plan(name, environment.python, folder)

    async def _until_trusted(self) -> Resolution:
        while True:
            self._moved.clear()
            resolution = await self._look.resolve()
            await self._question.judge(resolution)
            if not self._question.state.asks:
                return resolution
            question = states.not_trusted(self._question.state)
            if not self._a_person_waits():
                raise question
            self._record.publish(
                replace(states.found(resolution), phase="waiting", error=question.message, hint=question.hint)
            )
            await self._moved.wait()

    def _a_person_waits(self) -> bool:
        runtime = self._notebook.runtime
        queued = (runtime.execution(execution_id) for execution_id in runtime.queue())
        return any(one is not None and one.requested_by.kind == "person" for one in queued)

    # --- looking ------------------------------------------------------------------------------------------------------

    async def _look_now(self) -> None:
        """Read what is declared now, and say how that differs from what the kernel has."""
        if self._packages.under_way:
            self._packages.look_when_done()  # what is declared may be half changed
            return
        try:
            resolution = await self._look.resolve()
            await self._question.judge(resolution)
            nothing_to_say = resolution.source == "kernelspec" and self._record.state == EnvironmentState()
            if nothing_to_say or self._packages.under_way:
                pass  # who opens a notebook that runs where all do need not be told so
            elif self._record.state.phase in ("none", "ready", "failed"):
                self._record.publish(await self._look.checked(resolution))
        except EnvironmentFailed as error:
            self._record.publish(replace(self._record.state, in_sync=False, error=error.message, hint=error.hint))
        except OSError as error:  # of the record of approvals: then nothing is trusted
            logger.error("notebook %s: what may be installed cannot be looked up: %s", self._notebook.id, error)
        self._moved.set()

    # --- what peers ask -----------------------------------------------------------------------------------------------

    async def _serve_approve(self, body: ApproveDependencies, asked: Asked) -> dict[str, Any]:
        if asked.by.kind == "agent":
            raise WireError(ErrorCode.FORBIDDEN, "Agents may not approve what is installed.", "Ask a person to.")
        await self._question.answer(body, await self._look.resolve(), asked.by.name or asked.by.peer_id)
        self._moved.set()
        self._house.trust_changed()
        return {}
