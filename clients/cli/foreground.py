"""A supervisor run by this process, with its signals: under `quire up`, and in the background under `quire supervise`.

The first SIGINT, SIGTERM or SIGHUP stops the service cleanly, the second one at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from clients.cli.errors import INTERRUPTED, OK, CliError
from clients.cli.log_file import log_file
from clients.cli.log_sink import LogSink
from clients.cli.service_lock import ServiceLock
from clients.cli.supervisor import Supervisor

Opened = Callable[[Supervisor], Awaitable[str]]


async def run_in_foreground(state: Path, port: int, lock: ServiceLock, greet: Opened) -> int:
    """Run the service until a signal ends it, its log on the terminal. Returns the exit code. Raises CliError.

    `greet` is called when the service can be used, and returns what to show above the log. If it fails, so does this.
    """
    sink = LogSink(log_file(state), sys.stdout)
    supervisor = Supervisor(state, port, sink, log_file(state))
    failure: list[CliError] = []

    async def greeted() -> None:
        try:
            sink.show(await greet(supervisor))
        except CliError as error:
            failure.append(error)
            supervisor.stop()

    greeting: list[asyncio.Task[None]] = []
    _stop_on_signals(supervisor, lambda: sink.show("\nStopping. Ctrl-C again ends everything at once."))
    try:
        await supervisor.run(lambda: greeting.append(asyncio.create_task(greeted(), name="greet")))
        await asyncio.gather(*greeting)
        if failure:
            raise failure[0]
        for line in _farewell(supervisor):
            sink.show(line)
    finally:
        sink.close()
        lock.release()
    return INTERRUPTED if supervisor.forced else OK


async def run_in_background(state: Path, lock: ServiceLock, *, while_stdin_open: bool) -> int:
    """Run the service until it is stopped by `quire stop`, or, if asked for, until standard input ends."""
    sink = LogSink(log_file(state))
    supervisor = Supervisor(state, 0, sink, log_file(state))
    _stop_on_signals(supervisor, lambda: None)
    if while_stdin_open:
        _stop_at_end_of_input(supervisor)
    try:
        await supervisor.run(lambda: sink.say("INFO", "supervisor", f"the service runs at {supervisor.url}"))
    except CliError as error:
        sink.say("ERROR", "supervisor", str(error))
        return error.exit_code
    finally:
        sink.close()
        lock.release()
    return OK


def _stop_on_signals(supervisor: Supervisor, on_first: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    stopping = False

    def stop() -> None:
        nonlocal stopping
        if not stopping:
            stopping = True
            on_first()
        supervisor.stop()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)


def _stop_at_end_of_input(supervisor: Supervisor) -> None:
    loop = asyncio.get_running_loop()

    def look() -> None:
        if not os.read(0, 4096):
            loop.remove_reader(0)
            supervisor.stop()

    loop.add_reader(0, look)


def _farewell(supervisor: Supervisor) -> list[str]:
    saved = supervisor.saved
    if supervisor.forced:
        kept = "Every edit that was acknowledged is kept; a file gets the rest when its notebook is next opened."
        return [f"Ended at once. {kept}"]
    if saved is None:
        return ["Stopped. The hub did not say what it saved; `quire logs` tells what happened."]
    return [*saved.lines(), "Stopped."]
