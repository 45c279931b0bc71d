"""The environment of one notebook: what it declares, whether that may be installed, what its kernel runs in.

A NotebookEnvironment is a service of the notebook's runner and says, for each start of a kernel, what to launch. It
owns the root keys `env`, `trust` and `missing` of RuntimeDoc. It promises that nothing is installed that is not
trusted; that the question shows all that would be installed, and an answer to another question does not count; that a
failed install leaves environment, metadata and kernel as they were; and that what the installer says is on record while
it says it. It never writes NotebookDoc: who asks for a package declares it when it is installed.

A start waits for an approval only if a person waits for it; what a program started fails, and the reason says what to
approve.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from clients.daemon.environments import changes, plans, states
from clients.daemon.environments.drift import drift, fits_live
from clients.daemon.environments.errors import EnvironmentFailed, StaleApproval
from clients.daemon.environments.files import LocalFiles
from clients.daemon.environments.missing import missing_after
from clients.daemon.environments.progress import Progress
from clients.daemon.environments.resolution import Asked as Wish
from clients.daemon.environments.resolution import Resolution, resolve
from clients.daemon.environments.store import Environment, installed_in
from clients.daemon.kernelspecs import installed_kernels
from clients.daemon.launch_plan import LaunchPlan, kernel_name
from clients.daemon.services import Asked, Served, Service, ServiceHost
from notebook_doc.environment_state import (
    ENV,
    MISSING,
    TRUST,
    EnvironmentState,
    TrustState,
    environment_json,
    trust_json,
)
from notebook_doc.events import CellChanged, CellRemoved, MetadataChanged, NotebookEvent, Reset
from notebook_doc.runtime import Execution, KernelState
from relay.errors import ErrorCode, WireError
from relay.messages import AddPackages, ApproveDependencies, RemovePackages, SyncEnvironment

if TYPE_CHECKING:
    from clients.daemon.environments.house import House
    from clients.daemon.kernel import Kernel

logger = logging.getLogger("quire.daemon")

LOOK_AFTER: Final = (
    0.2  # seconds from an edit of what is declared until it is read: people type it character by character
)
SHOWN_KEPT: Final = 32  # questions whose answers are still recognised
_HEADER: Final = "# /// script"


class NotebookEnvironment(Service):
    """See the module. Made by `House.service`."""

    def __init__(self, host: ServiceHost, house: House) -> None:
        self._host = host
        self._house = house
        self._notebook = host.notebook
        self._folder = host.folder  # where the kernel runs, and from where projects are looked for
        self._current: Environment | None = None  # what the kernel runs in, if it is one of the store's
        self._leased = ("", 0)  # environment and process of the latest note of who uses what
        self._state = EnvironmentState()
        self._trust = TrustState()
        self._shown: dict[tuple[str, ...], str] = {}  # heads -> digest of what was asked about
        self._headers: set[str] = set()  # cells with a PEP 723 header
        self._changed = asyncio.Event()  # look again
        self._moved = asyncio.Event()  # it was looked, or something was approved
        self._changing = asyncio.Lock()  # held while packages are added or removed

    # --- told by the runner -------------------------------------------------------------------------------------------

    def serves(self) -> Served:
        """See Service."""
        return {
            ApproveDependencies: self._serve_approve,
            AddPackages: self._serve_add,
            RemovePackages: self._serve_remove,
            SyncEnvironment: self._serve_sync,
        }

    async def run(self) -> None:
        """See Service."""
        told = self._notebook.runtime.trust()
        self._shown[told.heads] = told.digest
        left = self._notebook.runtime.environment()
        if self._host.kernel is not None:  # an earlier daemon's
            self._state = left
            self._current = await asyncio.to_thread(self._house.store.find, left.name) if left.name else None
        self._changed.set()
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._look()
            await asyncio.sleep(LOOK_AFTER)

    def look_again(self) -> None:
        """Something that decides about the environment may have changed."""
        self._changed.set()

    def notebook_changed(self, event: NotebookEvent) -> None:
        """See Service."""
        match event:
            case MetadataChanged() | Reset():
                self._changed.set()
            case CellChanged(cell_id, what) if "source" in what or cell_id in self._headers:
                if cell_id in self._headers or _HEADER in self._notebook.doc.source(cell_id):
                    self._changed.set()
            case CellRemoved(cell_id) if cell_id in self._headers:
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
        if state.lifecycle == "ready" and state.activity == "idle" and self._state.phase == "starting":
            self._publish(replace(self._state, phase="ready", progress=None))
        if state.lifecycle in ("dead", "stopped", "none") and self._current is not None:
            self._current = None
            self._house.kernel_ended()
        kernel = self._host.kernel
        if state.lifecycle == "ready" and kernel is not None and self._current is not None:
            self._lease(self._current, kernel)

    # --- what to launch -----------------------------------------------------------------------------------------------

    async def plan(self, folder: Path) -> LaunchPlan:
        """What to launch now, in this folder; waits for an approval if a person waits for the cell. Raises
        EnvironmentFailed, which is also on record then."""
        self._folder = folder
        try:
            resolution = await self._until_trusted()
            self._state = states.found(resolution)
            plan = await self._plan(resolution)
        except EnvironmentFailed as error:
            message = error.message.partition("\n")[0]  # what the installer said is in the log
            state = replace(self._state, phase="failed", progress=None, in_sync=False)
            self._publish(replace(state, error=message, hint=error.hint))
            raise
        except asyncio.CancelledError:
            self._publish(replace(self._state, phase="none", progress=None))
            raise
        self._publish(replace(self._state, phase="starting", error=None, hint=None, restart=None))
        return plan

    async def _plan(self, resolution: Resolution) -> LaunchPlan:
        name, folder = kernel_name(self._notebook), self._folder
        self._current = None
        if resolution.kernelspec is not None:
            return LaunchPlan(name=resolution.kernelspec, cwd=folder)
        if resolution.source == "deno":
            return plans.deno_plan(name, folder)
        if resolution.python is not None:
            self._publish(await self._checked(resolution))
            return plans.python_plan(name, resolution.python, folder)
        environment = await self._build(resolution)
        self._current = environment
        self._publish(replace(self._state, **states.made(environment)))
        return plans.python_plan(name, environment.python, folder)

    async def _build(self, resolution: Resolution, pins: tuple[str, ...] = ()) -> Environment:
        """The environment, built if need be, with what is said meanwhile on record. Raises EnvironmentFailed."""
        progress = Progress(lambda phase, log: self._publish(replace(self._state, phase=phase, log=log)))
        self._publish(replace(self._state, phase="resolving", log=(), error=None, hint=None))
        try:
            if resolution.dependencies is None:
                return await self._house.prewarmed(self._folder, progress.line)
            return await self._house.environment(resolution, self._folder, progress.line, pins)
        finally:
            progress.end()
            self._publish(replace(self._state, log=progress.lines))

    async def _until_trusted(self) -> Resolution:
        while True:
            self._moved.clear()
            resolution = await self._resolve()
            await self._judge(resolution)
            if not self._trust.asks:
                return resolution
            question = states.not_trusted(self._trust)
            if not self._a_person_waits():
                raise question
            self._publish(
                replace(states.found(resolution), phase="waiting", error=question.message, hint=question.hint)
            )
            await self._moved.wait()

    def _a_person_waits(self) -> bool:
        runtime = self._notebook.runtime
        queued = (runtime.execution(execution_id) for execution_id in runtime.queue())
        return any(one is not None and one.requested_by.kind == "person" for one in queued)

    # --- looking ------------------------------------------------------------------------------------------------------

    async def _resolve(self) -> Resolution:
        doc = self._notebook.doc
        code = [cell_id for cell_id in doc.cell_ids() if doc.cell_type(cell_id) == "code"]
        sources = {cell_id: doc.source(cell_id) for cell_id in code}
        self._headers = {cell_id for cell_id, source in sources.items() if _HEADER in source}
        settings = self._house.settings()
        wish = Wish(
            metadata=self._notebook.metadata,
            sources=list(sources.values()),
            folder=self._folder,
            kernelspecs={spec["name"]: spec["language"] for spec in await installed_kernels()},
            home=Path.home(),
            pool=("conda" if settings.environment_manager == "conda" else "uv") if settings.pool_size else None,
            default_kernel=settings.default_kernel,
        )
        return await asyncio.to_thread(resolve, wish, LocalFiles())

    async def _judge(self, resolution: Resolution) -> None:
        """Ask the record of approvals, and publish the verdict, with the question if there is one."""
        dependencies = resolution.dependencies
        if dependencies is None:
            trust = TrustState()
        else:
            verdict = await asyncio.to_thread(self._house.trust.verdict, dependencies)
            heads = tuple(head.hex() for head in self._notebook.doc.replica.heads())
            if self._trust.digest == dependencies.digest and self._trust.asks:
                heads = self._trust.heads  # the same question is not asked anew for every edit of a cell
            trust = states.question(resolution, dependencies, verdict, heads)
            self._shown[trust.heads] = trust.digest
            while len(self._shown) > SHOWN_KEPT:
                del self._shown[next(iter(self._shown))]
        if trust != self._trust or self._notebook.runtime.trust() != trust:
            self._trust = trust
            self._notebook.runtime.put_root(TRUST, trust_json(trust))
            self._notebook.touch()

    async def _look(self) -> None:
        """Read what is declared now, and say how that differs from what the kernel has."""
        try:
            resolution = await self._resolve()
            await self._judge(resolution)
            nothing_to_say = resolution.source == "kernelspec" and self._state == EnvironmentState()
            if nothing_to_say or self._changing.locked():
                pass  # who opens a notebook that runs where all do need not be told so
            elif self._state.phase in ("none", "ready", "failed"):
                self._publish(await self._checked(resolution))
        except EnvironmentFailed as error:
            self._publish(replace(self._state, in_sync=False, error=error.message, hint=error.hint))
        except OSError as error:  # of the record of approvals: then nothing is trusted
            logger.error("notebook %s: what may be installed cannot be looked up: %s", self._notebook.id, error)
        self._moved.set()

    async def _checked(self, resolution: Resolution) -> EnvironmentState:
        """How what is declared compares with what is there. While a kernel runs, with what that has."""
        running = self._host.kernel is not None
        declared = await asyncio.to_thread(states.declared_in, resolution)
        current, state = self._current, self._state
        found = states.found(resolution)
        if resolution.python is not None:
            installed = await asyncio.to_thread(installed_in, resolution.python.parent.parent)
            locked = await asyncio.to_thread(states.locked_in, resolution)
            differs = drift(declared, installed, locked)
            same = not running or state.source == resolution.source
        else:
            name = self._wanted(resolution)
            installed = dict(current.installed) if current is not None else {}
            differs = drift(declared, installed) if running and current is not None else []
            same = (
                not running or (current.name if current is not None else "") == name or self._is_prewarmed(resolution)
            )
        shown = {one: installed[one] for one in sorted(changes.names(declared)) if one in installed}
        told = tuple(
            {"name": d.name, "declared": d.declared, "locked": d.locked, "installed": d.installed} for d in differs
        )
        why = None if same else "What is declared has changed since the kernel started."
        return replace(
            found,
            phase=state.phase if running else "none",
            name=current.name if current is not None else "",
            python=state.python,
            log=state.log,
            declared=declared,
            installed=shown,
            drift=told,
            in_sync=same and not told,
            restart=why,
        )

    def _wanted(self, resolution: Resolution) -> str:
        dependencies = resolution.dependencies
        if dependencies is None:
            return ""
        project = resolution.path if resolution.source == "uv:pyproject" else None
        return self._house.name_of(dependencies, project)

    def _is_prewarmed(self, resolution: Resolution) -> bool:
        return resolution.source.endswith(":prewarmed") and self._state.source == resolution.source

    def _publish(self, state: EnvironmentState) -> None:
        if state != self._state or self._notebook.runtime.environment() != state:
            self._state = state
            self._notebook.runtime.put_root(ENV, environment_json(state))
            self._notebook.touch()

    # --- what peers ask -----------------------------------------------------------------------------------------------

    async def _serve_approve(self, body: ApproveDependencies, asked: Asked) -> dict[str, Any]:
        if asked.by.kind == "agent":
            raise WireError(ErrorCode.FORBIDDEN, "Agents may not approve what is installed.", "Ask a person to.")
        resolution = await self._resolve()
        await self._judge(resolution)
        dependencies = resolution.dependencies
        heads = tuple(head.hex() for head in body.heads)
        if dependencies is None or self._shown.get(heads) != body.digest or dependencies.digest != body.digest:
            raise StaleApproval()
        by = asked.by.name or asked.by.peer_id
        await asyncio.to_thread(self._house.trust.approve, dependencies, by, remember=body.remember)
        logger.info(
            "notebook %s: %s approved %s", self._notebook.id, by, ", ".join(dependencies.packages) or "a project"
        )
        await self._judge(resolution)
        self._moved.set()
        self._house.trust_changed()
        return {}

    async def _serve_add(self, body: AddPackages, asked: Asked) -> dict[str, Any]:
        async with self._changing:
            resolution = await self._resolve()
            settings = self._house.settings()
            packages = body.packages
            if resolution.source.endswith(":prewarmed"):  # what the notebook has had so far it shall keep
                packages = [*settings.pool_packages, *packages]
            metadata, manager = self._notebook.metadata, settings.environment_manager
            return await self._change(resolution, changes.adding(resolution, metadata, packages, manager), asked)

    async def _serve_remove(self, body: RemovePackages, asked: Asked) -> dict[str, Any]:
        async with self._changing:
            resolution = await self._resolve()
            change = changes.removing(resolution, self._notebook.metadata, body.packages)
            return await self._change(resolution, change, asked)

    async def _change(self, before: Resolution, change: changes.Change, asked: Asked) -> dict[str, Any]:
        """Install what is to be declared and say how to declare it. Raises EnvironmentFailed: then nothing changed."""
        wanted = change.dependencies
        answer: dict[str, Any] = {"declare": change.declare(), "installed": {}, "why": ""}
        verdict = await asyncio.to_thread(self._house.trust.verdict, wanted)
        if asked.by.kind == "agent" and verdict != "trusted":
            return self._answer(**{**answer, "status": "asks", "why": "A person has to approve it."})
        if before.dependencies is not None and self._trust.asks:
            raise states.not_trusted(self._trust)  # what is declared already, perhaps by somebody else
        resolution = replace(before, source=change.source, dependencies=wanted, kernelspec=None, python=None)
        was = self._state
        try:
            environment = await self._build(resolution, self._pins())
            status, why = self._bring_live(environment)
        except BaseException as error:
            told = error.message.partition("\n")[0] if isinstance(error, EnvironmentFailed) else None
            hint = error.hint if isinstance(error, EnvironmentFailed) else None
            self._publish(replace(was, log=self._state.log, error=told, hint=hint))
            raise
        by = asked.by.name or asked.by.peer_id
        await asyncio.to_thread(self._house.trust.approve, wanted, by)
        declared = (*wanted.packages, *wanted.pip)
        installed = {name: environment.installed[name] for name in wanted.names if name in environment.installed}
        about = states.made(environment) if status == "live" else {}
        phase = was.phase if was.phase in ("ready", "none") else "none"
        state = replace(self._state, phase=phase, error=None, hint=None, restart=why or None, in_sync=not why)
        about = {"installed": installed, **about}
        self._publish(replace(state, declared=declared, **about))
        return self._answer(**{**answer, "status": status, "why": why, "installed": installed})

    def _pins(self) -> tuple[str, ...]:
        """What the running kernel has, so that a new environment keeps to it where it can."""
        current = self._current
        if current is None or self._host.kernel is None or current.manager != "uv":
            return ()
        return tuple(f"{name}=={version}" for name, version in sorted(current.installed.items()))

    def _bring_live(self, environment: Environment) -> tuple[str, str]:
        """Give the running kernel this environment, if that can be; what came of it, and what stands in the way."""
        kernel, current = self._host.kernel, self._current
        if kernel is None:
            return "ready", ""
        if current is None:
            return "restart_needed", "The kernel runs outside of an environment of the notebook's own."
        if current.name == environment.name:
            return "live", ""
        if in_the_way := fits_live(current.installed, environment.installed):
            return "restart_needed", f"In the running kernel {'; '.join(in_the_way[:5])}."
        kernel.run_silently(plans.come_live(environment.folder))
        self._current = environment
        self._lease(environment, kernel)
        return "live", ""

    def _lease(self, environment: Environment, kernel: Kernel) -> None:
        """Note, once, that this kernel runs in it."""
        if self._leased != (environment.name, kernel.pid):
            self._leased = environment.name, kernel.pid
            with contextlib.suppress(OSError):  # then it may be removed while it is used, which its kernel will tell
                self._house.store.lease(environment, kernel.pid, kernel.began)

    async def _serve_sync(self, body: SyncEnvironment, asked: Asked) -> dict[str, Any]:
        async with self._changing:
            resolution = await self._resolve()
            await self._judge(resolution)
            if self._trust.asks:
                status, why = "asks", states.not_trusted(self._trust).message
            elif body.install:
                status, why = await self._synced(resolution)
            else:
                in_sync = (await self._checked(resolution)).in_sync
                status, why = ("in_sync" if in_sync else "differs"), ""
        if status == "restart_needed" and body.restart:
            await self._host.restart_kernel()
            status, why = "restarted", ""
        elif self._state.phase in ("none", "ready", "failed"):
            found = await self._checked(resolution)
            self._publish(replace(found, restart=why if status == "restart_needed" else found.restart))
        return self._answer(status=status, why=why)

    def _answer(self, **said: Any) -> dict[str, Any]:
        """An answer, with the heads of RuntimeDoc at which it is written what the answer is about."""
        return {**said, "heads": list(self._notebook.runtime.replica.heads())}

    async def _synced(self, resolution: Resolution) -> tuple[str, str]:
        kernel, name = self._host.kernel, self._wanted(resolution)
        if resolution.dependencies is None:
            same = kernel is None or (self._state.source == resolution.source and not name and self._current is None)
            same = same or self._is_prewarmed(resolution)
            return ("in_sync", "") if same else ("restart_needed", "The notebook runs elsewhere now.")
        was = self._state
        try:
            environment = await self._build(resolution, self._pins())
        except BaseException:
            self._publish(replace(was, log=self._state.log))
            raise
        if self._current is not None and self._current.name == environment.name:
            self._publish(replace(was, phase=was.phase))
            return "in_sync", ""
        status, why = self._bring_live(environment)
        about: Mapping[str, Any] = states.made(environment) if status == "live" else {}
        self._publish(replace(was, log=self._state.log, restart=why or None, in_sync=not why, **about))
        return status, why
