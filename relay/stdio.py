"""Frames over the standard input and output of a process: of this one, or of one that we start.

This is how a notebook goes through `ssh host quire relay …`. While a process speaks frames on its standard output,
nothing else may be printed there, so `open_stdio` keeps the real one for itself and lets later prints go to standard
error. Whoever starts a process owns it: closing the connection ends its input, waits, and in the end kills it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from relay.connection import CLOSE_SECONDS, Connection
from relay.errors import BadEndpoint, ConnectionLost
from relay.stream import FrameStream, StreamConnection

_STDIN: Final = 0
_STDOUT: Final = 1
_STDERR: Final = 2

# Seconds a started process has to end after it was asked to (SIGTERM), before it is killed.
TERMINATE_SECONDS: Final = 2.0


async def open_stdio() -> Connection:
    """This process's standard input and output as a connection; for the rest of the process they are taken.

    From here on, descriptor 0 is empty and descriptor 1 is standard error, for this process and those it starts.
    Raises BadEndpoint when one of them is a terminal or a file: frames need a pipe or a socket.
    """
    for descriptor, name in ((_STDIN, "input"), (_STDOUT, "output")):
        mode = os.fstat(descriptor).st_mode
        if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
            raise BadEndpoint(
                f"Standard {name} is neither a pipe nor a socket, so no frames can go over it.",
                "stdio: is for being started by another program, over ssh for instance.",
            )
    one_socket = stat.S_ISSOCK(os.fstat(_STDIN).st_mode) and os.path.samestat(os.fstat(_STDIN), os.fstat(_STDOUT))
    reading, writing = os.dup(_STDIN), os.dup(_STDOUT)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, _STDIN)
    os.close(empty)
    os.dup2(_STDERR, _STDOUT)
    if one_socket:  # what sshd gives: one socket for both, which pipe transports would take for closed
        os.close(writing)
        stream = FrameStream("stdio:")
        await asyncio.get_running_loop().create_connection(lambda: stream, sock=socket.socket(fileno=reading))
        return StreamConnection("stdio:", stream, stream)
    return StreamConnection("stdio:", *await _over_pipes("stdio:", reading, writing))


async def spawn_stdio(argv: Sequence[str], *, name: str | None = None) -> ProcessConnection:
    """Start a process and speak frames with its standard input and output; its standard error is ours.

    `name` is what the connection's `peer_name` says; by default the program. Arguments may be secret, so they are not
    shown. Raises BadEndpoint when the program cannot be started.
    """
    name = name or f"the process {argv[0]}"
    its_input, our_output = os.pipe()
    our_input, its_output = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(*argv, stdin=its_input, stdout=its_output)
    except OSError as error:
        os.close(our_input)
        os.close(our_output)
        raise BadEndpoint(f"Cannot start {argv[0]}: {error}.", "Is it installed and on the PATH?") from error
    finally:
        os.close(its_input)
        os.close(its_output)
    return ProcessConnection(name, *await _over_pipes(name, our_input, our_output), process)


class ProcessConnection(StreamConnection):
    """A connection to a process that we started. Owns the process: it does not outlive the connection."""

    def __init__(
        self, peer_name: str, reading: FrameStream, writing: FrameStream, process: asyncio.subprocess.Process
    ) -> None:
        super().__init__(peer_name, reading, writing)
        self._process = process

    @property
    def exit_status(self) -> int | None:
        """As of `subprocess.Popen.returncode`: None while it runs, negative when a signal ended it."""
        return self._process.returncode

    async def receive(self) -> bytes:
        try:
            return await super().receive()
        except ConnectionLost as lost:
            with suppress(TimeoutError):
                async with asyncio.timeout(TERMINATE_SECONDS):  # it has closed its output; it is about to end
                    await self._process.wait()
            if not self.exit_status:
                raise
            raise ConnectionLost(
                f"{self.peer_name} ended with status {self.exit_status}.", "What it printed says why."
            ) from lost

    async def close(self, reason: str = "") -> None:
        try:
            await super().close(reason)
            await self._ended_within(CLOSE_SECONDS)
            if self.exit_status is None:
                self._process.terminate()
                await self._ended_within(TERMINATE_SECONDS)
        finally:
            if self.exit_status is None:
                self._process.kill()
                await self._process.wait()

    async def _ended_within(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._process.wait()


async def _over_pipes(name: str, read_from: int, write_to: int) -> tuple[FrameStream, FrameStream]:
    """Streams that own these two descriptors."""
    loop = asyncio.get_running_loop()
    reading, writing = FrameStream(name), FrameStream(name)
    await loop.connect_read_pipe(lambda: reading, os.fdopen(read_from, "rb", buffering=0))
    await loop.connect_write_pipe(lambda: writing, os.fdopen(write_to, "wb", buffering=0))
    return reading, writing
