"""A connection that remembers every frame that went over it."""

from __future__ import annotations

from relay.connection import Connection


class Recording:
    """Wraps a connection; `sent` and `received` are the frames in order."""

    def __init__(self, connection: Connection) -> None:
        self.sent: list[bytes] = []
        self.received: list[bytes] = []
        self._connection = connection

    @property
    def peer_name(self) -> str:
        return self._connection.peer_name

    async def send(self, frame: bytes) -> None:
        self.sent.append(frame)
        await self._connection.send(frame)

    def send_nowait(self, frame: bytes) -> bool:
        taken = self._connection.send_nowait(frame)
        if taken:
            self.sent.append(frame)
        return taken

    async def receive(self) -> bytes:
        frame = await self._connection.receive()
        self.received.append(frame)
        return frame

    async def close(self, reason: str = "") -> None:
        await self._connection.close(reason)
