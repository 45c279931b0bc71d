"""The hub as a server under test: `python -m benchmarks.servers.hub STATE_FOLDER [--page] [--agents] [--profile FILE]`.

On Unix the state folder's lock and token are the hub's business; here it gets a fixed token, and prints it.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import sys
from pathlib import Path

from benchmarks.servers.until_stdin_closes import on_stdin_closed, run
from clients.cli.agents_mount import AgentsMount
from clients.cli.web_page import web_page
from clients.peer.hub_address import HubAddress
from sync_server.serve import Listening, serve

TOKEN = "benchmark"


async def hub(state: Path, page: Path | None = None, *, with_agents: bool = False) -> None:
    """Serve until standard input is closed."""
    told, stop = asyncio.Event(), asyncio.Event()
    on_stdin_closed(told.set)
    url = ""

    def announce(listening: Listening) -> None:
        nonlocal url
        url = listening.url
        print(json.dumps({"port": listening.port, "token": TOKEN}), flush=True)

    agents = AgentsMount(lambda: HubAddress(url, TOKEN))
    mounts = {"/mcp": agents} if with_agents else None
    async with asyncio.TaskGroup() as tasks:
        serving = serve(state, TOKEN, "benchmark", page=page, mounts=mounts, stop=stop, on_listening=announce)
        tasks.create_task(serving, name="serve")
        await told.wait()
        await agents.close()
        stop.set()


def main(arguments: list[str]) -> None:
    """Run, under a profiler if asked to."""
    parser = argparse.ArgumentParser()
    parser.add_argument("state", type=Path)
    parser.add_argument("--page", action="store_true", help="serve the built page, too")
    parser.add_argument("--agents", action="store_true", help="serve the agents' tools, too")
    parser.add_argument("--profile", type=Path)
    options = parser.parse_args(arguments)
    page = web_page() if options.page else None
    if options.profile is None:
        run(hub(options.state, page, with_agents=options.agents))
        return
    profile = cProfile.Profile()
    profile.runcall(run, hub(options.state, page, with_agents=options.agents))
    profile.dump_stats(options.profile)


if __name__ == "__main__":
    main(sys.argv[1:])
