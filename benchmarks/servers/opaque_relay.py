"""The floor: a FastAPI application on the hub's own uvicorn settings that forwards bytes and knows nothing.

What one peer sends goes to every other in the room, at once, without being looked at. `python -m
benchmarks.servers.opaque_relay`.
"""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress

import uvicorn
from fastapi import FastAPI
from starlette.websockets import WebSocket, WebSocketDisconnect

from benchmarks.servers.until_stdin_closes import on_stdin_closed, run
from sync_server.serve import _config, _listen, _Server


def application() -> FastAPI:
    """One room, whoever connects is in it."""
    app = FastAPI()
    room: set[WebSocket] = set()

    @app.websocket("/room")
    async def sync(websocket: WebSocket) -> None:
        await websocket.accept()
        room.add(websocket)
        try:
            while True:
                message = await websocket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                for other in list(room):
                    if other is not websocket:
                        with suppress(WebSocketDisconnect, RuntimeError):  # it has just gone
                            await other.send_bytes(message["bytes"])
        finally:
            room.discard(websocket)

    return app


async def relay() -> None:
    """Serve until standard input is closed."""
    listener: socket.socket = _listen(0)
    server: uvicorn.Server = _Server(_config(application()))

    def stop() -> None:
        server.should_exit = True

    on_stdin_closed(stop)
    serving = asyncio.create_task(server.serve([listener]))
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    await serving


if __name__ == "__main__":
    run(relay())
