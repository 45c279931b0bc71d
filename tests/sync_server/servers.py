"""A real server on a real socket, for as long as a test needs it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import httpx
import uvicorn
from starlette.types import ASGIApp


@dataclass(frozen=True)
class Running:
    """A server's port and a client that talks to it."""

    port: int
    http: httpx.AsyncClient


@contextlib.asynccontextmanager
async def serving(make_app: Callable[[int], ASGIApp]) -> AsyncIterator[Running]:
    """Serve what `make_app` makes of the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        config = uvicorn.Config(make_app(port), ws="websockets-sansio", log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
                yield Running(port, http)
        finally:
            server.should_exit = True
            await task
