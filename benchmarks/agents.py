"""What an agent waits for: the scratchpad, and a cell that is created and run, in a small and in a large notebook.

One service, one kernel for each notebook, both warmed up; the notebooks take turns, and before each deed there is a
pause in which what the one before set going (what is stale, the file, acknowledgements) comes to rest, as it does while
an agent thinks. *Scratch* is `nb.scratch`, from asking until its output is here and it has ended. *Create and run* is a
block of code mode with one new cell that is run in it: reading, planning, checking the merged document, committing,
running, until the result is here. *Edit only* is the same block without the run. Bare `jupyter_client` on a kernel of
its own is the floor for the run, and *over bare* what Quire adds to it. *Processor* is the time that all of Quire's
processes took for a deed, kernel included, what follows in the pause too: it says more than the clock does on a machine
that has other things to do.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from jupyter_client.manager import start_new_async_kernel

from benchmarks.notebooks import write_notebook
from benchmarks.process import Server, python, running
from benchmarks.report import milliseconds, print_table, quantile
from clients.agent.code_mode import code_mode
from clients.peer.hub_address import HubAddress, HubClient
from clients.peer.identity import this_program
from clients.peer.notebook import Notebook

SIZES: Final = (2, 1000)
# Seconds between two deeds: longer than what one sets going takes.
PAUSE: Final = 0.25
WARM_UP: Final = 3  # rounds that do not count
EDIT: Final = "edit only"
Deed = Callable[[Notebook], Awaitable[None]]


async def _scratch(notebook: Notebook) -> None:
    execution = await notebook.scratch("1 + 1")
    assert execution.ok


async def _create_and_run(notebook: Notebook) -> None:
    async with code_mode(notebook) as ctx:
        (run,) = await ctx.run(ctx.create_cell("1 + 1"))
    assert run.text == "2\n"


async def _edit(notebook: Notebook) -> None:
    async with code_mode(notebook) as ctx:
        ctx.create_cell("# a line")


DEEDS: Final[Sequence[tuple[str, Deed]]] = (
    ("scratch", _scratch),
    ("create and run", _create_and_run),
    (EDIT, _edit),
)


async def agents(rounds: int = 40) -> None:
    """Measure and print."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quire-", ignore_cleanup_errors=True)))
        hub = stack.enter_context(running(python("benchmarks.servers.hub", folder / "state")))
        address = HubAddress(f"http://127.0.0.1:{hub.port}", hub.ready["token"])
        daemon = stack.enter_context(running(python("benchmarks.servers.daemon", address.url, folder / "state")))
        notebooks = [await _notebook(stack, folder, address, size) for size in SIZES]
        took: dict[tuple[str, int], list[float]] = {(name, size): [] for name, _ in DEEDS for size in SIZES}
        worked: dict[tuple[str, int], float] = dict.fromkeys(took, 0.0)
        bare: list[float] = []
        manager, client = await start_new_async_kernel(kernel_name="python3")
        try:
            for notebook in notebooks:
                await _scratch(notebook)  # its kernel is there now
            processor = _Processor(hub, daemon)
            for number in range(-WARM_UP, rounds):
                for name, deed in DEEDS:
                    for size, notebook in zip(SIZES, notebooks, strict=True):
                        before = processor.seconds()
                        began = time.perf_counter()
                        await deed(notebook)
                        ended = time.perf_counter()
                        await asyncio.sleep(PAUSE)
                        if number >= 0:
                            took[name, size].append(ended - began)
                            worked[name, size] += processor.seconds() - before
                began = time.perf_counter()
                await client.execute_interactive("1 + 1", output_hook=lambda _: None)
                if number >= 0:
                    bare.append(time.perf_counter() - began)
                for size, notebook in zip(SIZES, notebooks, strict=True):  # as large as before
                    with notebook.edit():
                        for cell in notebook.cells[size:]:
                            cell.delete()
                await asyncio.sleep(PAUSE)
        finally:
            client.stop_channels()
            await manager.shutdown_kernel(now=True)
    floor = quantile(bare, 0.5)
    rows = [
        (
            f"{name}, {size:,} cells",
            milliseconds(quantile(times, 0.5)),
            milliseconds(quantile(times, 0.95)),
            "-" if name == EDIT else milliseconds(quantile(times, 0.5) - floor),
            milliseconds(worked[name, size] / rounds),
        )
        for (name, size), times in took.items()
    ]
    rows.append(("bare jupyter_client", milliseconds(floor), milliseconds(quantile(bare, 0.95)), "0", "-"))
    print_table("What an agent waits for", ("what", "p50 ms", "p95 ms", "over bare ms", "processor ms"), rows)


class _Processor:
    """The processor time of everything of Quire's: this peer, the hub, the daemon with its keepers and kernels."""

    def __init__(self, *servers: Server) -> None:
        children = [child for server in servers for child in server.process.children(recursive=True)]
        self._processes = [*(server.process for server in servers), *children]  # looking for them takes milliseconds

    def seconds(self) -> float:
        """So far, in user and kernel mode."""
        times = [process.cpu_times() for process in self._processes]
        return time.process_time() + sum(one.user + one.system for one in times)


async def _notebook(stack: AsyncExitStack, folder: Path, address: HubAddress, cells: int) -> Notebook:
    path = folder / f"{cells}.ipynb"
    await asyncio.to_thread(write_notebook, path, cells, outputs=False)
    client = HubClient(address)
    try:
        notebook_id = await client.open_notebook(path)
    finally:
        await client.close()
    who = this_program("agent", "agent")
    return await stack.enter_async_context(Notebook.connect(notebook_id, address, peer=who))
