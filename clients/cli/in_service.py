"""A notebook for a command that needs its daemon: at the service that runs, or at a private one for the command alone.

A private service has its notebooks in a temporary folder, but approvals, environments and settings are the user's.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

from clients.cli.errors import NotebookUnusable, ServiceFailed, answered
from clients.cli.notebook_path import notebook_path
from clients.cli.service import Service, find_service, private_service, state_folder, wait_for_service
from clients.peer.errors import PeerError
from clients.peer.notebook import Notebook, this_program
from notebook_doc.errors import NotebookDocError
from relay.errors import WireError

DAEMON_SECONDS: Final = 30.0
R = TypeVar("R")


def with_notebook(path: Path | None, name: str, work: Callable[[Notebook], Awaitable[R]]) -> R:
    """Do this with the notebook, or the one that is meant where none is named; its file is saved afterwards.

    Raises CliError.
    """
    state = state_folder()
    with ExitStack() as stack:
        found = find_service(state)
        chosen = notebook_path(path) if path is not None else _only_one(found)
        if found is not None and found.supervisor is not None:
            service = wait_for_service(state)
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="quire-"))
            service = stack.enter_context(private_service(Path(folder)))
        try:
            return asyncio.run(_work(service, chosen, name, work))
        except (PeerError, WireError, NotebookDocError) as error:
            raise answered(getattr(error, "code", ""), error.message, error.hint) from error


async def _work(service: Service, path: Path, name: str, work: Callable[[Notebook], Awaitable[R]]) -> R:
    async with opened(service, path, name) as notebook:
        try:
            return await work(notebook)
        finally:
            await notebook.save()


@asynccontextmanager
async def opened(service: Service, path: Path, name: str) -> AsyncIterator[Notebook]:
    """The notebook at this service, once its daemon is there. Raises ServiceFailed."""
    notebook_id = await asyncio.to_thread(service.hub_http.open_notebook, path)
    async with Notebook.connect(notebook_id, service.address, peer=this_program(name)) as notebook:
        if not await notebook.until(lambda: any(one.peer.kind == "daemon" for one in notebook.peers), DAEMON_SECONDS):
            message = f"No daemon came to the notebook within {DAEMON_SECONDS:.0f} s."
            raise ServiceFailed(message, "`quire logs` says what keeps it.")
        yield notebook


def _only_one(service: Service | None) -> Path:
    """The notebook that is meant where none is named: the only one in this folder, or else the only open one."""
    here = sorted(Path.cwd().glob("*.ipynb"))
    if len(here) == 1:
        return here[0]
    if not here and service is not None and service.is_usable:
        paths = [one["path"] for one in service.hub_http.notebooks() if one["path"]]
        if len(paths) == 1:
            return Path(paths[0])
    count = f"{len(here)} notebooks" if here else "no notebook"
    raise NotebookUnusable(f"There is {count} in {os.getcwd()}, so it is not clear which is meant.", "Use -n NOTEBOOK.")
