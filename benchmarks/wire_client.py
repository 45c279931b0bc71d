"""A WebSocket client that costs almost nothing, so that what is measured is the server.

Speaks just enough of RFC 6455 for benchmarks against servers we started ourselves: it offers no extension, masks with
a key of zeros (allowed; it leaves the payload as it is), and takes unfragmented binary messages. Each arriving message
is handed to a callback in the turn of the loop in which it arrived. Not for any other use.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import struct
from collections.abc import Callable
from typing import Final

_BINARY: Final = 0x82
_CLOSE: Final = 0x88
_PING: Final = 0x89
_PONG: Final = 0x8A
_MASKED: Final = 0x80
_NO_KEY: Final = b"\0\0\0\0"


class WireClient(asyncio.Protocol):
    """One connection. `on_message` is called with each message's payload; set it before `open` returns anything."""

    def __init__(self, on_message: Callable[[bytes], None]) -> None:
        self.on_message = on_message
        self.lost: str | None = None
        self._buffer = bytearray()
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    async def open(self, host: str, port: int, path: str, headers: dict[str, str] | None = None) -> None:
        """Connect and upgrade. Raises ConnectionError with the server's answer if it refuses."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: self, host, port)
        self._transport = transport
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {host}:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
        ]
        transport.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await self._opened

    def send(self, payload: bytes, kind: int = _BINARY) -> None:
        """Send one message. Raises ConnectionError once the connection is lost."""
        if self._transport is None or self.lost is not None:
            raise ConnectionError(self.lost or "not open yet")
        size = len(payload)
        if size < 126:
            head = bytes((kind, _MASKED | size))
        elif size < 1 << 16:
            head = struct.pack(">BBH", kind, _MASKED | 126, size)
        else:
            head = struct.pack(">BBQ", kind, _MASKED | 127, size)
        self._transport.write(head + _NO_KEY + payload)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    # --- asyncio.Protocol ---------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        if not self._opened.done():
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(buffer[:end])
            del buffer[: end + 4]
            if not head.startswith(b"HTTP/1.1 101"):
                self._opened.set_exception(ConnectionError(head.split(b"\r\n")[0].decode()))
                return
            self._opened.set_result(None)
        position, filled = 0, len(buffer)
        while filled - position >= 2:
            size, start = buffer[position + 1], position + 2
            if size == 126:
                start += 2
                size = int.from_bytes(buffer[position + 2 : start], "big") if filled >= start else filled
            elif size == 127:
                start += 8
                size = int.from_bytes(buffer[position + 2 : start], "big") if filled >= start else filled
            if filled < start + size:
                break
            kind = buffer[position]
            payload = bytes(buffer[start : start + size])
            position = start + size
            if kind == _BINARY:
                self.on_message(payload)
            elif kind == _PING:
                self.send(payload, _PONG)
            elif kind == _CLOSE:
                self.lost = f"closed by the server, {payload[2:].decode(errors='replace') or 'no reason given'}"
        del buffer[:position]

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = self.lost or f"connection lost ({exc})"
        if not self._opened.done():
            self._opened.set_exception(ConnectionError(self.lost))
