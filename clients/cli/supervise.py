"""`quire supervise`: the service in the background, as other commands start it."""

from __future__ import annotations

import asyncio

from clients.cli.errors import OK
from clients.cli.foreground import run_in_background
from clients.cli.service import state_folder
from clients.cli.service_lock import ServiceLock


def supervise(*, while_stdin_open: bool) -> int:
    """Run the service until it is stopped. Returns 0 at once if another one runs under this folder already."""
    state = state_folder()
    lock = ServiceLock.take(state)
    if lock is None:
        return OK
    return asyncio.run(run_in_background(state, lock, while_stdin_open=while_stdin_open))
