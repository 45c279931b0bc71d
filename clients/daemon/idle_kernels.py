"""Kernels that nobody needs are ended: those that run nothing, in notebooks that nobody has open, after a time.

An IdleKernel is a service of a notebook. The setting `keep_kernels_minutes` says how long such a kernel lives; 0, the
default, is for ever. It promises that a kernel that runs something or has something queued, and one whose notebook
somebody has open (agents and programs count), is never ended, and that the notebook says why its kernel is gone.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from clients.daemon.services import Service, ServiceHost
from notebook_doc.settings import Settings

logger = logging.getLogger("quire.daemon")

MINUTE: Final = 60.0  # seconds
LOOKS: Final = 8  # in the time that is set: so much later at most does it end
LOOK_EVERY: Final = 30.0  # seconds between looks at the most: a setting counts within that


class Idleness:
    """Since when nobody has needed it. Pure: `now` is any clock's."""

    def __init__(self) -> None:
        self._since: float | None = None

    def ended_by(self, now: float, *, needed: bool, seconds: float) -> bool:
        """Whether it has been unneeded for so many seconds, up to now; 0 is for ever."""
        if needed or seconds == 0:
            self._since = None
            return False
        if self._since is None:
            self._since = now
        return now - self._since >= seconds


class IdleKernel(Service):
    """See the module."""

    def __init__(self, host: ServiceHost, settings: Callable[[], Settings]) -> None:
        self._host = host
        self._settings = settings

    async def run(self) -> None:
        """See Service."""
        idleness = Idleness()
        while True:
            minutes = self._settings().keep_kernels_minutes
            seconds = minutes * MINUTE
            if idleness.ended_by(time.monotonic(), needed=self._is_needed(), seconds=seconds):
                why = f"The kernel was ended after {minutes} min in which nobody needed it. Run a cell for a fresh one."
                logger.info("notebook %s: %s", self._host.notebook.id, why)
                await self._host.shutdown_kernel(why)
            await asyncio.sleep(min(LOOK_EVERY, seconds / LOOKS) if seconds else LOOK_EVERY)

    def _is_needed(self) -> bool:
        notebook = self._host.notebook
        somebody = any(present.peer.kind != "daemon" for present in notebook.peers)
        busy = notebook.kernel.activity != "idle" or bool(notebook.runtime.queue())
        return self._host.kernel is None or somebody or busy
