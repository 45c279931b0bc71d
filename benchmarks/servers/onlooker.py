"""A peer that looks at whatever changes in a notebook: `python -m benchmarks.servers.onlooker HUB_PORT TOKEN ID`.

It ends with an error if an output that it has seen is ever gone from an execution that is still in the document.
"""

from __future__ import annotations

import asyncio
import json
import sys

from benchmarks.servers.until_stdin_closes import on_stdin_closed, run
from clients.peer.hub_address import HubAddress
from clients.peer.notebook import Notebook
from notebook_doc.events import ExecutionChanged


async def look_on(port: int, token: str, notebook_id: str) -> None:
    """Look until standard input is closed."""
    stop = asyncio.Event()
    on_stdin_closed(stop.set)
    async with Notebook.connect(notebook_id, HubAddress(f"http://127.0.0.1:{port}", token)) as notebook:
        looking = asyncio.create_task(_look(notebook))
        print(json.dumps({"port": port}), flush=True)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((looking, stopped), return_when=asyncio.FIRST_COMPLETED)
        if looking.done():
            looking.result()
        looking.cancel()


async def _look(notebook: Notebook) -> None:
    seen: dict[str, int] = {}
    async for event in notebook.events():
        if isinstance(event, ExecutionChanged):
            runtime = notebook.runtime
            record, last = runtime.execution(event.execution_id), seen.get(event.execution_id, 0)
            if record is not None and last and runtime.output(event.execution_id, last - 1) is None:
                raise AssertionError(f"output {last - 1} of execution {event.execution_id} is gone")
            while runtime.output(event.execution_id, last) is not None:
                last += 1
            seen[event.execution_id] = last


if __name__ == "__main__":
    run(look_on(int(sys.argv[1]), *sys.argv[2:]))
