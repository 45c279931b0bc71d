"""A real daemon in a process of its own that can be killed: `python -m tests.support.daemon URL TOKEN EPOCH_BYTES`."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator

from clients.daemon.main import run_daemon
from clients.peer.hub_address import HubAddress
from tests.support.hub import REPOSITORY


class DaemonProcess:
    """`kill` is kill -9; `start` brings another one."""

    def __init__(self, address: HubAddress, epoch_bytes: int) -> None:
        self._arguments = [address.url, address.token, str(epoch_bytes)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it looks for its hub by itself."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.daemon", *self._arguments], cwd=REPOSITORY
        )

    def kill(self) -> None:
        """End it without a word. Its kernels end by themselves once they notice."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


@contextlib.contextmanager
def daemon_process(address: HubAddress, epoch_bytes: int) -> Iterator[DaemonProcess]:
    """A daemon process that is running now and gone in the end."""
    process = DaemonProcess(address, epoch_bytes)
    process.start()
    try:
        yield process
    finally:
        process.kill()


if __name__ == "__main__":
    url, token, epoch_bytes = sys.argv[1:]
    asyncio.run(run_daemon(HubAddress(url, token), stop=asyncio.Event(), epoch_bytes=int(epoch_bytes)))
