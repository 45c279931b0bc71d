"""Questions to a kernel that are no executions (what completes this, what is that), and the subshell they go to.

A Questions owns the questions that were sent and not answered, and the id of the kernel's subshell once there is one. A
kernel with subshells (ipykernel 7, or whatever says so in its kernel_info_reply) answers there while a cell runs; any
other kernel when it comes to it. It promises that every question is answered or fails when the kernel ends; how long
to wait is its caller's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from clients.daemon.jupyter_wire import Message

Content = Mapping[str, Any]
SUBSHELLS: Final = "kernel subshells"  # as a kernel names the feature


class Send(Protocol):
    """Sends a message on one channel and returns its id."""

    def __call__(self, msg_type: str, content: Content, subshell_id: str | None = None) -> str: ...


class Questions:
    """See the module. `info` is the kernel's kernel_info_reply as it is known at the moment."""

    def __init__(self, shell: Send, control: Send, info: Callable[[], Content]) -> None:
        self._shell = shell
        self._control = control
        self._info = info
        self._open: dict[str, asyncio.Future[Content]] = {}
        self._before: asyncio.Task[Content] | None = None  # what has to be answered before anything is asked
        self._subshell: asyncio.Future[Content] | None = None
        self._gone: Exception | None = None

    def begin_with(self, msg_type: str, content: Content) -> None:
        """Send this on the shell channel, and ask nothing before it is answered: a subshell would overtake it."""
        self._before = asyncio.create_task(self._answer(self._shell(msg_type, content)), name=f"begin with {msg_type}")
        self._before.add_done_callback(lambda answered: answered.cancelled() or answered.exception())

    async def ask(self, msg_type: str, content: Content) -> Content:
        """The content of the kernel's reply."""
        if self._before is not None:
            await asyncio.shield(self._before)
        subshell_id = await self._subshell_id()
        return await self._answer(self._shell(msg_type, content, subshell_id))

    def take(self, message: Message) -> bool:
        """Whether this message answers a question; if so it is taken."""
        answer = self._open.pop(message.parent_id, None)
        if answer is None:
            return False
        if not answer.done():
            answer.set_result(message.content)
        return True

    def close(self, gone: Exception) -> None:
        """The kernel has ended: what is unanswered fails with this."""
        self._gone = gone
        for answer in self._open.values():
            if not answer.done():
                answer.set_exception(gone)
        self._open.clear()

    async def _subshell_id(self) -> str | None:
        if SUBSHELLS not in (self._info().get("supported_features") or ()):
            return None
        if self._subshell is None:
            self._subshell = asyncio.ensure_future(self._answer(self._control("create_subshell_request", {})))
        subshell_id = (await asyncio.shield(self._subshell)).get("subshell_id")
        return subshell_id if isinstance(subshell_id, str) else None

    async def _answer(self, msg_id: str) -> Content:
        if self._gone is not None:
            raise self._gone
        answer: asyncio.Future[Content] = asyncio.get_running_loop().create_future()
        self._open[msg_id] = answer
        return await answer
