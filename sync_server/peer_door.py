"""Where connections come in: the handshake, then one reader for as long as the connection lasts.

`serve_peer` owns the reading side of one connection. It speaks for the hub until the peer has been admitted, hands
every frame to the room after that, and always leaves the room. Whatever is wrong with a connection is answered on that
connection alone.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final, Protocol

from relay.connection import Connection
from relay.errors import ConnectionLost, ErrorCode, WireError
from relay.messages import Hello, SessionError, encode
from sync_server.handshake import Door, admit, identify, read_hello
from sync_server.live_room import LiveRoom

logger = logging.getLogger("quire.hub")

# Seconds a connection may take to say hello.
HELLO_SECONDS: Final = 10.0


class Rooms(Protocol):
    """Where peers go: the hub."""

    token: str

    async def door(self, notebook_id: str) -> tuple[LiveRoom, Door]:
        """A notebook's room, opened if it was not, and what a newcomer is measured against."""


async def serve_peer(connection: Connection, rooms: Rooms, notebook_id: str | None, *, authenticated: bool) -> None:
    """One peer, from its first frame to its last. `notebook_id` is that of the address, None if it names none."""
    try:
        hello = await first_frame(connection)
        if not isinstance(hello, SessionError):
            hello = identify(hello, rooms.token, authenticated=authenticated) or hello
        if isinstance(hello, SessionError):
            await turn_away(connection, hello)
            return
        room, door = await rooms.door(notebook_id or hello.notebook_id)
        answer = admit(hello, door)
        if isinstance(answer, SessionError):
            await turn_away(connection, answer)
            return
        await connection.send(encode(answer))
        key = room.enter(connection, hello.peer, answer.role, answer.runtime_genesis)
        logger.info(
            "notebook %s: %s (%s) is here as %s", room.notebook_id, hello.peer.name, hello.peer.kind, answer.role
        )
        try:
            while True:
                room.receive(key, await connection.receive())
        except ConnectionLost as lost:
            logger.info("notebook %s: %s has left (%s)", room.notebook_id, hello.peer.name, lost.message)
        finally:
            room.leave(key)
    except ConnectionLost:
        pass  # before it was anybody: nothing to undo, nobody to tell
    except WireError as error:
        await turn_away(connection, SessionError(code=error.code, message=error.message, hint=error.hint))


async def first_frame(connection: Connection) -> Hello | SessionError:
    """The Hello of a fresh connection, or why it is none."""
    try:
        async with asyncio.timeout(HELLO_SECONDS):
            return read_hello(await connection.receive())
    except TimeoutError:
        message = f"No `hello` within {HELLO_SECONDS:.0f} s."
        return SessionError(code=ErrorCode.BAD_HANDSHAKE, message=message, hint="Send it as the first frame.")


async def turn_away(connection: Connection, error: SessionError) -> None:
    """Say why and close."""
    logger.warning("%s was turned away: %s", connection.peer_name, error.message)
    try:
        await connection.send(encode(error))
        await connection.close(error.message)
    except ConnectionLost:
        pass  # it did not wait for the reason
