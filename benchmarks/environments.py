"""How long a first run waits for its environment: to be built, found as it was built before, taken from the pool.

*From asking until the first output*, of `print(1)` in a notebook of its own, kernel start included. *Built* resolves
and installs from uv's cache (fill it by a run before this one, or the registry's speed is measured); *cached* is the
same declaration in a second notebook; *pool* is a notebook that declares nothing, with an environment ready;
*installed* the same without a pool: the floor, since nothing is looked for or made.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.process import python, running
from benchmarks.report import milliseconds, print_table
from clients.daemon.environments.store import EnvironmentStore
from clients.peer.hub_address import HubAddress, HubClient
from clients.peer.identity import this_program
from clients.peer.notebook import Notebook

PACKAGE = "six"  # small: what is measured is making an environment, not moving a large package


async def environments(rounds: int = 3) -> None:
    """Measure and print."""
    times: dict[str, list[float]] = {"installed": [], "built": [], "cached": [], "pool": []}
    for _ in range(rounds):
        await _round(times, pool=False)
        await _round(times, pool=True)
    rows = [(name, str(len(all_)), milliseconds(statistics.median(all_))) for name, all_ in times.items()]
    print_table("From asking for a cell until its first output (median)", ("environment", "n", "ms"), rows)


async def _round(times: dict[str, list[float]], *, pool: bool) -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quire-", ignore_cleanup_errors=True)))
        state = folder / "state"
        state.mkdir(mode=0o700)
        if pool:
            (state / "settings.toml").write_text("pool_size = 1\n")
        hub = stack.enter_context(running(python("benchmarks.servers.hub", state)))
        address = HubAddress(f"http://127.0.0.1:{hub.port}", hub.ready["token"])
        stack.enter_context(running(python("benchmarks.servers.daemon", address.url, state)))
        if pool:
            store = EnvironmentStore(state)
            while not await asyncio.to_thread(store.all):  # noqa: ASYNC110  # another process makes it
                await asyncio.sleep(0.2)
            times["pool"].append(await _first_output(address, folder / "pool.ipynb", declares=False))
            return
        times["installed"].append(await _first_output(address, folder / "plain.ipynb", declares=False))
        times["built"].append(await _first_output(address, folder / "one.ipynb", declares=True))
        times["cached"].append(await _first_output(address, folder / "two.ipynb", declares=True))


async def _first_output(address: HubAddress, path: Path, *, declares: bool) -> float:
    cell: dict[str, object] = {
        "id": "c",
        "cell_type": "code",
        "source": "print(1)",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    metadata = {"quire": {"uv": {"dependencies": [PACKAGE]}}} if declares else {}
    told = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": [cell]}
    await asyncio.to_thread(path.write_text, json.dumps(told))
    client = HubClient(address)
    notebook_id = await client.open_notebook(path)
    await client.close()
    async with Notebook.connect(notebook_id, address, peer=this_program("benchmark")) as notebook:
        await notebook.until(lambda: any(present.peer.kind == "daemon" for present in notebook.peers))
        if declares:
            await notebook.until(lambda: notebook.packages.trust.state != "not_needed")
            if notebook.packages.trust.asks:
                await notebook.packages.approve()
        began = time.perf_counter()
        (execution,) = await notebook.start(["c"])
        await notebook.until(lambda: notebook.runtime.output_count(execution.id) > 0)
        took = time.perf_counter() - began
        await notebook.shutdown_kernel()
        return took
