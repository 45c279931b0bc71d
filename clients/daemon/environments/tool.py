"""Runs an installer as a process of its own group, line by line, and leaves nothing of it whatever happens.

Knows processes, nothing of packages. It promises that every line is reported as it comes, that what is kept of them is
bounded, and that a cancelled run has ended, with everything it started, when the cancellation goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

KEPT_LINES: Final = 60  # a resolver's explanation takes up to forty lines
LINE_BYTES: Final = 64 * 1024  # what is longer than this is cut
SHOWN_CHARACTERS: Final = 400  # of one line, in what is kept
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class Ended:
    """How a tool ended: its exit code (a signal is negative) and the end of what it said."""

    code: int
    lines: tuple[str, ...]

    @property
    def log(self) -> str:
        """What it said, as one text."""
        return "\n".join(self.lines)


async def run(argv: Sequence[str], cwd: Path, env: Mapping[str, str], on_line: Callable[[str], None]) -> Ended:
    """Run this to its end. Raises OSError if it cannot be started."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        cwd=cwd,
        env=dict(env),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        limit=LINE_BYTES,
    )
    assert process.stdout is not None, "asked for"
    kept: deque[str] = deque(maxlen=KEPT_LINES)
    try:
        while line := await _line(process.stdout):
            text = _COLOURS.sub("", line.decode(errors="replace")).rstrip()[:SHOWN_CHARACTERS]
            if text:
                kept.append(text)
                on_line(text)
        return Ended(await process.wait(), tuple(kept))
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # it led its own session; what it started may have outlived it
        if process.returncode is None:
            await asyncio.shield(process.wait())


async def _line(stream: asyncio.StreamReader) -> bytes:
    try:
        return await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError as end:
        return end.partial
    except asyncio.LimitOverrunError as long:
        return await stream.read(long.consumed)
