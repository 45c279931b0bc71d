"""A real daemon in a process of its own that can be killed: `python -m tests.support.daemon URL TOKEN STATE BYTES`."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from clients.daemon.epochs import EPOCH_BYTES
from clients.daemon.main import run_daemon
from clients.peer.hub_address import HubAddress
from tests.support.hub import REPOSITORY


class DaemonProcess:
    """A daemon that can be killed and started again. Its kernels outlive it, unless it is stopped."""

    def __init__(self, address: HubAddress, state: Path, epoch_bytes: int = EPOCH_BYTES) -> None:
        self.state = state
        self._arguments = [address.url, address.token, str(state), str(epoch_bytes)]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that runs now."""
        assert self._process is not None, "it was started"
        return self._process.pid

    def start(self) -> None:
        """Start one; it looks for its hub by itself."""
        command = [sys.executable, "-m", "tests.support.daemon", *self._arguments]
        self._process = subprocess.Popen(command, cwd=REPOSITORY)

    def kill(self) -> None:
        """As `kill -9`: without a word."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """As the supervisor does it: its kernels end with it."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None


@contextlib.contextmanager
def daemon_process(address: HubAddress, state: Path, epoch_bytes: int = EPOCH_BYTES) -> Iterator[DaemonProcess]:
    """A daemon process that is running now and gone in the end, with its kernels."""
    process = DaemonProcess(address, state, epoch_bytes)
    process.start()
    try:
        yield process
    finally:
        process.stop()


async def main(url: str, token: str, state: str, epoch_bytes: str) -> None:
    """Run until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await run_daemon(HubAddress(url, token), Path(state), stop=stop, epoch_bytes=int(epoch_bytes))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
