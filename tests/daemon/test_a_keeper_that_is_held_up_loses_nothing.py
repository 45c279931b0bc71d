"""On a machine that has other things to do, a keeper may not run for a while; its kernel goes on publishing."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from clients.daemon.events import Finished, Output, Started
from clients.daemon.kernel import Kernel
from clients.daemon.launch_plan import LaunchPlan
from tests.support.aio import aio

DISPLAYS = 5_000  # ipykernel keeps a thousand messages for a reader, if it is not told otherwise


@aio
async def test_everything_that_was_published_meanwhile_arrives_in_order(tmp_path: Path) -> None:
    done = tmp_path / "done"
    kernel = await Kernel.start(LaunchPlan(name="python3", cwd=tmp_path))
    try:
        keeper = kernel._link.manifest.pid
        await kernel.execute("for n in range(10): display(n)", "warm")
        events = kernel.events()
        while not isinstance(await anext(events), Finished):
            pass
        code = f"for n in range({DISPLAYS}): display(n)\nopen({str(done)!r}, 'w').close()"
        await kernel.execute(f"import time; time.sleep(0.3)\n{code}", "flood")
        while not isinstance(await anext(events), Started):
            pass  # it has been passed on; what the kernel shows begins later
        os.kill(keeper, signal.SIGSTOP)
        while not await asyncio.to_thread(done.exists):
            await asyncio.sleep(0.05)
        os.kill(keeper, signal.SIGCONT)
        shown = []
        async for event in events:
            if isinstance(event, Output):
                shown.append(event.output["data"]["text/plain"])
            if isinstance(event, Finished):
                break
        assert shown == [str(n) for n in range(DISPLAYS)]
    finally:
        await kernel.shutdown()
