"""Runs as an MCP client sees them: waited for, told as they go, shown in the end.

What is told names the cell, what it waits for or how long it has run, and its last line. MCP wants a number that rises
with each word: it counts the executions that have ended, and in between comes ever closer to the next. Nothing is told
more often than every `TELL_EVERY` seconds; a run that ends is noticed at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from clients.agent.errors import AgentError
from clients.agent.mcp_answers import Answer, Room, shown
from clients.agent.running import stop
from clients.agent.scratch import ask
from clients.agent.views import preview
from clients.peer.execution import Execution
from clients.peer.notebook import Notebook
from notebook_doc.runtime_records import Namespace

# Seconds between two words about one run: as often as a person reads them.
TELL_EVERY: Final = 0.25
# Characters of the last line that is told.
LAST_LINE: Final = 200
# Seconds that a service may be away, as while it restarts, before that is told.
AWAY_SECONDS: Final = 10.0
# Seconds that code without a cell has to end in, once it was interrupted.
ENDING_SECONDS: Final = 5.0

Progress = Callable[[float, float, str], Awaitable[None]]


async def reached(notebook: Notebook) -> None:
    """Wait for the service, if it is away for a moment. Raises AgentError if it stays away: then nothing can run."""
    if not await notebook.until(lambda: notebook.is_joined, AWAY_SECONDS):
        raise AgentError(
            "The Quire service is away, so nothing has run.",
            "What was written is kept here and sent when it is back. Start it with `quire up`, then run it.",
        )


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


async def scratch_and_tell(
    notebook: Notebook, code: str, seconds: float, progress: Progress | None, namespace: Namespace = "copy"
) -> Answer:
    """Run code without a cell. It is interrupted after so many seconds, and withdrawn if it waited so long.

    Raises AgentError if it was withdrawn: then none of it has run. Code that goes on all the same is left to itself.
    """
    await reached(notebook)
    execution = await ask(notebook, code, seconds, namespace)
    teller = _Teller(notebook, progress, 1)
    try:
        give_up = time.monotonic() + seconds
        taken_back = ""  # behind what it waited then
        while not execution.has_ended:
            waits = str(execution.waits_for or "")
            if waits and time.monotonic() > give_up:
                taken_back = waits
                await stop(notebook, [execution])
                break
            if _has_run(notebook, execution) > seconds + ENDING_SECONDS:
                return [
                    f"{_state(notebook, execution)}\nIt was interrupted after {seconds:g} s, and goes on all the same. "
                    f"Ask with `result`, execution {execution.id}, or `interrupt` it again; if it never ends, people "
                    "have to restart the kernel."
                ]
            await teller.tell(0, execution)
            await notebook.until(lambda: execution.has_ended, TELL_EVERY)
        await execution.wait()
    except asyncio.CancelledError:
        await asyncio.shield(stop(notebook, [execution]))
        raise
    if taken_back and execution.record.started is None:
        raise AgentError(
            f"It was {taken_back}; after {seconds:g} s it was taken back, and nothing of it has run.",
            "Wait for that, or allow more seconds. If that is yours and stuck, `interrupt` it.",
        )
    outputs = await execution.outputs()
    late = [f"It was {taken_back}, and began just when it was taken back after {seconds:g} s."] if taken_back else []
    return [_ending(execution, outputs), *late, *shown(outputs, Room(), execution.id)]


async def results(executions: Sequence[Execution]) -> Answer:
    """How each stands, and what it has put out. Those that ended alike without a word share a line."""
    answer: Answer = []
    room = Room()
    alike: list[str] = []
    ending = ""
    for execution in executions:
        outputs = [] if room.is_full else await execution.outputs()
        who, ended = execution.record.cell_id or "without a cell", _ending(execution, outputs)
        if alike and (outputs or ended != ending):
            answer.append(f"{', '.join(alike)}: {ending}")
            alike = []
        if not outputs:
            alike, ending = [*alike, who], ended
            continue
        answer += [f"{who}: {ended}", *shown(outputs, room, execution.id)]
        if room.is_full:
            answer.append("The answer is full. What those below put out is left out; read_cells has it.")
    return [*answer, f"{', '.join(alike)}: {ending}"] if alike else answer


def _has_run(notebook: Notebook, execution: Execution) -> float:
    """Seconds since it began; 0 if it has not."""
    record = notebook.runtime.execution(execution.id)
    return 0.0 if record is None or record.started is None else time.time() - record.started


def _ending(execution: Execution, outputs: Sequence[dict[str, Any]]) -> str:
    """How it stands or ended, with what its traceback does not say, or where there is none."""
    record = execution.record
    said = record.status if record.is_terminal else f"{record.status} (execution {execution.id})"
    if record.error is None:
        return said
    if record.status != "error" or record.error.ename == "ExecutionTimeout":
        return f"{said}: {record.error.evalue}"
    has_traceback = any(output.get("traceback") for output in outputs)
    return said if has_traceback else f"{said}: {record.error.ename}: {record.error.evalue}"


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
