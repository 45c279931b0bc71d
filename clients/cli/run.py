"""`quire run`: executes a notebook from top to bottom, as one peer among the others, and saves it.

With an output file it works on a copy, made before anything runs; its kernel runs where the original lies. It uses the
service that runs, or else one of its own in a temporary folder, which ends with it. What runs are the code cells that
the notebook has when it begins, in their order, each with its source of that moment. Whatever happens, what was reached
is saved: a failing cell ends the run (unless errors are allowed), Ctrl-C interrupts the running cell, and both leave
the outputs so far in the file.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from clients.cli.errors import CELL_FAILED, INTERRUPTED, OK, NotebookUnusable, ServiceFailed
from clients.cli.notebook_path import notebook_path
from clients.cli.packages import trust_lines
from clients.cli.run_view import RunView, run_view
from clients.cli.service import Service, find_service, private_service, state_folder, wait_for_service
from clients.peer.cell import Cell
from clients.peer.errors import PeerError, RequestFailed
from clients.peer.execution import Execution
from clients.peer.notebook import Notebook, this_program
from notebook_doc.errors import NotebookDocError
from relay.errors import WireError
from relay.requests import Save
from sync_server.atomic_file import write_atomically
from sync_server.notebook_file import parse_file, read_file

# Seconds for the daemon to come to the notebook: it starts beside the hub.
DAEMON_SECONDS: Final = 30.0
# Seconds for a cell to end once it was interrupted, and once its kernel was stopped.
INTERRUPT_SECONDS: Final = 10.0
_KERNEL_RUNS: Final = frozenset(("starting", "ready", "restarting"))
# The tag by which notebooks mark cells that are meant to fail (nbconvert's and nbclient's).
_MAY_FAIL: Final = "raises-exception"

Outcome = Literal["done", "failed", "timed out", "interrupted"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that each cell may take (None: any), and whether to go on after a cell that fails."""

    cell_seconds: float | None
    allow_errors: bool


def run(source: Path, output: Path | None, limits: Limits, *, trust: bool = False) -> int:
    """See the module. With `trust` what the notebook installs is approved first.

    Returns 0, 1 if a cell failed or took too long, 130 after Ctrl-C. Raises CliError.
    """
    source = notebook_path(source)
    target = source if output is None else notebook_path(output, may_be_missing=True)
    _prepare(source, target)
    state = state_folder()
    with ExitStack() as stack:
        found = find_service(state)
        if found is not None and found.supervisor is not None:
            service = wait_for_service(state)
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="quire-run-"))
            service = stack.enter_context(private_service(Path(folder)))
        try:
            return asyncio.run(_run(service, source, target, limits, trust=trust))
        except (PeerError, WireError) as error:
            raise ServiceFailed(error.message, error.hint) from error


def _prepare(source: Path, target: Path) -> None:
    """Check that the source is a notebook, and copy it to the target. Raises NotebookUnusable."""
    try:
        state = read_file(source)
        if state is None:
            raise NotebookUnusable(f"There is no file {source}.", "Check the path.")
        parse_file(state, source, "00000000-0000-0000-0000-000000000000")  # the id matters to nobody: this is a check
        if target != source:
            write_atomically(target, state.data)
    except (WireError, NotebookDocError) as error:
        raise NotebookUnusable(error.message, error.hint) from error


async def _run(service: Service, source: Path, target: Path, limits: Limits, *, trust: bool) -> int:
    stop = asyncio.Event()
    _watch_signals(stop)
    hub = service.hub_http
    notebook_id = await asyncio.to_thread(hub.open_notebook, target)
    with run_view() as view:
        async with Notebook.connect(notebook_id, service.address, peer=this_program("quire run")) as notebook:
            await _take_in_the_file(notebook)
            if not await notebook.until(lambda: _daemon_is_in(notebook), DAEMON_SECONDS):
                message = f"No daemon came to the notebook within {DAEMON_SECONDS:.0f} s, so nothing can run."
                raise ServiceFailed(message, "`quire logs` says what keeps it.")
            kernel_was_there = notebook.kernel.lifecycle in _KERNEL_RUNS
            if kernel_was_there:
                view.note("The notebook's kernel runs already; the cells run in it, with the state it has.")
            cells = [cell for cell in notebook.cells if cell.type == "code" and cell.source.strip()]
            if cells and not kernel_was_there and source.parent != target.parent:
                await notebook.restart_kernel(folder=source.parent)  # where the files are that the cells read
            try:
                if trust:
                    await _approve(notebook, view)
                code = await _cells(notebook, cells, limits, view, stop)
            finally:
                path = await notebook.save()
                if not kernel_was_there:
                    with suppress(RequestFailed):  # it died, which was told
                        await notebook.shutdown_kernel()
            view.note(f"Saved to {path}.")
    return code


