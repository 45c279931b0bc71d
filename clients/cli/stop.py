"""`quire stop`: asks the service to save and stop, and waits until its processes have ended."""

from __future__ import annotations

from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types

from clients.cli.errors import OK, ServiceFailed
from clients.cli.log_file import log_file
from clients.cli.log_line import parse
from clients.cli.service import Service, find_service, state_folder
from clients.cli.waiting import wait_for_end
from clients.daemon.keeper.manifest import reap_all


def stop(seconds: float) -> int:
    """Stop the service. Returns 0 when none runs any more, also if none did. Raises ServiceFailed after `seconds`."""
    state = state_folder()
    service = find_service(state)
    if service is None:
        _end_kernels(state)
        print(f"No service runs under {state}.")
        return OK
    log = log_file(state)
    logged_before = _size(log)
    processes = _processes(service)
    if service.supervisor is not None:  # without one, the others have noticed and are stopping
        for process in processes:
            if process.pid == service.supervisor.pid:
                process.terminate()
    still = wait_for_end(processes, seconds)
    if still:
        raise ServiceFailed(
            f"The service is still stopping after {seconds:g} s (process {still[0].pid}).",
            "`quire logs` says what it waits for. Killing it loses no edit that was acknowledged.",
        )
    _end_kernels(state)
    for line in _what_was_saved(log, logged_before):
        print(line)
    print("Stopped.")
    return OK


def _end_kernels(state: Path) -> None:
    """End kernels that were left running by a service that was killed as a whole."""
    if count := reap_all(state):
        print(f"Ended {count} kernel{'s' * (count > 1)} that had been left running.")


def _processes(service: Service) -> list[psutil.Process]:
    """The processes of the servers that still run."""
    found: list[psutil.Process] = []
    for entry in (service.supervisor, service.daemon, service.hub):
        try:
            if entry is not None:
                found.append(psutil.Process(entry.pid))
        except psutil.NoSuchProcess:
            continue
    return found


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def _what_was_saved(log: Path, since: int) -> list[str]:
    """What the supervisor has logged about files from this place of its log on."""
    if not log.exists():
        return []
    with log.open(encoding="utf-8", errors="replace") as file:
        file.seek(since if since <= _size(log) else 0)  # smaller: it was begun anew
        events = [parse(line.rstrip("\n")) for line in file]
    return [
        event.text
        for event in events
        if event is not None and event.source == "supervisor" and event.text.startswith(("Saved to ", "NOT saved to "))
    ]
