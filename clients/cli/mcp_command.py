"""`quire mcp`: the agents' tools over standard input and output. Finds the local service, or starts it.

Standard output belongs to the protocol; what is logged goes to standard error. The token comes from the registry.
"""

from __future__ import annotations

import asyncio

from clients.agent.desk import Desk
from clients.agent.mcp_server import make_server
from clients.cli.errors import OK
from clients.cli.version import version
from clients.peer.hub_address import HubAddress, find_hub
from clients.peer.service import local_hub


def mcp(name: str | None) -> int:
    """Serve one client until it closes our standard input."""
    asyncio.run(_serve(name))
    return OK


async def _serve(name: str | None) -> None:
    first = await local_hub()

    def hub() -> HubAddress:
        return find_hub() or first  # it may have come back at another port

    async with Desk.at(hub) as desk:
        await make_server(desk, version=version(), agent=name).run_stdio_async()
