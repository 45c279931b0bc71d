"""Runs as an MCP client sees them: waited for, told as they go, shown in the end.

What is told names the cell, what it waits for or how long it has run, and its last line. MCP wants a number that rises
with each word: it counts the executions that have ended, and in between comes ever closer to the next. Nothing is told
more often than every `TELL_EVERY` seconds; a run that ends is noticed at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from clients.agent.errors import AgentError
from clients.agent.mcp_answers import Answer, shown
from clients.agent.running import stop
from clients.agent.scratch import ask
from clients.agent.views import preview
from clients.peer.execution import Execution
from clients.peer.notebook import Notebook

# Seconds between two words about one run: as often as a person reads them.
TELL_EVERY: Final = 0.25
# Characters of the last line that is told.
LAST_LINE: Final = 200

Progress = Callable[[float, float, str], Awaitable[None]]


class _Teller:
    """Owns what was told of some executions."""

    def __init__(self, notebook: Notebook, progress: Progress | None, total: int) -> None:
        self._notebook, self._progress, self._total = notebook, progress, total
        self._words = 0  # about the present one
        self._last = ""

    async def tell(self, number: int, execution: Execution) -> None:
        """Say how far the `number`-th (from 0) is, unless that was the last word."""
        said = _state(self._notebook, execution)
        if self._progress is None or said == self._last:
            return
        self._last = said
        done = number + self._words / (self._words + 1)
        self._words += 1
        await self._progress(done, self._total, said)

    def next(self) -> None:
        """The present one has ended."""
        self._words, self._last = 0, ""


async def run_and_tell(
    notebook: Notebook, executions: Sequence[Execution], seconds: float | None, progress: Progress | None
) -> Answer:
    """Wait for executions in order, so long; what they put out, and what still goes on then."""
    teller = _Teller(notebook, progress, len(executions))
    deadline = None if seconds is None else time.monotonic() + seconds
    for number, execution in enumerate(executions):
        if not await _ended(notebook, teller, number, execution, deadline):
            left = ", ".join(one.id for one in executions[number:])
            return [
                *await results(executions[:number]),
                f"{_state(notebook, execution)}\nstill running after {seconds:g} s: {left}\n"
                "It goes on. Ask with `result`, or stop it with `interrupt`.",
            ]
        teller.next()
    return await results(executions)


async def _ended(
    notebook: Notebook, teller: _Teller, number: int, execution: Execution, deadline: float | None
) -> bool:
    """Whether it ends before the deadline, telling how far it is meanwhile."""
    while not execution.has_ended:
        left = TELL_EVERY if deadline is None else min(TELL_EVERY, deadline - time.monotonic())
        if left <= 0:
            return False
        await teller.tell(number, execution)
        await notebook.until(lambda: execution.has_ended, left)
    await execution.wait()
    return True


async def scratch_and_tell(notebook: Notebook, code: str, seconds: float, progress: Progress | None) -> Answer:
    """Run code without a cell. It is interrupted after so many seconds, and withdrawn if it waited so long.

    Raises AgentError if it was withdrawn: then none of it has run.
    """
    execution = await ask(notebook, code, seconds)
    teller = _Teller(notebook, progress, 1)
    try:
        give_up = time.monotonic() + seconds
        waits = ""
        while not execution.has_ended:
            waits = str(execution.waits_for or "")
            if waits and time.monotonic() > give_up:
                await stop(notebook, [execution])
                break
            await teller.tell(0, execution)
            await notebook.until(lambda: execution.has_ended, TELL_EVERY)
        await execution.wait()
    except asyncio.CancelledError:
        await asyncio.shield(stop(notebook, [execution]))
        raise
    if waits and execution.status == "cancelled":
        raise AgentError(
            f"It was {waits}; after {seconds:g} s it was taken back, and nothing of it has run.",
            "Wait for that, or allow more seconds. If that is yours and stuck, `interrupt` it.",
        )
    return [_ending(execution), *shown(await execution.outputs())]


async def results(executions: Sequence[Execution]) -> Answer:
    """How each stands, and what it has put out."""
    answer: Answer = []
    for execution in executions:
        answer.append(f"{execution.record.cell_id or 'without a cell'}: {_ending(execution)}")
        answer += shown(await execution.outputs())
    return answer


def _ending(execution: Execution) -> str:
    """How it stands or ended, with what its traceback does not say."""
    record = execution.record
    said = f"{record.status} (execution {execution.id})"
    unsaid = record.error is not None and (record.status != "error" or record.error.ename == "ExecutionTimeout")
    return f"{said}: {record.error.evalue}" if unsaid and record.error is not None else said


def _state(notebook: Notebook, execution: Execution) -> str:
    record = notebook.runtime.execution(execution.id)
    if record is None:
        return f"execution {execution.id}: asked for"
    what = f"cell {record.cell_id}" if record.cell_id else f"execution {execution.id}"
    if (waits_for := execution.waits_for) is not None:
        return f"{what}: {waits_for}"
    if record.started is None or record.is_terminal:
        return f"{what}: {record.status}"
    said = f"{what}: running for {max(0.0, time.time() - record.started):.0f} s"
    line = _last_line(notebook, execution)
    return f"{said}: {line}" if line else said


def _last_line(notebook: Notebook, execution: Execution) -> str:
    count = notebook.runtime.output_count(execution.id)
    manifest = notebook.runtime.output(execution.id, count - 1) if count else None
    text = "" if manifest is None else preview(manifest).rstrip()
    return text[-4 * LAST_LINE :].splitlines()[-1][-LAST_LINE:] if text else ""
