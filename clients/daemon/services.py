"""What is added to the running of notebooks by modules of their own: services, such as dataflow or environments.

A Service is one notebook's, made by a factory when the runner begins to serve the notebook, and given to the runner in
`clients.daemon.main`. It says which requests it serves, has a say in what a request runs, and is told what happens. All
of it on the loop and in the order in which it happened, after it is on record. It writes RuntimeDoc only through
`host.notebook.runtime`, in `edit()`, under root keys of its own, and calls `host.notebook.touch()` afterwards.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from clients.peer.notebook import Notebook
from notebook_doc.events import NotebookEvent
from notebook_doc.runtime_records import Execution, KernelState, Requester
from relay.requests import Execute

if TYPE_CHECKING:
    from clients.daemon.kernel import Kernel
    from clients.daemon.results.store import ResultStore

logger = logging.getLogger("quire.daemon")


@dataclass(frozen=True)
class Asked:
    """What is known of a request besides its body: its id, which is the same however often it arrives, and who asks."""

    request_id: str
    by: Requester


@dataclass(frozen=True)
class Chosen:
    """The cells that a request runs, in order, and what its result says besides their executions."""

    cell_ids: Sequence[str]
    told: Mapping[str, Any] = field(default_factory=dict)


# Serves one type of request body and returns the result; may raise WireError and NotebookDocError, which become the
# answer. The replica contains the heads that the request names.
Handler = Callable[[Any, Asked], Awaitable[dict[str, Any]]]
Served = Mapping[type, Handler]  # which request bodies somebody serves, and how


class Serves(Protocol):
    """A part of the daemon that answers requests."""

    def serves(self) -> Served:
        """Which, and how."""


class ServiceHost(Protocol):
    """What a service may do: the runner, seen from its services. Nothing of it runs yet when they are made."""

    notebook: Notebook  # the peer of the daemon, with both documents
    folder: Path  # where the notebook's file lies
    results: ResultStore  # where results of cells are kept

    @property
    def kernel(self) -> Kernel | None:
        """The kernel that runs, to be asked things; None if there is none."""

    def run_cells(self, cell_ids: Sequence[str], asked: Asked) -> list[str]:
        """Queue these cells, on nobody's request but the service's; `asked.request_id` must be new.

        Returns the executions' ids. Raises WireError, UnknownCell.
        """

    async def restart_kernel(self) -> None:
        """A fresh kernel, as RestartKernel gives."""

    async def shutdown_kernel(self, why: str) -> None:
        """End the kernel, as ShutdownKernel does; the notebook says why."""


class Service:
    """Does nothing; a service overrides what it is about."""

    def serves(self) -> Served:
        """The requests that it serves. A type of body is served by one."""
        return {}

    async def run(self) -> None:
        """What goes on beside, for as long as the notebook is served; it is cancelled in the end."""

    def cells_to_run(self, cell_ids: Sequence[str], asked: Execute) -> Chosen:
        """Which cells a request that means these runs, in this order. May raise WireError: then none is run."""
        return Chosen(cell_ids)

    def told_with(self, cell_id: str, source: str, restore: bool | None) -> Mapping[str, Any]:
        """What goes into the metadata of the request with which this source of a cell starts; `restore` as in
        `Manner`."""
        return {}

    def execution_changed(self, execution: Execution) -> None:
        """An execution was queued, has begun, or (`is_terminal`) has ended, with its outputs: its record as of then."""

    def notebook_changed(self, event: NotebookEvent) -> None:
        """Somebody edited the notebook."""

    def kernel_changed(self, state: KernelState) -> None:
        """The kernel starts, is ready, has died, is busy …"""


ServiceFactory = Callable[[ServiceHost], Service]


class Services:
    """All of a notebook's services as one. One that fails at what it is told is logged; the notebook goes on."""

    def __init__(self, services: Sequence[Service]) -> None:
        self.all = tuple(services)

    def cells_to_run(self, cell_ids: Sequence[str], asked: Execute) -> Chosen:
        """See Service."""
        told: dict[str, Any] = {}
        for service in self.all:
            chosen = service.cells_to_run(cell_ids, asked)
            cell_ids = chosen.cell_ids
            told |= chosen.told
        return Chosen(cell_ids, told)

    def told_with(self, cell_id: str, source: str, restore: bool | None) -> dict[str, Any]:
        """See Service. What fails is logged, and the cell runs."""
        told: dict[str, Any] = {}
        self._tell(lambda service: told.update(service.told_with(cell_id, source, restore)))
        return told

    def execution_changed(self, execution: Execution) -> None:
        """See Service."""
        self._tell(lambda service: service.execution_changed(execution))

    def notebook_changed(self, event: NotebookEvent) -> None:
        """See Service."""
        self._tell(lambda service: service.notebook_changed(event))

    def kernel_changed(self, state: KernelState) -> None:
        """See Service."""
        self._tell(lambda service: service.kernel_changed(state))

    def _tell(self, tell: Callable[[Service], None]) -> None:
        for service in self.all:
            try:
                tell(service)
            except Exception:
                logger.exception("%s failed; this is a bug, please report it", type(service).__name__)


def table_of(parts: Iterable[Served]) -> dict[type, Handler]:
    """One table of several, in which nothing is served twice."""
    table: dict[type, Handler] = {}
    for part in parts:
        for body, handler in part.items():
            assert body not in table, f"{body.__name__} is served by two"
            table[body] = handler
    return table
