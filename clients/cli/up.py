"""`quire up`: the service in this terminal with a notebook open in it, or that notebook in the service that runs.

The path is looked at before anything is started, so a slip costs nothing.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import webbrowser
from pathlib import Path
from typing import Final, Literal

from clients.cli.errors import OK
from clients.cli.foreground import run_in_foreground
from clients.cli.hub_http import HubHttp
from clients.cli.notebook_path import notebook_path
from clients.cli.service import Service, start_service, state_folder, wait_for_service
from clients.cli.service_lock import ServiceLock
from clients.cli.supervisor import Supervisor
from clients.cli.version import version
from clients.cli.web_page import web_page

_LABEL_WIDTH: Final = 12

PageRole = Literal["editor", "runner", "viewer"]


def up(path: Path | None, *, port: int, browser: bool, create: bool, detach: bool) -> int:
    """See the module. Returns the exit code. Raises CliError."""
    notebook = None if path is None else notebook_path(path, may_be_missing=create)
    state = state_folder()
    if detach:
        _open_in(start_service(state), notebook, create=create, browser=browser)
        return OK
    lock = ServiceLock.take(state)
    if lock is None:
        service = wait_for_service(state)
        if port and service.hub is not None and service.hub.endpoint != f"http://127.0.0.1:{port}":
            print(f"Note: the service runs already, at another port than {port}.")
        _open_in(service, notebook, create=create, browser=browser)
        return OK

    async def greet(supervisor: Supervisor) -> str:
        hub = HubHttp(supervisor.url, supervisor.token)
        return await asyncio.to_thread(_opened, hub, notebook, create, browser, "Ctrl-C")

    return asyncio.run(run_in_foreground(state, port, lock, greet))


def open_here(path: Path, *, create: bool, browser: bool, role: PageRole, service: Service) -> int:
    """`quire open`: a notebook in the service that runs."""
    _open_in(service, notebook_path(path, may_be_missing=create), create=create, browser=browser, role=role)
    return OK


def _open_in(
    service: Service, notebook: Path | None, *, create: bool, browser: bool, role: PageRole = "editor"
) -> None:
    print(_opened(service.hub_http, notebook, create, browser, "quire stop", role))
    if service.supervisor is not None:
        print(_row("service", f"process {service.supervisor.pid}, its state in {service.state}"))


def _opened(
    hub: HubHttp, notebook: Path | None, create: bool, browser: bool, how_to_stop: str, role: PageRole = "editor"
) -> str:
    """Open the notebook and say where everything is."""
    rows = [f"Quire {version()}", ""]
    place = "/"
    if notebook is not None:
        notebook_id = hub.open_notebook(notebook, create=create)
        rows += [_row("notebook", str(notebook)), _row("id", notebook_id)]
        if web_page() is not None:
            place = f"/notebooks/{notebook_id}" + ("" if role == "editor" else f"?role={role}")
        else:
            rows.append(_row("page", "was not built; installing Quire again, with the network at hand, builds it"))
    rows += [
        _row("address", hub.url),
        _row("browser", hub.login_link(place)),
        _row("", "(this link logs one browser in, once, within ten minutes)"),
    ]
    if notebook is not None:
        rows.append(_row("Python", f'quire.open("{notebook}")'))
    rows.append(_row("to stop", how_to_stop))
    if browser and _has_a_desktop():
        link = hub.login_link(place)
        threading.Thread(target=webbrowser.open, args=(link,), name="open the browser", daemon=True).start()
    return "\n".join([*rows, ""])


def _row(label: str, text: str) -> str:
    return f"  {label:<{_LABEL_WIDTH}}{text}"


def _has_a_desktop() -> bool:
    """Whether a browser would open in a window: one that opens in this terminal would take it over."""
    if not sys.stdout.isatty():
        return False
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
