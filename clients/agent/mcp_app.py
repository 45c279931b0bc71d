"""The MCP server as an ASGI application: streamable HTTP. Who may come here is for whoever puts it somewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from clients.agent.desk import Desk
from clients.agent.mcp_server import make_server
from clients.peer.hub_address import HubAddress


@asynccontextmanager
async def mcp_app(hub: Callable[[], HubAddress], version: str) -> AsyncIterator[Any]:
    """The application. Leaving the context ends the sessions of agents and closes what they had open."""
    async with Desk.at(hub) as desk:
        manager = StreamableHTTPSessionManager(make_server(desk, version=version)._lowlevel_server)
        async with manager.run():
            yield manager.handle_request
