"""What running a cell costs through hub, daemon and documents, beside the kernel itself and beside nbclient.

Each contender has an ipykernel of its own, warmed up, and they take turns within a run. *bare* is jupyter_client's
asynchronous client: the kernel and its sockets, the floor for anybody who uses Jupyter's protocol. *nbclient* is what
runs notebooks elsewhere. *quire* is a peer that asks the hub, whose daemon runs the cell: its time ends when the peer
that asked has the outputs and the execution's end; the text of large outputs is then fetched, which is told apart.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import nbformat
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager, start_new_async_kernel
from nbclient import NotebookClient

from benchmarks.process import python, running
from benchmarks.report import milliseconds, print_table, quantile
from clients.peer.hub_address import HubAddress, HubClient
from clients.peer.notebook import Notebook

SMALL: Final = "1 + 1"
QUEUED: Final = 20
LONG: Final = 1_000  # cells of a notebook that is long
TYPICAL: Final = "for n in range(10):\n    print(n)\n"
FLOODS: Final = {
    "50,000 lines": ("for n in range(50_000): print('line', n)", 538_890),
    "100 MB": ("for n in range(100_000): print(f'{n:07}'.ljust(999, 'x'))", 100_000_000),
}


class Contender(ABC):
    """One way to run cells, on a kernel of its own."""

    name: str

    @abstractmethod
    async def run(self, source: str, times: int = 1) -> int:
        """Run this so often, asked for at once; return the characters that the last one printed, when all is here."""

    async def fetch(self) -> int | None:
        """The characters of the latest output once more, fetched whole; None where they are here already."""
        return None


class Bare(Contender):
    """jupyter_client alone."""

    name = "bare jupyter_client"

    def __init__(self, client: AsyncKernelClient) -> None:
        self._client = client

    async def run(self, source: str, times: int = 1) -> int:
        ids = [self._client.execute(source) for _ in range(times)]
        printed, last = 0, ids[-1]
        while True:
            message = await self._client.get_iopub_msg()
            if message["parent_header"].get("msg_id") != last:
                continue
            if message["msg_type"] == "stream":
                printed += len(message["content"]["text"])
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
        for _ in ids:
            await self._client.get_shell_msg()
        return printed


class Nbclient(Contender):
    """nbclient, on a kernel that runs already."""

    name = "nbclient"

    def __init__(self, manager: AsyncKernelManager, client: AsyncKernelClient) -> None:
        self._manager = manager
        self._kernel_client = client

    async def run(self, source: str, times: int = 1) -> int:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for _ in range(times)])
        client = NotebookClient(notebook, km=self._manager, timeout=None)
        client.kc = self._kernel_client
        for index, cell in enumerate(notebook.cells):
            await client.async_execute_cell(cell, index)
        return sum(len(output.get("text", "")) for output in notebook.cells[-1].outputs)


class Quire(Contender):
    """A peer, the hub and the daemon, three processes."""

    name = "quire"

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    async def run(self, source: str, times: int = 1) -> int:
        notebook = self._notebook
        while len(notebook.cells) < times:
            notebook.cells.add()
        with notebook.edit():
            for cell in notebook.cells[:times]:
                cell.source = source
        executions = await notebook.run([cell.id for cell in notebook.cells[:times]])
        executions[-1].check()
        return 0

    async def fetch(self) -> int | None:
        (cell,) = self._notebook.cells[:1]
        assert cell.execution is not None, "it has just run"
        return sum(len(output.get("text", "")) for output in await cell.execution.outputs())


class Scratch(Contender):
    """The same peer, running code without a cell in a copy of the namespace."""

    def __init__(self, notebook: Notebook, name: str) -> None:
        self._notebook = notebook
        self.name = name

    async def run(self, source: str, times: int = 1) -> int:
        started = [await self._notebook.start_scratch(source) for _ in range(times)]
        (await started[-1].wait()).check()
        return 0


async def run_cells(rounds: int = 100, flood_rounds: int = 3) -> None:
    """Measure, and print the tables."""
    async with AsyncExitStack() as stack:
        notebook, long = await stack.enter_async_context(_quire(1)), await stack.enter_async_context(_quire(LONG))
        contenders: list[Contender] = [
            Bare((await stack.enter_async_context(_kernel()))[1]),
            Nbclient(*await stack.enter_async_context(_kernel())),
            Quire(notebook),
        ]
        scratch = [Scratch(notebook, "quire, without a cell"), Scratch(long, f"the same among {LONG:,} cells")]
        for contender in (*contenders, *scratch):
            for _ in range(5):
                await contender.run(SMALL, QUEUED)
        alone = await _rounds([*contenders, *scratch], rounds, 1)
        _print_times("From asking for `1 + 1` until its result is here and it has ended", alone)
        queued = await _rounds(contenders, max(rounds // 5, 1), QUEUED)
        _print_times(f"{QUEUED} cells asked for at once, until the last has ended", queued)
        rows = [
            row
            for name, (source, characters) in FLOODS.items()
            for row in await _flood(contenders, name, source, characters, flood_rounds)
        ]
        header = ("what", "median s", "MB/s", "ratio", "then fetched s")
        print_table("Output of one cell, until all of it is here", header, rows)


async def _rounds(contenders: Sequence[Contender], rounds: int, times: int) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            began = time.perf_counter()
            await contender.run(SMALL, times)
            took[contender.name].append(time.perf_counter() - began)
    return took


def _print_times(title: str, took: dict[str, list[float]]) -> None:
    floor = quantile(next(iter(took.values())), 0.5)
    rows = [
        (
            name,
            milliseconds(quantile(times, 0.5)),
            milliseconds(quantile(times, 0.95)),
            f"{quantile(times, 0.5) / floor:.2f}",
        )
        for name, times in took.items()
    ]
    print_table(title, ("what", "p50 ms", "p95 ms", "ratio"), rows)


async def _flood(
    contenders: Sequence[Contender], name: str, source: str, characters: int, rounds: int
) -> list[tuple[str, ...]]:
    took: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    fetched: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            began = time.perf_counter()
            printed: int | None = await contender.run(source)
            ended = time.perf_counter()
            took[contender.name].append(ended - began)
            again = await contender.fetch()
            if again is not None:
                printed = again
                fetched[contender.name].append(time.perf_counter() - ended)
            if printed != characters:  # a kernel drops what its reader does not take in time
                print(f"{contender.name}: {printed:,} of {characters:,} characters of {name} arrived")
    floor = quantile(took[contenders[0].name], 0.5)
    rows: list[tuple[str, ...]] = []
    for contender in contenders:
        median, then = quantile(took[contender.name], 0.5), quantile(fetched[contender.name], 0.5)
        rows.append(
            (
                f"{name}, {contender.name}",
                f"{median:.2f}",
                f"{characters / median / 1e6:.1f}",
                f"{median / floor:.2f}",
                "-" if not fetched[contender.name] else f"{then:.2f}",
            )
        )
    return rows


@asynccontextmanager
async def _kernel() -> AsyncIterator[tuple[AsyncKernelManager, AsyncKernelClient]]:
    manager, client = await start_new_async_kernel(kernel_name="python3")
    try:
        yield manager, client
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)


@asynccontextmanager
async def _quire(cells: int) -> AsyncIterator[Notebook]:
    with tempfile.TemporaryDirectory(prefix="quire-benchmark-", ignore_cleanup_errors=True) as folder:
        path = Path(folder, "run.ipynb")
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(TYPICAL * (cells > 1)) for _ in range(cells)])
        await asyncio.to_thread(nbformat.write, made, path)
        with running(python("benchmarks.servers.hub", Path(folder, "state"))) as hub:
            address = HubAddress(f"http://127.0.0.1:{hub.port}", hub.ready["token"])
            with running(python("benchmarks.servers.daemon", address.url, Path(folder, "state"))):
                client = HubClient(address)
                notebook_id = await client.open_notebook(path)
                await client.close()
                async with Notebook.connect(notebook_id, address) as notebook:
                    yield notebook
