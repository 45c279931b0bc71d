"""Packages of one notebook, changed on request: added, removed, brought in line with what is declared.

A PackageChanges serves these requests, one at a time. It promises that a failed install leaves environment, metadata,
files and kernel as they were; that an agent installs nothing that nobody approved, and changes no file; and that the
answer says what the asking peer is to declare. It never writes NotebookDoc.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clients.daemon.environments import changes, project_change, states
from clients.daemon.environments.declared import Dependencies
from clients.daemon.environments.errors import EnvironmentFailed
from clients.daemon.environments.files import LocalFiles
from clients.daemon.environments.look import Look
from clients.daemon.environments.question import TrustQuestion
from clients.daemon.environments.record import EnvironmentRecord
from clients.daemon.environments.resolution import Resolution
from clients.daemon.environments.runs_in import RunsIn
from clients.daemon.environments.store import Environment, installed_in
from clients.daemon.services import Asked, Served, ServiceHost
from relay.requests import AddPackages, RemovePackages, SyncEnvironment

if TYPE_CHECKING:
    from clients.daemon.environments.house import House


class PackageChanges:
    """See the module. `look_again` is called when a change is done, if somebody wanted to look meanwhile."""

    def __init__(
        self,
        host: ServiceHost,
        house: House,
        *,
        look: Look,
        record: EnvironmentRecord,
        question: TrustQuestion,
        runs_in: RunsIn,
        look_again: Callable[[], None],
    ) -> None:
        self._host = host
        self._notebook = host.notebook
        self._house = house
        self._look = look
        self._record = record
        self._question = question
        self._runs_in = runs_in
        self._look_again = look_again
        self._look_is_due = False
        self._changing = asyncio.Lock()

    @property
    def under_way(self) -> bool:
        """Whether something is being changed: what is declared and what is installed may differ for this long."""
        return self._changing.locked()

    def look_when_done(self) -> None:
        """Have the notebook looked at when this change is done."""
        self._look_is_due = True

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        try:
            async with self._changing:
                yield
        finally:
            if self._look_is_due:
                self._look_is_due = False
                self._look_again()

    def serves(self) -> Served:
        """Which requests."""
        return {AddPackages: self._serve_add, RemovePackages: self._serve_remove, SyncEnvironment: self._serve_sync}

    async def _serve_add(self, body: AddPackages, asked: Asked) -> dict[str, Any]:
        async with self._alone():
            resolution = await self._look.resolve()
            settings = self._house.settings()
            packages = body.packages
            if resolution.source.endswith(":prewarmed"):  # what the notebook has had so far it shall keep
                packages = [*settings.pool_packages, *packages]
            text = await self._text_of(resolution)
            about = (resolution, self._notebook.metadata, packages, settings.environment_manager, text)
            return await self._change(resolution, changes.adding(*about), asked)

    async def _serve_remove(self, body: RemovePackages, asked: Asked) -> dict[str, Any]:
        async with self._alone():
            resolution = await self._look.resolve()
            text = await self._text_of(resolution)
            change = changes.removing(resolution, self._notebook.metadata, body.packages, text)
            return await self._change(resolution, change, asked)

    async def _text_of(self, resolution: Resolution) -> str | None:
        """The cell or the file that declares the packages, where one does."""
        if resolution.cell_id is not None:
            return self._notebook.doc.source(resolution.cell_id) if resolution.cell_id in self._notebook.doc else ""
        if resolution.source not in ("conda:pixi", "conda:env_yml") or resolution.path is None:
            return None
        return (await asyncio.to_thread(LocalFiles().read, resolution.path) or b"").decode()

    async def _change(self, before: Resolution, change: changes.Change, asked: Asked) -> dict[str, Any]:
        """Install what is to be declared and say how to declare it. Raises EnvironmentFailed: then nothing changed."""
        if asked.by.kind == "agent" and not await self._may_unasked(change):
            in_file = isinstance(change.how, changes.InFile | changes.ByUv)
            declare = None if in_file else change.declare()  # a file is not the notebook's: a person changes it
            return self._answer(status="asks", why="A person has to approve it.", declare=declare, installed={})
        if before.dependencies is not None and self._question.state.asks:
            raise states.not_trusted(self._question.state)  # what is declared already, perhaps by somebody else
        was = self._record.state
        try:
            if isinstance(change.how, changes.ByUv):
                answer = await self._change_project(change.how, asked)
            else:
                answer = await self._change_declared(before, change, asked)
        except BaseException as error:
            told = error.message.partition("\n")[0] if isinstance(error, EnvironmentFailed) else None
            hint = error.hint if isinstance(error, EnvironmentFailed) else None
            self._record.publish(replace(was, log=self._record.state.log, error=told, hint=hint))
            raise
        phase = was.phase if was.phase in ("ready", "none") else "none"
        why = answer["why"]
        state = replace(self._record.state, phase=phase, error=None, hint=None, restart=why or None, in_sync=not why)
        self._record.publish(state)
        return self._answer(**answer)

    async def _may_unasked(self, change: changes.Change) -> bool:
        wanted = change.dependencies
        return wanted is not None and await asyncio.to_thread(self._house.trust.verdict, wanted) == "trusted"

    async def _change_declared(self, before: Resolution, change: changes.Change, asked: Asked) -> dict[str, Any]:
        """Build what is to be declared; a file that declares it is written when that is done."""
        wanted = change.dependencies
        assert wanted is not None, "only of a project uv says what it will be"
        resolution = replace(before, source=change.source, dependencies=wanted, kernelspec=None, python=None)
        environment = await self._look.build(resolution, self._runs_in.pins())
        if isinstance(change.how, changes.InFile):
            await project_change.write(change.how)
        return {"declare": change.declare(), **await self._take_up(wanted, environment, asked)}

    async def _change_project(self, how: changes.ByUv, asked: Asked) -> dict[str, Any]:
        """Have uv change the project, and bring that into its environment, or into one that is built for it."""
        project = await asyncio.to_thread(project_change.ProjectChange, how.path)
        try:
            with self._record.telling() as say:
                await project.declare(how.add, how.remove, say)
            resolution = await self._look.resolve()
            if resolution.path != how.path:
                raise EnvironmentFailed("The notebook runs elsewhere now.", "Try again.")
            if resolution.dependencies is not None:
                environment = await self._look.build(resolution, self._runs_in.pins())
                answer = await self._take_up(resolution.dependencies, environment, asked)
            else:
                assert resolution.python is not None, "a project has dependencies or an environment of its own"
                answer = await self._install_in_own(project, resolution.python, how)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(project.take_back))
            raise
        return {"declare": None, **answer}

    async def _install_in_own(
        self, project: project_change.ProjectChange, python: Path, how: changes.ByUv
    ) -> dict[str, Any]:
        folder = python.parent.parent
        before = await asyncio.to_thread(installed_in, folder)
        with self._record.telling() as say:
            await project.install(python, how.add, say)
        after = await asyncio.to_thread(installed_in, folder)
        installed = {name: after[name] for name in changes.names(how.add) if name in after}
        elsewhere = self._record.state.python != str(python)
        status, why = self._runs_in.came_into_own(before, after, elsewhere=elsewhere)
        self._record.publish(await self._look.checked(await self._look.resolve()))
        return {"installed": installed, "status": status, "why": why}

    async def _take_up(self, wanted: Dependencies, environment: Environment, asked: Asked) -> dict[str, Any]:
        """What was asked for is built: that is an approval of it, and the kernel has it if that can be."""
        status, why = self._runs_in.bring_live(environment)
        await asyncio.to_thread(self._house.trust.approve, wanted, asked.by.name or asked.by.peer_id)
        installed = {name: environment.installed[name] for name in wanted.names if name in environment.installed}
        about = states.made(environment) if status == "live" else {}
        declared = (*wanted.packages, *wanted.pip)
        self._record.publish(replace(self._record.state, declared=declared, **{"installed": installed, **about}))
        return {"installed": installed, "status": status, "why": why}

    async def _serve_sync(self, body: SyncEnvironment, asked: Asked) -> dict[str, Any]:
        async with self._alone():
            resolution = await self._look.resolve()
            await self._question.judge(resolution)
            if self._question.state.asks:
                status, why = "asks", states.not_trusted(self._question.state).message
            elif body.install:
                status, why = await self._synced(resolution)
            else:
                in_sync = (await self._look.checked(resolution)).in_sync
                status, why = ("in_sync" if in_sync else "differs"), ""
        if status == "restart_needed" and body.restart:
            await self._host.restart_kernel()
            status, why = "restarted", ""
        elif self._record.state.phase in ("none", "ready", "failed"):
            found = await self._look.checked(resolution)
            self._record.publish(replace(found, restart=why if status == "restart_needed" else found.restart))
        return self._answer(status=status, why=why)

    async def _synced(self, resolution: Resolution) -> tuple[str, str]:
        kernel, name = self._host.kernel, self._look.wanted(resolution)
        if resolution.dependencies is None:
            same = kernel is None or self._look.is_prewarmed(resolution)
            unbuilt = not name and self._runs_in.environment is None
            same = same or (self._record.state.source == resolution.source and unbuilt)
            return ("in_sync", "") if same else ("restart_needed", "The notebook runs elsewhere now.")
        was = self._record.state
        try:
            environment = await self._look.build(resolution, self._runs_in.pins())
        except BaseException:
            self._record.publish(replace(was, log=self._record.state.log))
            raise
        if self._runs_in.environment is not None and self._runs_in.environment.name == environment.name:
            self._record.publish(replace(was, phase=was.phase))
            return "in_sync", ""
        status, why = self._runs_in.bring_live(environment)
        about: Mapping[str, Any] = states.made(environment) if status == "live" else {}
        self._record.publish(replace(was, log=self._record.state.log, restart=why or None, in_sync=not why, **about))
        return status, why

    def _answer(self, **said: Any) -> dict[str, Any]:
        """An answer, with the heads of RuntimeDoc at which it is written what the answer is about."""
        return {**said, "heads": list(self._notebook.runtime.replica.heads())}
