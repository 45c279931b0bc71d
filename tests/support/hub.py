"""A real hub for a test: in this process, or as a process of its own that can be killed and started again.

Both listen on a free port of 127.0.0.1 and keep their state in a folder of the test's. A HubProcess keeps its port and
token over restarts, as the command line's supervisor does, and is entered in the registry of running servers.
`python -m tests.support.hub STATE PORT TOKEN` is such a process; it prints its port when it listens.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from clients.peer.hub_address import HubAddress, HubClient
from relay.registry import Registration, ServerEntry, register
from sync_server.hub import Hub
from sync_server.serve import Listening, serve

TOKEN = "a token of this test"
VERSION = "0"
REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class RunningHub:
    """A hub in this process. `hub` is the object itself, for looking into."""

    address: HubAddress
    hub: Hub

    async def open(self, path: Path, *, create: bool = True) -> str:
        """Open a file; return its notebook's id."""
        return await open_notebook(self.address, path, create=create)


async def open_notebook(address: HubAddress, path: Path, *, create: bool = True) -> str:
    """Open a file at a hub; return its notebook's id."""
    client = HubClient(address)
    try:
        return await client.open_notebook(path, create=create)
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def hub_here(state: Path, *, port: int = 0, token: str = TOKEN) -> AsyncIterator[RunningHub]:
    """A hub on this event loop until the context is left, which stops it in order."""
    stop = asyncio.Event()
    listening: asyncio.Future[Listening] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        serve(state, token, VERSION, port=port, stop=stop, on_listening=listening.set_result), name="the test's hub"
    )
    try:
        await asyncio.wait([serving, listening], return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        told = listening.result()
        yield RunningHub(HubAddress(told.url, token), told.hub)
    finally:
        stop.set()
        await serving


class HubProcess:
    """A hub in a process of its own. `kill` is kill -9; `start` brings it back on the same port with the same token."""

    def __init__(self, state: Path, token: str = TOKEN) -> None:
        self.state, self.token, self.port = state, token, 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> HubAddress:
        """Where it listens, also while it is down."""
        return HubAddress(f"http://127.0.0.1:{self.port}", self.token)

    def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.hub", str(self.state), str(self.port), self.token],
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, "QUIRE_HOME": str(self.state)},
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.strip().isdigit(), "the hub's process has ended instead of listening; see its standard error"
        self.port = int(line)

    def kill(self) -> None:
        """End it without a word, as kill -9 does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order; files are saved."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


@contextlib.contextmanager
def hub_process(state: Path, token: str = TOKEN) -> Iterator[HubProcess]:
    """A hub process that is running now and gone in the end."""
    process = HubProcess(state, token)
    process.start()
    try:
        yield process
    finally:
        process.kill()


async def _main(state: Path, port: int, token: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def announce(listening: Listening) -> None:
        entry = ServerEntry.of_this_process("hub", endpoint=listening.url, version=VERSION, token=token)
        registered.append(register(entry, state))
        print(listening.port, flush=True)  # noqa: T201  # how the test learns where it listens

    registered: list[Registration] = []
    try:
        await serve(state, token, VERSION, port=port, stop=stop, on_listening=announce)
    finally:
        for registration in registered:
            registration.remove()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
