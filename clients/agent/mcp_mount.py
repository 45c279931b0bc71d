"""The MCP server as a part of a web application: streamable HTTP at one path.

The SDK takes a second to import, so it is imported, in a thread, when the first request comes: a hub that no agent asks
pays nothing. Who may come here (token, Host, Origin) is for whoever mounts it.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Final

from clients.peer.hub_address import HubAddress

MODULE: Final = "clients.agent.mcp_server"


class McpMount:
    """An ASGI application. Owns the task in which the sessions of agents live; `close` ends them."""

    def __init__(self, hub: Callable[[], HubAddress], version: str) -> None:
        self._hub, self._version = hub, version
        self._starting = asyncio.Lock()
        self._app: Any = None
        self._told = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with self._starting:
            if self._app is None:
                await self._start()
        await self._app(scope, receive, send)

    async def _start(self) -> None:
        await asyncio.to_thread(importlib.import_module, MODULE)
        ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._serving = asyncio.create_task(self._serve(ready), name="serve agents")
        await asyncio.wait((self._serving, ready), return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            await self._serving
        self._app = ready.result()

    async def _serve(self, ready: asyncio.Future[Any]) -> None:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        from clients.agent.desk import Desk
        from clients.agent.mcp_server import make_server

        async with AsyncExitStack() as stack:
            desk = await stack.enter_async_context(Desk.at(self._hub))
            server = make_server(desk, version=self._version)
            manager = StreamableHTTPSessionManager(server._lowlevel_server)
            await stack.enter_async_context(manager.run())
            ready.set_result(manager.handle_request)
            await self._told.wait()

    async def close(self) -> None:
        """End all sessions and close what agents had open."""
        self._told.set()
        if self._serving is not None:
            await self._serving
