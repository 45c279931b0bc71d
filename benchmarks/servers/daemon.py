"""The daemon as a server under test: `python -m benchmarks.servers.daemon HUB_URL STATE`, beside the hub."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from benchmarks.servers.hub import TOKEN
from benchmarks.servers.until_stdin_closes import on_stdin_closed
from clients.daemon.main import run_daemon
from clients.peer.hub_address import HubAddress


async def daemon(url: str, state: Path) -> None:
    """Run every notebook of this hub until standard input is closed."""
    stop = asyncio.Event()
    on_stdin_closed(stop.set)
    print(json.dumps({"port": 0}), flush=True)
    await run_daemon(HubAddress(url, TOKEN), state, stop=stop)


if __name__ == "__main__":
    asyncio.run(daemon(sys.argv[1], Path(sys.argv[2])))
