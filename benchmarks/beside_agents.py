"""How long a person's typing takes to reach the others while an agent works through the hub's `/mcp`.

Two people are in a small notebook, one of them types 50 characters a second. Meanwhile an agent, a client in a process
of its own, does one thing after another in a notebook of 1,000 cells with outputs, each round in a new notebook and a
new session; somebody has that open, too, so the hub has it in memory. What is told is the delay of the characters typed
while the agent waits for an answer and for a second afterwards: at the median, and the worst, which is how long the
hub's event loop, which all notebooks share, was held up at most. *Agent waits* is what the agent waits for its answer.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from benchmarks.change_press import Press
from benchmarks.contenders import join_all, open_at
from benchmarks.notebooks import write_notebook
from benchmarks.process import ROOT, Server, python, running
from benchmarks.report import milliseconds, print_table, quantile
from benchmarks.typists import QuireTypist, Score

CELLS: Final = 1000
# Characters a second, and seconds after a deed, in which what it has set going comes to rest.
RATE: Final = 50.0
PAUSE: Final = 1.0
NOTHING: Final = "nothing (one second)"
DEEDS: Final = {
    NOTHING: "",
    "opens it": "open",
    "reads all cells": "read",
    "searches": "search",
    "asks for the history": "history",
    "writes 400 cells": "write",
    "undoes that": "undo",
}


async def beside_agents(rounds: int = 5) -> None:
    """Measure and print."""
    delays: dict[str, list[float]] = {name: [] for name in DEEDS}
    waits: dict[str, list[float]] = {name: [] for name in DEEDS}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quire-", ignore_cleanup_errors=True)))
        server = stack.enter_context(running(python("benchmarks.servers.hub", folder / "state", "--agents")))
        agent = await stack.enter_async_context(_agent(server))
        score = Score(receivers=1)
        typists = await _join(stack, server, folder / "typed.ipynb", 200, [score, score])
        typing = asyncio.create_task(_type(typists[0]), name="type")
        stack.callback(typing.cancel)
        for number in range(rounds):
            path, nobody = folder / f"{number}.ipynb", Score(receivers=0)
            (onlooker,) = await _join(stack, server, path, CELLS, [nobody], typists[0].shared.press)
            await asyncio.sleep(PAUSE)
            for name, deed in DEEDS.items():
                score.took.clear()
                began = time.perf_counter()
                await (_order(agent, deed, onlooker.shared.notebook_id) if deed else asyncio.sleep(1.0))
                waits[name].append(time.perf_counter() - began)
                await asyncio.sleep(PAUSE)
                last = set(score.under_way)
                while last & score.under_way.keys() and not typing.done():  # noqa: ASYNC110 (one for each edit)
                    await asyncio.sleep(0.005)  # what was typed meanwhile counts, however long it takes
                delays[name] += score.took
        if typing.done():
            typing.result()  # raises what went wrong with it
    rows = [
        (
            name,
            milliseconds(quantile(delays[name], 0.5)),
            milliseconds(max(delays[name])),
            "-" if name == NOTHING else milliseconds(quantile(waits[name], 0.5)),
        )
        for name in DEEDS
    ]
    header = ("the agent", "delay of an edit p50 ms", "max ms", "agent waits p50 ms")
    print_table("What people wait for while an agent works", header, rows)


async def _join(
    stack: AsyncExitStack, server: Server, path: Path, cells: int, scores: Sequence[Score], press: Press | None = None
) -> list[QuireTypist]:
    """Peers in a new notebook. Given any press they make none of their own, which takes seconds, and cannot type."""
    await asyncio.to_thread(write_notebook, path, cells)
    server.ready["notebook"] = str(path)
    shared = await open_at(server)
    shared.press = press
    typists = [QuireTypist(score, shared, cell=7 * number) for number, score in enumerate(scores)]
    await join_all(typists, server)
    for typist in typists:
        stack.callback(typist.leave)
    return typists


async def _type(typist: QuireTypist) -> None:
    began, typed = time.perf_counter(), 0
    while True:
        typist.type()
        typed += 1
        await asyncio.sleep(max(0.0, began + typed / RATE - time.perf_counter()))


@asynccontextmanager
async def _agent(server: Server) -> AsyncIterator[asyncio.subprocess.Process]:
    url = f"http://127.0.0.1:{server.port}"
    process = await asyncio.create_subprocess_exec(
        *map(str, python("benchmarks.servers.mcp_agent", url, server.ready["token"])),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        assert process.stdin is not None, "asked for"
        process.stdin.close()
        await process.wait()


async def _order(agent: asyncio.subprocess.Process, deed: str, notebook: str) -> None:
    assert agent.stdin is not None, "asked for"
    assert agent.stdout is not None, "asked for"
    agent.stdin.write(json.dumps([deed, notebook]).encode() + b"\n")
    if await agent.stdout.readline() != b'"done"\n':
        raise RuntimeError(f"the agent could not {deed}")
