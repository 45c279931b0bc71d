"""The hub's WebSocket edge with an echo behind it, which is what the Autobahn cases talk to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from sync_server.serve import _config, _listen, _Server


async def _echo(websocket: WebSocket) -> None:
    await websocket.accept()
    while (message := await websocket.receive())["type"] == "websocket.receive":
        data, text = message.get("bytes"), message.get("text")
        if data is not None:
            await websocket.send_bytes(data)
        elif text is not None:
            await websocket.send_text(text)


@asynccontextmanager
async def an_echo() -> AsyncIterator[str]:
    """The address of an echo on the hub's own uvicorn settings."""
    listener = _listen(0)
    server = _Server(_config(Starlette(routes=[WebSocketRoute("/", _echo)])))
    serving = asyncio.create_task(server.serve([listener]))
    try:
        await server.listening.wait()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
