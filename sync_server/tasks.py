"""The hub's tasks: each has an owner, and what goes wrong in one is logged and touches no other.

Tasks wraps one asyncio.TaskGroup. A task that fails with an exception nobody expected is a bug: it is logged with its
name and traceback, and the hub goes on for everyone else. Leaving the `async with` cancels what still runs and waits
for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from types import TracebackType

logger = logging.getLogger("quire.hub")


class Tasks:
    """Starts tasks and waits for them. One per hub, entered as an async context."""

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()
        self._running: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Tasks:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for task in self._running:
            task.cancel()
        await self._group.__aexit__(kind, error, traceback)

    def start(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        """Run a coroutine in the background until it ends or the hub does."""
        task = self._group.create_task(self._contained(work, name), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda _: work.close())  # if it was cancelled before its first step
        return task

    async def _contained(self, work: Coroutine[object, object, None], name: str) -> None:
        try:
            await work
        except Exception:
            logger.exception("the task %r failed; this is a bug, please report it", name)
