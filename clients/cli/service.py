"""The service as other commands and programs see it: is one running here, and if not, start one.

"Here" is one state folder. A service is its supervisor, hub and daemon; it is found in the registry, and counts as
usable when its hub answers. What is started here runs in a session of its own and outlives whoever started it, except
a private service, which ends with its owner however that ends.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from clients.cli.errors import CannotStart, NotRunning
from clients.cli.hub_http import HubHttp
from clients.cli.log_file import log_file
from clients.cli.own_command import own_command
from relay.errors import UnsafeState
from relay.registry import ServerEntry, running, state_dir

if TYPE_CHECKING:
    import subprocess

    from clients.peer.hub_address import HubAddress

# Seconds a service has to answer after it was started, on a slow disk that is cold; one that ends is given up at once.
# And between two looks whether it does.
START_SECONDS: Final = 60.0
LOOK_EVERY: Final = 0.05
# Seconds a private service has to stop before it is left to itself: a little more than it gives its own servers.
PRIVATE_STOP_SECONDS: Final = 50.0
_TAIL_BYTES: Final = 2000  # of the log, in an error


@dataclass(frozen=True, slots=True)
class Service:
    """The servers that run under one state folder. At least one of them is there."""

    state: Path
    supervisor: ServerEntry | None
    hub: ServerEntry | None
    daemon: ServerEntry | None

    @property
    def hub_http(self) -> HubHttp:
        """Its hub. Raises NotRunning while it has none."""
        if self.hub is None:
            raise NotRunning(
                f"The service under {self.state} has no hub at the moment.", "Wait a moment; `quire logs` says why."
            )
        return HubHttp.of(self.hub)

    @property
    def address(self) -> HubAddress:
        """Its hub, as the full peer connects to it. Raises NotRunning while it has none."""
        from clients.peer.hub_address import HubAddress

        return HubAddress(self.hub_http.url, self.hub_http.token)

    @property
    def is_usable(self) -> bool:
        """Whether its hub answers."""
        return self.hub is not None and self.hub_http.is_healthy()


def state_folder() -> Path:
    """The state folder, made if need be. Raises CannotStart when it cannot be used."""
    try:
        return state_dir()
    except UnsafeState as error:
        raise CannotStart(error.message, error.hint) from error
    except OSError as error:
        where = os.environ.get("QUIRE_HOME") or error.filename
        raise CannotStart(
            f"The state folder {where} cannot be used: {error.strerror}.",
            "Set QUIRE_HOME to a folder that you can write to.",
        ) from error


def find_service(state: Path) -> Service | None:
    """The service that runs, or is starting or stopping, under this folder."""
    try:
        entries = running(state=state)
    except UnsafeState as error:
        raise CannotStart(error.message, error.hint) from error
    except OSError as error:
        raise CannotStart(f"{state} cannot be read: {error.strerror}.", "Check its permissions.") from error
    first = {entry.kind: entry for entry in reversed(entries)}
    if not first:
        return None
    return Service(state, first.get("supervisor"), first.get("hub"), first.get("daemon"))


def running_service(state: Path) -> Service:
    """The service. Raises NotRunning if there is none."""
    service = find_service(state)
    if service is None:
        raise NotRunning(f"No service runs under {state}.", "Start one with `quire up`.")
    return service


def wait_for_service(state: Path, gone: Callable[[], bool] = lambda: False, seconds: float = START_SECONDS) -> Service:
    """Wait until the service answers. Raises CannotStart if it does not, or as soon as `gone` says it never will."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        service = find_service(state)
        if service is not None and service.is_usable:
            return service
        if gone():
            raise CannotStart("The service ended before it could be used.", _what_it_said(state))
        time.sleep(LOOK_EVERY)
    raise CannotStart(f"The service did not answer within {seconds:.0f} s.", _what_it_said(state))


def start_service(state: Path) -> Service:
    """The service that runs; one is started in the background if there is none. Raises CannotStart."""
    service = find_service(state)
    if service is not None and service.is_usable:
        return service
    process = _start_supervisor(state)
    # It ends with 0 when another one was faster: then that one is waited for.
    return wait_for_service(state, gone=lambda: process.poll() not in (None, 0))


def ensure_service() -> HubAddress:
    """Where the service of this user's state folder is; starts it in the background if it does not run.

    Blocks, START_SECONDS at the most. Raises CannotStart, with what the log says.
    """
    return start_service(state_folder()).address


@contextmanager
def private_service(state: Path) -> Iterator[Service]:
    """A service under a folder of its own, for as long as the context; it stops too if this process is killed.

    Approvals, environments and settings are the user's, not the run's.
    """
    import subprocess

    supervisor = _start_supervisor(state, "--while-stdin-open", stdin=subprocess.PIPE, environments=state_folder())
    assert supervisor.stdin is not None, "asked for"
    try:
        yield wait_for_service(state, gone=lambda: supervisor.poll() is not None)
    finally:
        supervisor.stdin.close()
        try:
            supervisor.wait(PRIVATE_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            supervisor.kill()
            supervisor.wait()


def _start_supervisor(
    state: Path, *options: str, stdin: int | None = None, environments: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start `quire supervise` in a session of its own; what it prints, as when it crashes, goes to the log."""
    import subprocess

    theirs = {} if environments is None else {"QUIRE_ENVIRONMENTS": str(environments)}
    with log_file(state).open("ab") as log:
        return subprocess.Popen(
            own_command("supervise", *options),
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=log,
            stderr=log,
            cwd=state,
            env=os.environ | {"QUIRE_HOME": str(state)} | theirs,
            start_new_session=True,
        )


def _what_it_said(state: Path) -> str:
    path = log_file(state)
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()[-8:]
    except OSError:
        lines = []
    return "\n".join([f"The end of its log, {path}:", *(f"  {line}" for line in lines)])
