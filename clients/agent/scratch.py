"""The scratchpad: code run in the notebook's kernel without a cell, followed as it runs.

What it prints is told as it comes, up to a limit; the rest is in the execution's record, under its id. A kernel runs
one thing at a time, so it waits behind a cell that runs, and says behind which. Whoever stops waiting stops this
execution, queued or running, and no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Literal

from clients.agent.running import STOP_SECONDS, stop
from clients.peer.errors import PeerError
from clients.peer.execution import Execution
from clients.peer.notebook import Notebook
from notebook_doc.runtime_records import Namespace
from relay.errors import WireError

# Characters that are told of one execution unless somebody asks for more.
LIMIT: Final = 100_000

# Seconds after which whoever waits in the queue is told behind what, and those after which it is told so again.
TELL_AFTER: Final = 1.0
TELL_AGAIN: Final = 15.0

Channel = Literal["stdout", "stderr"]
Tell = Callable[[Channel, str], None]


async def run_scratch(notebook: Notebook, code: str, timeout: float | None = None) -> Execution:
    """Run code and wait until it has ended. A caller that is cancelled takes it with it. Raises RequestFailed."""
    execution = await ask(notebook, code, timeout)
    try:
        return await execution.wait()
    except asyncio.CancelledError:
        await asyncio.shield(stop(notebook, [execution]))
        raise


async def ask(notebook: Notebook, code: str, timeout: float | None, namespace: Namespace = "copy") -> Execution:
    """Ask for code to be run. A caller that is cancelled before the answer is here takes it with it all the same."""
    asking = asyncio.ensure_future(notebook.start_scratch(code, timeout=timeout, namespace=namespace))
    try:
        return await asyncio.shield(asking)
    except asyncio.CancelledError:
        await asyncio.shield(_withdraw(notebook, asking))
        raise


async def _withdraw(notebook: Notebook, asking: asyncio.Future[Execution]) -> None:
    with suppress(PeerError, WireError, TimeoutError):  # it was not queued, or nobody can be asked: nothing to stop
        async with asyncio.timeout(STOP_SECONDS):
            await stop(notebook, [await asking])


async def follow(
    notebook: Notebook,
    execution: Execution,
    tell: Tell,
    limit: int | None = LIMIT,
    *,
    tell_waiting: Callable[[str], None] | None = None,
) -> int:
    """Tell what an execution puts out, as it comes, until it has ended; return how many characters were left out.

    `tell_waiting` is told behind what it waits, if it does for more than a moment.
    """
    teller = _Teller(tell, limit)
    try:
        if tell_waiting is not None:
            await _until_it_begins(notebook, execution, tell_waiting)
        while not execution.has_ended:
            seen = _extent(notebook, execution)
            await teller.take(notebook, execution)
            await notebook.until(lambda seen=seen: execution.has_ended or _extent(notebook, execution) != seen)  # type: ignore[misc]
    except asyncio.CancelledError:
        await asyncio.shield(stop(notebook, [execution]))
        raise
    await execution.wait()
    teller.left_out = 0
    await teller.take(notebook, execution, ended=True)
    return teller.left_out


async def _until_it_begins(notebook: Notebook, execution: Execution, tell: Callable[[str], None]) -> None:
    seconds = TELL_AFTER
    while not await notebook.until(lambda: execution.waits_for is None, seconds):
        tell(str(execution.waits_for))
        seconds = TELL_AGAIN


def _extent(notebook: Notebook, execution: Execution) -> tuple[int, object]:
    """What changes when there is something new."""
    count = notebook.runtime.output_count(execution.id)
    return count, notebook.runtime.output(execution.id, count - 1) if count else None


class _Teller:
    """Tells each character once. Owns how much of each output was told."""

    def __init__(self, tell: Tell, limit: int | None) -> None:
        self._tell = tell
        self._left = limit
        self._output = 0  # the first output that may have more to say
        self._told = 0  # characters of it
        self.left_out = 0

    async def take(self, notebook: Notebook, execution: Execution, *, ended: bool = False) -> None:
        """Tell what is new. While it runs, nothing is fetched that would not be told."""
        if self._left == 0 and not ended:
            return
        manifests = notebook.runtime.outputs(execution.id)[self._output :]
        for number, output in enumerate(await notebook.read_outputs(manifests)):
            channel, text = as_text(output)
            self._say(channel, text[self._told :])
            if number < len(manifests) - 1:
                self._output, self._told = self._output + 1, 0
            else:
                self._told = len(text)

    def _say(self, channel: Channel, text: str) -> None:
        told = text if self._left is None else text[: self._left]
        if self._left is not None:
            self._left -= len(told)
            self.left_out += len(text) - len(told)
        if told:
            self._tell(channel, told)


def as_text(output: dict[str, Any]) -> tuple[Channel, str]:
    """An nbformat output as a terminal shows it."""
    match output:
        case {"output_type": "stream", "text": text, "name": name}:
            return ("stderr" if name == "stderr" else "stdout"), str(text)
        case {"output_type": "error", "traceback": list(lines)}:
            return "stderr", "\n".join(map(str, lines)) + "\n"
        case {"data": {"text/plain": text}}:
            return "stdout", f"{text}\n"
        case {"data": dict(data)}:
            return "stdout", f"({', '.join(data)})\n"
        case _:
            return "stdout", ""
