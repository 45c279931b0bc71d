"""A server as a child process: started with its order, listened to, and ended.

A Child owns the process, the pipe that keeps it alive (see `control`), and the two tasks that read what it says. It
promises that every line it logs reaches the sink, however it was cut into reads and however long; that `ended` has a
result as soon as the process is gone; and that `stop` returns with the process gone.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final

from clients.cli.control import Order, Report, decode_report, encode_line
from clients.cli.log_line import clean, parse
from clients.cli.log_sink import LogSink
from clients.cli.own_command import own_command

_READ_BYTES: Final = 64 * 1024
_LONGEST_LINE: Final = 64 * 1024  # bytes; what is longer is cut into several
_PIPES_SECONDS: Final = 1.0  # that the pipes of an ended process have to be read out


class Child:
    """See the module. Made by `start`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, sink: LogSink) -> None:
        self.name = name
        self._process = process
        self._sink = sink
        self._readers: list[asyncio.Task[None]] = []

    @classmethod
    async def start(cls, name: str, sink: LogSink, on_report: Callable[[Report], None]) -> Child:
        """Start `quire serve-<name>` and listen to it; it waits for its order. Raises OSError if that fails."""
        process = await asyncio.create_subprocess_exec(
            *own_command(f"serve-{name}"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the terminal is for the supervisor, which ends its children in order
        )
        assert process.stdout is not None, "asked for"
        assert process.stderr is not None, "asked for"
        child = cls(name, process, sink)
        child._readers = [
            asyncio.create_task(child._hear(process.stdout, on_report), name=f"hear the {name}"),
            asyncio.create_task(child._log(process.stderr), name=f"log the {name}"),
        ]
        return child

    async def give(self, order: Order) -> None:
        """Give it its order."""
        assert self._process.stdin is not None, "asked for"
        with suppress(BrokenPipeError, ConnectionResetError):  # it died already, which `ended` tells
            self._process.stdin.write(encode_line(order))
            await self._process.stdin.drain()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def ended(self) -> int:
        """Wait for its end and for the last of what it said; its return code, negative for a signal."""
        code = await self._process.wait()
        await asyncio.wait(self._readers, timeout=_PIPES_SECONDS)
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        return code

    async def stop(self, seconds: float) -> int:
        """Ask it to end (SIGTERM), wait, kill it if it takes longer. Returns its code once it is gone."""
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(seconds):
                return await self._process.wait()
        except TimeoutError:
            self._sink.say("ERROR", "supervisor", f"the {self.name} did not end in {seconds:.0f} s and is killed")
            self.kill()
            return await self._process.wait()

    def kill(self) -> None:
        """End it at once."""
        self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def _hear(self, stream: asyncio.StreamReader, on_report: Callable[[Report], None]) -> None:
        async for line in _lines(stream):
            if (report := decode_report(line)) is not None:
                on_report(report)

    async def _log(self, stream: asyncio.StreamReader) -> None:
        """Log its lines as they are; what is no line of the log (a crash's last words) gets a head of its own."""
        in_event = False
        async for raw in _lines(stream):
            line = clean(raw.decode("utf-8", "replace"))
            if parse(line) is not None or (in_event and line.startswith("    ")):
                in_event = True
                self._sink.line(line)
            elif line.strip():
                in_event = False
                self._sink.say("WARNING", self.name, line)


def how_it_ended(code: int) -> str:
    """A return code in words."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The lines of a stream without their ends, cut where they are too long."""
    waiting = b""
    while data := await stream.read(_READ_BYTES):
        *whole, waiting = (waiting + data).split(b"\n")
        for line in whole:
            yield line
        if len(waiting) > _LONGEST_LINE:
            yield waiting
            waiting = b""
    if waiting:
        yield waiting
