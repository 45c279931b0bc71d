"""How long until a notebook is open: imported for the first time, by a second peer, and after the hub restarted.

Each time is that of a whole Python peer, from the request to a replica of both documents that agrees with the hub's,
beside what nbformat takes to read the same file. Times per cell tell whether opening is linear.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import nbformat

from benchmarks.notebooks import write_notebook
from benchmarks.process import Server, python, running
from benchmarks.report import print_table
from clients.peer.hub_address import HubAddress, HubClient
from clients.peer.notebook import Notebook

CELLS: Final = (100, 1_000, 2_000)
ROUNDS: Final = 3


async def opening(sizes: Sequence[int] = CELLS) -> None:
    """Measure, and print the table; each figure is the best of three."""
    rows = [await _row(cells) for cells in sizes]
    header = ("cells", "file KiB", "nbformat.read ms", "first import ms", "second peer ms", "cold ms", "cold us/cell")
    print_table("Time to open a notebook with outputs", header, rows)


async def _row(cells: int) -> tuple[str, ...]:
    read, first, warm, cold = [], [], [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="quire-benchmark-", ignore_cleanup_errors=True) as folder:
            path = Path(folder, f"{cells}.ipynb")
            write_notebook(path, cells)
            size = (await asyncio.to_thread(path.stat)).st_size
            nbformat.read(await asyncio.to_thread(write_small, Path(folder)), as_version=4)  # loads its schema
            began = time.perf_counter()
            nbformat.read(path, as_version=4)
            read.append(time.perf_counter() - began)
            hub = python("benchmarks.servers.hub", Path(folder, "state"))
            with running(hub) as server:
                await _open(server, write_small(Path(folder)), 1)  # what is imported lazily is imported
                first.append(await _open(server, path, cells))
                warm.append(await _open(server, path, cells))
            with running(hub) as server:
                await _open(server, write_small(Path(folder)), 1)
                cold.append(await _open(server, path, cells))
    best = [min(times) * 1e3 for times in (read, first, warm, cold)]
    return (f"{cells:,}", f"{size / 1024:,.0f}", *(f"{ms:,.0f}" for ms in best), f"{best[-1] / cells * 1e3:.0f}")


def write_small(folder: Path) -> Path:
    """A notebook of one cell, to warm a server up with."""
    path = folder / "small.ipynb"
    if not path.exists():
        write_notebook(path, 1)
    return path


async def _open(server: Server, path: Path, cells: int) -> float:
    """Seconds until a new peer has the whole notebook."""
    address = HubAddress(f"http://127.0.0.1:{server.port}", server.ready["token"])
    client = HubClient(address)
    began = time.perf_counter()
    try:
        notebook_id = await client.open_notebook(path)
    finally:
        await client.close()
    async with Notebook.connect(notebook_id, address) as notebook:
        took = time.perf_counter() - began
        assert len(notebook.doc.cell_ids()) == cells, "the whole notebook is here"
        return took
