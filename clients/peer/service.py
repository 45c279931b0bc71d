"""The local service: the one that runs under this user's state folder, started when none does.

It is found in the registry of running servers. Starting it is the command line's business (`quire up --detach`), which
is called as a process of its own, so that this library needs nothing of the hub, and which returns once the service can
be reached. What it said is in the error when it fails.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from clients.peer.errors import NoService
from clients.peer.hub_address import HubAddress, find_hub
from relay.errors import BadEndpoint
from relay.registry import running, state_dir

START: Final = (sys.executable, "-P", "-m", "clients.cli.main", "up", "--detach")
# Seconds for the service to be reachable: it imports its libraries, opens its store and answers, on a busy machine.
START_SECONDS: Final = 30.0
_TAIL_LINES: Final = 20


async def local_hub() -> HubAddress:
    """The running hub's address; it is started if none runs. Raises NoService, UnsafeState."""
    found = await asyncio.to_thread(find_hub)
    if found is None:
        await _start(START)
        found = await asyncio.to_thread(find_hub)
    if found is None:
        where = await asyncio.to_thread(state_dir)
        raise NoService(f"The service was started but is not entered under {where}.", _log_hint())
    return found


async def token_for(url: str) -> str:
    """The token of a hub that was named by its address: $QUIRE_TOKEN, or the registry's if it runs here.

    Raises BadEndpoint when neither says it.
    """
    if token := os.environ.get("QUIRE_TOKEN"):
        return token
    for entry in await asyncio.to_thread(running, "hub"):
        if entry.endpoint == url:
            return entry.token
    raise BadEndpoint(f"There is no token for the hub at {url}.", "Pass token=…, or set QUIRE_TOKEN.")


async def _start(command: Sequence[str]) -> None:
    with tempfile.TemporaryFile() as said:  # not a pipe, which a service that lives on could hold open
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
            )
        except OSError as error:
            raise NoService(f"The service cannot be started: {error}.", "Start it with `quire up`.") from error
        try:
            async with asyncio.timeout(START_SECONDS):
                code = await process.wait()
        except TimeoutError as error:
            message = f"The service did not come up within {START_SECONDS:.0f} s.{_tail(said)}"
            raise NoService(message, _log_hint()) from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if code != 0:
            raise NoService(f"The service could not be started (exit status {code}).{_tail(said)}", _log_hint())


def _tail(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().splitlines()[-_TAIL_LINES:]
    return "".join(f"\n    {line}" for line in lines) + "\n" if lines else ""


def _log_hint() -> str:
    """The end of the newest log, if there is one."""
    logs = sorted((state_dir() / "logs").glob("*.log"), key=_modified)
    if not logs:
        return "Try `quire up` in a terminal."
    with logs[-1].open("rb") as log:
        return f"The end of its log, {logs[-1]}:{_tail(log)}"


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # rotated away
        return 0.0
