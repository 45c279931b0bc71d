"""The environments of a daemon: one store, one record of what is trusted, one pool, for all of its notebooks.

A House gives each notebook its NotebookEnvironment, which is a service of that notebook's runner, and is the Resolver
that says what to launch: the notebook's own says so. It owns the pool and refills it in the background, as the settings
say; and clears away, when it begins, what killed builders have left and what nobody has used for long.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

from clients.daemon.environments import uv
from clients.daemon.environments.declared import DEFAULT_CHANNELS, Dependencies, requirement
from clients.daemon.environments.errors import EnvironmentFailed
from clients.daemon.environments.notebook_environment import NotebookEnvironment
from clients.daemon.environments.resolution import Resolution
from clients.daemon.environments.store import Build, Environment, EnvironmentStore, used
from clients.daemon.environments.trust import TrustStore
from clients.daemon.launch_plan import LaunchPlan
from clients.daemon.services import ServiceHost
from clients.peer.notebook import Notebook
from notebook_doc.settings import Settings

logger = logging.getLogger("quire.daemon")

# Where approvals and environments are, if not in the service's own state folder: `quire run` without a service makes a
# folder for one run, and approvals and environments are the user's, not the run's.
STATE_VARIABLE: Final = "QUIRE_ENVIRONMENTS"
# Seconds between attempts to fill the pool after one has failed: without a network none will succeed for a while.
REFILL_AGAIN: Final = 60.0
DAY: Final = 24 * 3600.0


class House:
    """See the module. `run` it beside the notebooks."""

    def __init__(self, state: Path, settings: Callable[[], Settings] = Settings) -> None:
        self.state = state = Path(os.environ.get(STATE_VARIABLE) or state)
        self.store = EnvironmentStore(state)
        self.trust = TrustStore(state)
        self.settings = settings
        self._notebooks: dict[str, NotebookEnvironment] = {}
        self._refill = asyncio.Event()

    # --- for notebooks ------------------------------------------------------------------------------------------------

    def service(self, host: ServiceHost) -> NotebookEnvironment:
        """The environment of a notebook that is being served from now on."""
        made = NotebookEnvironment(host, self)
        self._notebooks[host.notebook.id] = made
        return made

    async def resolve(self, notebook: Notebook, folder: Path) -> LaunchPlan:
        """See launch_plan.Resolver."""
        return await self._notebooks[notebook.id].plan(folder)

    def trust_changed(self) -> None:
        """Something was approved, which another notebook may have been waiting for."""
        for each in self._notebooks.values():
            each.look_again()

    def name_of(self, dependencies: Dependencies, project: Path | None) -> str:
        """What the environment of these is called. Two Pythons, and two projects, have different ones."""
        python = uv.interpreter(dependencies) if dependencies.manager == "uv" else dependencies.python
        about = "\0".join((dependencies.digest, python, sys.version, str(project or "")))
        return f"{dependencies.manager}-{sha256(about.encode()).hexdigest()[:24]}"

    async def environment(
        self,
        resolution: Resolution,
        folder: Path,
        on_line: Callable[[str], None],
        pins: tuple[str, ...] = (),
    ) -> Environment:
        """The environment that a notebook in `folder` asks for, built if need be. Raises EnvironmentFailed."""
        dependencies = resolution.dependencies
        assert dependencies is not None, "only what declares something is built"
        project = resolution.path if resolution.source == "uv:pyproject" else None
        name = self.name_of(dependencies, project)
        declared = (*dependencies.packages, *dependencies.pip)
        if dependencies.manager == "uv":
            order = uv.Order(dependencies=dependencies, folder=folder, project=project, pins=pins)
            found = await self.store.get(name, resolution.source, declared, _uv_build(order, on_line))
        else:
            from clients.daemon.environments.conda import builder  # brings rattler, which few need

            build = builder(dependencies, folder, on_line)
            found = await self.store.get(name, resolution.source, declared, build, in_place=True)
        await asyncio.to_thread(used, found)
        return found

    # --- the pool -----------------------------------------------------------------------------------------------------

    async def prewarmed(self, folder: Path, on_line: Callable[[str], None]) -> Environment:
        """An environment from the pool for one notebook alone; built now if the pool is empty."""
        key = self._pool_key()
        taken = await asyncio.to_thread(self.store.take, key)
        if taken is None:
            await self._prewarm(on_line)
            taken = await asyncio.to_thread(self.store.take, key)
        self._refill.set()
        if taken is None:
            raise EnvironmentFailed("Every prewarmed environment was taken at once.", "Run again.")
        return taken

    def kernel_ended(self) -> None:
        """Nobody may be using a prewarmed environment any more: it is cleared away before the pool is filled."""
        self._refill.set()

    def settings_changed(self) -> None:
        """The pool may be to be larger now."""
        self._refill.set()

    async def run(self) -> None:
        """Tidy up, then keep the pool filled, until cancelled."""
        try:
            await self.store.tidy()
            keep = self.settings().keep_environments_days * DAY
            for one in await asyncio.to_thread(self.store.unused, keep):
                logger.info("removing an environment that nobody has used for long: %s", one.name)
                await self.store.remove(one)
        except OSError as error:
            logger.warning("environments could not be tidied: %s", error)
        self._refill.set()
        while True:
            await self._refill.wait()
            self._refill.clear()
            try:
                await self.store.tidy()
                while await self._too_few():
                    await self._prewarm(lambda _: None)
            except EnvironmentFailed as error:
                logger.warning("the pool of environments could not be filled: %s", error.message)
                asyncio.get_running_loop().call_later(REFILL_AGAIN, self._refill.set)

    async def _too_few(self) -> bool:
        there = await asyncio.to_thread(self.store.pooled, self._pool_key())
        return len(there) < self.settings().pool_size

    async def _prewarm(self, on_line: Callable[[str], None]) -> None:
        dependencies = self._pool_dependencies()
        key, declared = self._pool_key(), dependencies.packages
        if dependencies.manager == "uv":
            order = uv.Order(dependencies=dependencies, folder=self.store.folder, compile=True)
            await self.store.prewarm(key, "uv:prewarmed", declared, _uv_build(order, on_line))
        else:
            from clients.daemon.environments.conda import builder  # brings rattler, which few need

            build = builder(dependencies, self.store.folder, on_line)
            await self.store.prewarm(key, "conda:prewarmed", declared, build, in_place=True)

    def _pool_dependencies(self) -> Dependencies:
        settings = self.settings()
        if settings.environment_manager == "conda":
            return Dependencies(manager="conda", packages=settings.pool_packages, channels=DEFAULT_CHANNELS)
        where = "the setting pool_packages"
        packages = tuple(sorted(requirement(one, where) for one in settings.pool_packages))
        return Dependencies(manager="uv", packages=packages)

    def _pool_key(self) -> str:
        return self.name_of(self._pool_dependencies(), None).partition("-")[2]


def _uv_build(order: uv.Order, on_line: Callable[[str], None]) -> Build:
    async def build(target: Path) -> None:
        await uv.build(order, target, on_line)

    return build
