"""A client's WebSocket: what comes in goes to its session, what its queue holds goes out. Thin.

The reader never waits for anything but the next frame, the writer for nobody but this client. When the session ends the
connection is closed with 1012 ("service restart"), and the client comes back to the same address.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from clients.gateway.client import Client
from clients.gateway.protocol import Refusal, encoded, frame, read
from clients.gateway.queue import Outgoing
from clients.gateway.session import Session
from clients.peer.notebook import Notebook

_RESTART: Final = 1012


async def serve_client(websocket: WebSocket, session: Session, peer: Notebook, *, may_edit: bool) -> None:
    """Serve a client, who is this peer to the others, until it goes or the session ends."""
    await websocket.accept()
    client = Client(peer, may_edit=may_edit)
    session.clients.add(client)
    work = [
        asyncio.create_task(_read(websocket, session, client), name="read from a JSON client"),
        asyncio.create_task(_write(websocket, session, client), name="write to a JSON client"),
        asyncio.create_task(session.ended.wait(), name="wait for the end of a JSON session"),
    ]
    try:
        await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        if session.ended.is_set() and not work[0].done():
            await websocket.close(_RESTART, "The notebook was closed; connect again.")
    except RuntimeError:
        pass  # Starlette's word for a connection that is closed already
    finally:
        session.clients.discard(client)
        for task in work:
            task.cancel()
        for outcome in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, (WebSocketDisconnect, RuntimeError)):
                raise outcome


async def _read(websocket: WebSocket, session: Session, client: Client) -> None:
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        try:
            incoming = read(text if isinstance(text, str) else message.get("bytes") or b"")
        except Refusal as refusal:
            client.refuse(refusal)
            continue
        session.handle(client, incoming)


async def _write(websocket: WebSocket, session: Session, client: Client) -> None:
    while True:
        await client.ready.wait()
        client.ready.clear()
        while len(client.queue):
            if client.queue.wants_state:
                payload, sources = await session.state()
                client.queue.caught_up()
                number, out = client.queue.number(), Outgoing("notebook_state", encoded(payload), sources)
            else:
                taken = client.queue.take()
                assert taken is not None, "it is not empty"
                number, out = taken
            if out.sources is not None:
                client.seen.shown(out.sources.heads, out.sources.by_cell, time.monotonic())
            await websocket.send_text(frame(out.kind, number, time.time(), out.payload))
