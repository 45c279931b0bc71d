"""What the supervisor and the servers it starts say to each other: lines of JSON on the child's input and output.

The first line of a child's input is its order, which carries the token (an argument or the environment could be seen by
others). The input then stays open and empty: it ends when the supervisor does, however that ends, and a child that sees
it end saves and stops. A child says when it is ready, why it could not start, and in the end what it saved. Everything
that it logs goes to its standard error. The hub speaks so to the process that it starts for agents.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

import msgspec

_STDIN: Final = 0
_STDOUT: Final = 1
_STDERR: Final = 2


class HubOrder(msgspec.Struct, frozen=True, tag="hub"):
    """Run a hub here. `repr` is never printed."""

    state: str
    token: str
    port: int
    log_path: str


class DaemonOrder(msgspec.Struct, frozen=True, tag="daemon"):
    """Run a daemon for the hub at this address."""

    state: str
    token: str
    url: str
    log_path: str


class AgentsOrder(msgspec.Struct, frozen=True, tag="agents"):
    """Serve the agents' tools for the hub at this address, to what comes through this descriptor (`far_app`)."""

    url: str
    token: str
    door: int


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The server can be used; a hub says where."""

    url: str | None = None


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The server could not start, and why. `in_use`: another one has the state folder at the moment."""

    message: str
    hint: str = ""
    in_use: bool = False


class NotSaved(msgspec.Struct, frozen=True):
    """A file that could not be written in the end, and why."""

    path: str
    why: str


class Saved(msgspec.Struct, frozen=True, tag="saved"):
    """The files of the notebooks that were open when the hub was told to stop."""

    paths: tuple[str, ...]
    failed: tuple[NotSaved, ...] = ()

    def lines(self) -> list[str]:
        """It all in words, a line for each file."""
        lines = [f"Saved to {path}." for path in self.paths]
        return lines + [f"NOT saved to {lost.path}: {lost.why} The edits are kept." for lost in self.failed]


Order = HubOrder | DaemonOrder | AgentsOrder
Report = Ready | Failed | Saved


def encode_line(message: Order | Report) -> bytes:
    """A message with its newline."""
    return msgspec.json.encode(message) + b"\n"


def decode_report(line: bytes) -> Report | None:
    """What a child said; None for what is no report."""
    try:
        report: Report = msgspec.json.decode(line, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return report


class ChildEnd:
    """The child's end. Takes standard input and output for itself: later prints go to standard error."""

    def __init__(self) -> None:
        self._input = os.dup(_STDIN)
        self._output = os.dup(_STDOUT)
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), _STDIN)
        os.dup2(_STDERR, _STDOUT)

    def order(self) -> Order:
        """The order: waits for the first line of the input. Raises SystemExit if there is none."""
        line = bytearray()
        while not line.endswith(b"\n"):
            data = os.read(self._input, 1)  # not a byte of what follows, which belongs to the event loop
            if not data:
                sys.exit("Ended without an order. This command is started by `quire up`, not by hand.")
            line += data
        order: Order = msgspec.json.decode(bytes(line), type=Order)
        return order

    def report(self, report: Report) -> None:
        """Tell the supervisor, if it is there."""
        try:
            os.write(self._output, encode_line(report))
        except BrokenPipeError:
            return  # it has gone; what it would have been told is in the log

    def watch(self, on_stop: Callable[[], None], on_orphaned: Callable[[], None]) -> None:
        """From now on, tell of signals to stop, and of the supervisor's end. Belongs to the running event loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, on_stop)
        os.set_blocking(self._input, False)

        def look() -> None:
            try:
                data = os.read(self._input, 4096)
            except BlockingIOError:
                return
            if not data:
                loop.remove_reader(self._input)
                on_orphaned()

        loop.add_reader(self._input, look)
