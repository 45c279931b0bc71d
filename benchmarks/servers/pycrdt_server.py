"""pycrdt-websocket, to compare with: `python -m benchmarks.servers.pycrdt_server [DATABASE]`.

Runs in a virtual environment of its own (see benchmarks/others.py), so it imports nothing of Quire but a helper that
needs the standard library alone. With a database every update is stored in SQLite.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys

import uvicorn
from pycrdt.store import SQLiteYStore
from pycrdt.websocket import ASGIServer, WebsocketServer, YRoom

from benchmarks.servers.until_stdin_closes import on_stdin_closed, run


async def main(database: str | None) -> None:
    """Serve the room `room` until standard input is closed."""
    listener = socket.create_server(("127.0.0.1", 0))
    async with WebsocketServer() as rooms:
        if database is not None:
            room = YRoom(ystore=type("Store", (SQLiteYStore,), {"db_path": database})("room"))
            rooms.rooms["/room"] = room
            await rooms.start_room(room)
        config = uvicorn.Config(
            ASGIServer(rooms),
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
        )
        server = uvicorn.Server(config)

        def stop() -> None:
            server.should_exit = True

        on_stdin_closed(stop)
        serving = asyncio.create_task(server.serve([listener]))
        print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
        await serving


if __name__ == "__main__":
    run(main(sys.argv[1] if len(sys.argv) > 1 else None))
