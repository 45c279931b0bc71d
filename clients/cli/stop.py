"""`quire stop`: asks the service to save and stop, and waits until it has."""

from __future__ import annotations

import os
import signal
import time
from typing import Final

from clients.cli.errors import OK, CliError, ServiceFailed
from clients.cli.service import Service, find_service, state_folder

# Seconds between two looks whether it has ended.
LOOK_EVERY: Final = 0.05


def stop(seconds: float) -> int:
    """Stop the service. Returns 0 when none runs any more, also if none did. Raises ServiceFailed after `seconds`."""
    state = state_folder()
    service = find_service(state)
    if service is None:
        print(f"No service runs under {state}.")
        return OK
    paths = _open_paths(service)
    if service.supervisor is not None:  # without one, the others have noticed and are stopping
        os.kill(service.supervisor.pid, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while (still := find_service(state)) is not None:
        if time.monotonic() > deadline:
            process = still.supervisor or still.hub or still.daemon
            assert process is not None, "a service has at least one server"
            raise ServiceFailed(
                f"The service is still stopping after {seconds:.0f} s (process {process.pid}).",
                "`quire logs` says what it waits for. Killing it loses no edit that was acknowledged.",
            )
        time.sleep(LOOK_EVERY)
    for path in paths:
        print(f"Saved to {path}.")
    print("Stopped.")
    return OK


def _open_paths(service: Service) -> list[str]:
    try:
        return [notebook["path"] for notebook in service.hub_http.notebooks() if notebook["path"]]
    except CliError:
        return []  # it does not answer; it is stopped all the same
