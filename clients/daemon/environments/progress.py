"""What an installer says, as everybody sees it: its phase and its last lines, written a few times a second."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from clients.daemon.environments.uv import phase_of
from notebook_doc.environment_state import LOG_LINES, EnvironmentPhase

WRITE_EVERY: Final = 0.15  # seconds: people see it move, the document gets few changes


class Progress:
    """Owns the lines. `write` is called, on the loop, with the phase and the lines when they have changed."""

    def __init__(self, write: Callable[[EnvironmentPhase, tuple[str, ...]], None]) -> None:
        self._write = write
        self._lines: deque[str] = deque(maxlen=LOG_LINES)
        self._timer: asyncio.TimerHandle | None = None
        self.phase: EnvironmentPhase = "resolving"

    @property
    def lines(self) -> tuple[str, ...]:
        """The last lines."""
        return tuple(self._lines)

    def line(self, text: str) -> None:
        """The installer has said this."""
        self._lines.append(text)
        self.phase = phase_of(text) or self.phase
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WRITE_EVERY, self._now)

    def end(self) -> None:
        """Nothing more comes, and nothing more is written."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _now(self) -> None:
        self._timer = None
        self._write(self.phase, self.lines)
