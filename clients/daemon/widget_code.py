"""The browser code of widgets that the notebook's environment brings, for pages that show them.

Before JupyterLab, packages of widgets were published as AMD modules, and most still install one: as
`share/jupyter/nbextensions/<package>/index.js` of the environment. A WidgetCodes is a service of a notebook. It finds
such a module where the notebook's kernel runs, puts it among the hub's blobs, and answers with its name there; the page
hands the code to the frame that it draws the widget in, which has no network. It serves JavaScript below that folder
and nothing else, whatever a module is called or a link points to, of the environment that the running kernel has
(`environment_folders`): what a kernel says about itself is not asked.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any, Final

import psutil  # type: ignore[import-untyped]  # it ships no types

from clients.daemon.environments.store import EnvironmentStore
from clients.daemon.kernel import Kernel
from clients.daemon.services import Asked, Served, Service, ServiceHost
from clients.peer.errors import PeerError
from relay.errors import ErrorCode, WireError
from relay.requests import WidgetCode

MODULES: Final = Path("share", "jupyter", "nbextensions")
LARGEST: Final = 32 * 1024 * 1024  # bytes of a module; pythreejs, among the largest, has 0.6 MB
# A package, perhaps of an npm scope, and a path in it: no part is empty or begins with a dot.
_MODULE: Final = re.compile(r"(?:@?[A-Za-z0-9_-][\w.-]*)(?:/[A-Za-z0-9_-][\w.-]*){1,8}", re.ASCII)


class WidgetCodes(Service):
    """See the module."""

    def __init__(self, host: ServiceHost, store: EnvironmentStore) -> None:
        self._host = host
        self._notebook = host.notebook
        self._store = store

    def serves(self) -> Served:
        """See Service."""
        return {WidgetCode: self._serve}

    async def _serve(self, body: WidgetCode, asked: Asked) -> dict[str, Any]:
        kernel = self._host.kernel
        if kernel is None:
            raise WireError(ErrorCode.NO_KERNEL, "No kernel runs that could have it.", "Run the cell.")
        environment = self._notebook.runtime.environment().name
        code = await asyncio.to_thread(self._read, kernel, environment, body.module)
        if code is None:
            message = f'The environment of the notebook has no AMD module "{body.module}" below {MODULES.as_posix()}.'
            raise WireError(ErrorCode.NO_WIDGET_CODE, message, "Install the package that brings it.")
        try:
            name = await self._notebook.put_blob(code)
        except PeerError as error:
            raise WireError(ErrorCode.STORAGE, f"The module could not be kept: {error}", "Try again.") from error
        return {"blob": name, "size": len(code)}

    def _read(self, kernel: Kernel, environment: str | None, module: str) -> bytes | None:
        for folder in environment_folders(kernel.pid, self._store, environment):
            if (code := read_module(folder / MODULES, module)) is not None:
                return code
        return None


def environment_folders(pid: int, store: EnvironmentStore, environment: str | None) -> list[Path]:
    """Where the kernel of this process has its packages: the notebook's own environment, which it may have been given
    while it ran, and that of the Python that it was started with. Blocks for a look at the process."""
    found = store.find(environment) if environment else None
    folders = [] if found is None else [found.folder]
    try:
        program = Path(psutil.Process(pid).cmdline()[0])
    except (psutil.Error, IndexError):
        return folders
    if program.is_absolute() and program.parent.name in ("bin", "Scripts"):
        folders.append(program.parent.parent)
    return folders


def read_module(root: Path, module: str) -> bytes | None:
    """The code of an AMD module, `package/index` say; None if there is none below `root`. Blocks."""
    if _MODULE.fullmatch(module) is None:
        return None
    try:
        root = root.resolve(strict=True)
        path = (root / f"{module}.js").resolve(strict=True)
        if not path.is_relative_to(root) or not path.is_file() or path.stat().st_size > LARGEST:
            return None
        return path.read_bytes()
    except OSError:
        return None