async def _approve(notebook: Notebook, view: RunView) -> None:
    """Agree to what the notebook would install, and say what that is."""
    await notebook.packages.look()
    asked = notebook.packages.trust
    if asked.asks:
        await notebook.packages.approve()
        view.note("\n".join([*trust_lines(asked), "Approved."]))


def _watch_signals(stop: asyncio.Event) -> None:
    """The first Ctrl-C (or SIGTERM) asks for an end, the second makes one."""
    task = asyncio.current_task()
    assert task is not None, "called from a coroutine"

    def interrupted() -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupted)


async def _take_in_the_file(notebook: Notebook) -> None:
    """See what the file says now: a hub that had the notebook open looks at the file only when it saves it."""
    heads = (await notebook.request(Save()))["heads"]
    await notebook.until(lambda: notebook.doc.replica.contains(tuple(heads)), INTERRUPT_SECONDS)


def _daemon_is_in(notebook: Notebook) -> bool:
    return any(present.peer.kind == "daemon" for present in notebook.peers)


async def _cells(notebook: Notebook, cells: list[Cell], limits: Limits, view: RunView, stop: asyncio.Event) -> int:
    """Run these cells in order; the exit code."""
    code = OK
    for number, cell in enumerate(cells, 1):
        if stop.is_set():
            return INTERRUPTED
        if cell.id not in notebook.doc:  # somebody deleted it meanwhile
            continue
        began = time.monotonic()
        view.begin(number, len(cells), cell.source)
        (execution,) = await notebook.start([cell], stdin="eof")
        outcome = await _outcome(notebook, execution, limits.cell_seconds, view, stop)
        view.end(outcome, time.monotonic() - began)
        if outcome == "done":
            continue
        view.traceback(await _what_went_wrong(notebook, execution, outcome, limits))
        if outcome == "interrupted":
            return INTERRUPTED
        if not (limits.allow_errors or _may_fail(cell)):
            return CELL_FAILED
    return code


async def _outcome(
    notebook: Notebook, execution: Execution, seconds: float | None, view: RunView, stop: asyncio.Event
) -> Outcome:
    """Wait for the end of an execution; bring it about when its time is up or the run is to stop."""
    begun = asyncio.create_task(notebook.until(lambda: _has_begun(notebook, execution)), name="wait for its turn")
    ended = asyncio.create_task(execution.wait(), name="wait for the cell")
    stopping = asyncio.create_task(stop.wait(), name="wait for Ctrl-C")
    try:
        await asyncio.wait((begun, stopping), return_when=asyncio.FIRST_COMPLETED)  # the kernel's start is not its time
        await asyncio.wait((ended, stopping), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            await ended
            return "done" if execution.ok else "failed"
        outcome: Outcome = "interrupted" if stop.is_set() else "timed out"
        view.note("Interrupting the cell." if outcome == "interrupted" else f"The cell's {seconds:g} s are over.")
        await notebook.interrupt(execution)
        await asyncio.wait((ended,), timeout=INTERRUPT_SECONDS)
        if not ended.done():
            view.note(f"It does not react within {INTERRUPT_SECONDS:.0f} s; its kernel is stopped.")
            await notebook.shutdown_kernel()
            await asyncio.wait((ended,), timeout=INTERRUPT_SECONDS)
        return outcome
    finally:
        for waiting in (begun, ended, stopping):
            waiting.cancel()
        await asyncio.gather(begun, ended, stopping, return_exceptions=True)


def _has_begun(notebook: Notebook, execution: Execution) -> bool:
    record = notebook.runtime.execution(execution.id)
    return record is not None and record.status != "queued"


async def _what_went_wrong(notebook: Notebook, execution: Execution, outcome: Outcome, limits: Limits) -> str:
    """The traceback of a cell, or what else there is to say."""
    if outcome == "timed out":
        return f"The cell did not end within {limits.cell_seconds:g} s."
    tracebacks = [output["traceback"] for output in await execution.outputs() if output["output_type"] == "error"]
    if tracebacks:
        return "\n".join("\n".join(lines) for lines in tracebacks)
    record = execution.record
    if record.error is not None:
        return f"{record.error.ename}: {record.error.evalue}"
    return notebook.kernel.error or f"The execution ended as {record.status}."


def _may_fail(cell: Cell) -> bool:
    tags = cell.metadata.get("tags")
    return isinstance(tags, list) and _MAY_FAIL in tags
