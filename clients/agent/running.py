"""Runs of an agent: asked for, waited for, and told as text. What is cut off is stopped, and nothing else."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from clients.agent.report import Run
from clients.peer.errors import PeerError
from clients.peer.execution import Execution
from clients.peer.notebook import Notebook
from clients.peer.own_kernel import refuse_to_wait_for_itself
from relay.errors import WireError
from relay.requests import Bring

_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
# Characters of a run's text that a report holds; the rest is read by its execution id.
MAX_TEXT: Final = 20_000
# Seconds that whoever was cancelled still waits for its runs to be stopped.
STOP_SECONDS: Final = 5.0


async def run_cells(
    notebook: Notebook, cell_ids: Sequence[str], *, timeout: float | None = None, bring: Bring | None = None
) -> tuple[Run, ...]:
    """Run cells in order and wait for each; a cell that fails ends those after it.

    After `timeout` seconds, or if the caller is cancelled, what was asked for here is stopped; what somebody else
    asked for too goes on. `bring` as for `Notebook.run`. Raises TimeoutError, RequestFailed, NotConnected,
    NeedsConfirmation, OwnKernel.
    """
    refuse_to_wait_for_itself(notebook.id)
    executions = await notebook.start(list(cell_ids), stdin="eof", bring=bring)
    try:
        async with asyncio.timeout(timeout):
            for execution in executions:
                await execution.wait()
    except (TimeoutError, asyncio.CancelledError):
        await asyncio.shield(stop(notebook, executions))
        raise
    return tuple([await told(execution) for execution in executions])


async def stop(notebook: Notebook, executions: Sequence[Execution]) -> None:
    """Stop those of these executions that are nobody else's as well."""
    with suppress(PeerError, WireError, TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            await notebook.stop([one for one in executions if _is_mine(notebook, one)])


def _is_mine(notebook: Notebook, execution: Execution) -> bool:
    record = notebook.runtime.execution(execution.id)
    if record is None or record.is_terminal:
        return False
    return all(wish.peer_id == notebook.peer.peer_id for wish in record.wanted_by.values())


def without_colours(text: str) -> str:
    """Without what colours it in a terminal, which is noise to a program that reads it."""
    return _COLOURS.sub("", text)


async def told(execution: Execution) -> Run:
    """How an execution ended."""
    text = without_colours(await execution.text())
    if len(text) > MAX_TEXT:
        text = f"{text[: MAX_TEXT // 2]}\n… {len(text) - MAX_TEXT} characters …\n{text[-MAX_TEXT // 2 :]}"
    record = execution.record
    if record.error is not None and record.status != "done" and (record.status != "error" or not text):
        text += f"{record.error.ename}: {record.error.evalue}\n"
    return Run(record.cell_id, execution.id, record.status, text)
