"""Looking at one notebook: where it is to run, what it would be built of, and how that compares with what is there.

A Look changes nothing but what `build` puts into the daemon's store. It reads the notebook and the files around it each
time, so what it says is so at the moment it is asked.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from clients.daemon.environments import changes, states
from clients.daemon.environments.drift import drift
from clients.daemon.environments.files import LocalFiles
from clients.daemon.environments.record import EnvironmentRecord
from clients.daemon.environments.resolution import Asked, Resolution, resolve
from clients.daemon.environments.runs_in import RunsIn
from clients.daemon.environments.store import Environment, installed_in
from clients.daemon.kernelspecs import installed_kernels
from clients.daemon.services import ServiceHost
from notebook_doc.environment_state import EnvironmentState

if TYPE_CHECKING:
    from clients.daemon.environments.house import House

HEADER_MARK: Final = "# /// script"


class Look:
    """See the module. `folder` is where the kernel runs and from where projects are looked for; `headers` are the cells
    that had a PEP 723 header when it was last resolved."""

    def __init__(self, host: ServiceHost, house: House, record: EnvironmentRecord, runs_in: RunsIn) -> None:
        self._host = host
        self._notebook = host.notebook
        self._house = house
        self._record = record
        self._runs_in = runs_in
        self.folder = host.folder
        self.headers: set[str] = set()

    async def resolve(self) -> Resolution:
        """Where it is to run. Raises EnvironmentFailed for a declaration that cannot be read."""
        doc = self._notebook.doc
        code = [cell_id for cell_id in doc.cell_ids() if doc.cell_type(cell_id) == "code"]
        sources = {cell_id: doc.source(cell_id) for cell_id in code}
        self.headers = {cell_id for cell_id, source in sources.items() if HEADER_MARK in source}
        settings = self._house.settings()
        wish = Asked(
            metadata=self._notebook.metadata,
            sources=sources,
            folder=self.folder,
            kernelspecs={spec["name"]: spec["language"] for spec in await installed_kernels()},
            home=Path.home(),
            pool=("conda" if settings.environment_manager == "conda" else "uv") if settings.pool_size else None,
            default_kernel=settings.default_kernel,
        )
        return await asyncio.to_thread(resolve, wish, LocalFiles())

    async def build(self, resolution: Resolution, pins: tuple[str, ...] = ()) -> Environment:
        """The environment, built if need be, with what is said meanwhile on record. Raises EnvironmentFailed."""
        with self._record.telling() as say:
            if resolution.dependencies is None:
                return await self._house.prewarmed(self.folder, say)
            return await self._house.environment(resolution, self.folder, say, pins)

    async def checked(self, resolution: Resolution) -> EnvironmentState:
        """How what is declared compares with what is there. While a kernel runs, with what that has."""
        running = self._host.kernel is not None
        declared = await asyncio.to_thread(states.declared_in, resolution)
        current, state = self._runs_in.environment, self._record.state
        found = states.found(resolution)
        if resolution.python is not None:
            installed = await asyncio.to_thread(installed_in, resolution.python.parent.parent)
            locked = await asyncio.to_thread(states.locked_in, resolution)
            differs = drift(declared, installed, locked)
            same = not running or state.source == resolution.source
        else:
            name = self.wanted(resolution)
            installed = dict(current.installed) if current is not None else {}
            differs = drift(declared, installed) if running and current is not None else []
            same = not running or (current.name if current is not None else "") == name or self.is_prewarmed(resolution)
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

    def wanted(self, resolution: Resolution) -> str:
        """What the environment of these dependencies is called; empty if nothing is built."""
        dependencies = resolution.dependencies
        if dependencies is None:
            return ""
        project = resolution.path if resolution.source == "uv:pyproject" else None
        return self._house.name_of(dependencies, project)

    def is_prewarmed(self, resolution: Resolution) -> bool:
        """Whether it is to run in a prewarmed environment, and does."""
        return resolution.source.endswith(":prewarmed") and self._record.state.source == resolution.source
