"""Waiting for processes that are not our children to end.

A process that has ended but was not yet reaped by its parent (a zombie) has ended, whatever its parent does: psutil's
own waiting would go on until it is reaped.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from typing import Final

import psutil  # type: ignore[import-untyped]  # it ships no types

# Seconds between two looks.
LOOK_EVERY: Final = 0.05


def wait_for_end(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until these have ended, or for so many seconds; return those that still run. Blocks."""
    deadline = time.monotonic() + seconds
    running = list(processes)
    while (running := [process for process in running if _runs(process)]) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY)
    return running


def _runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False
