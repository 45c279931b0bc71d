"""`quire serve-agents`: the agents' tools as a child of the hub (`agents_mount`).

Serves the requests that the hub passes on, until the hub ends or hangs up; then it closes what agents have open.
"""

from __future__ import annotations

import asyncio
import logging
import socket

from clients.agent.mcp_app import mcp_app
from clients.cli.control import AgentsOrder, ChildEnd
from clients.cli.far_app import serve_app
from clients.cli.log_sink import log_to_stream
from clients.cli.version import version
from clients.peer.hub_address import HubAddress


def main() -> int:
    """Run until told to stop. Returns the exit code."""
    end = ChildEnd()
    log_to_stream("agents")
    logging.getLogger("mcp").setLevel(logging.WARNING)
    order = end.order()
    assert isinstance(order, AgentsOrder), "the hub starts this command with its order"
    return asyncio.run(_run(end, order))


async def _run(end: ChildEnd, order: AgentsOrder) -> int:
    stop = asyncio.Event()
    end.watch(on_stop=stop.set, on_orphaned=stop.set)
    address = HubAddress(order.url, order.token)
    async with asyncio.TaskGroup() as tasks:
        async with mcp_app(lambda: address, version()) as app:
            serving = tasks.create_task(serve_app(app, socket.socket(fileno=order.door)), name="serve agents")
            await stop.wait()
        serving.cancel()  # what was under way has been answered as the sessions ended
    return 0
