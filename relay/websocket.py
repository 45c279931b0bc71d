"""Frames over a WebSocket: one binary message is one frame.

Wraps a connection of the `websockets` library, whichever side opened it, and turns the library's exceptions into ours.
There is no compression (sync messages are compressed by Automerge where it pays, and deflate costs more time than the
rest of the path), Nagle's algorithm is off (asyncio sets TCP_NODELAY), and a ping every twenty seconds finds peers that
are gone. Text messages are refused. A URL's query may hold a token, so it is left out of names and messages.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection as LibraryConnection
from websockets.asyncio.server import broadcast
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
    PayloadTooBig,
    ProxyError,
)
from websockets.frames import CloseCode
from websockets.http11 import Response
from websockets.protocol import State

from relay.connection import CLOSE_SECONDS, WRITE_BUFFER, Connection
from relay.errors import BadEndpoint, ConnectionLost, ErrorCode, FrameTooLarge, MalformedFrame, Refused, WireError
from relay.frames import LARGEST_FRAME, check_frame

# Seconds for the TCP, TLS and HTTP handshakes together; a loaded hub answers in far less.
OPEN_SECONDS: Final = 10.0
# Seconds between pings, and until a missing answer ends the link: under the thirty seconds of idleness after which
# common proxies cut a connection.
PING_SECONDS: Final = 20.0
# Messages that wait to be received before reading from the socket pauses. One read brings up to 256 KiB of small ones
# whatever this says; for large ones it bounds the memory.
RECEIVE_QUEUE: Final = 16
# Bytes of UTF-8 that a WebSocket close reason may have (RFC 6455, section 5.5).
_REASON_BYTES: Final = 123
# Characters of a refusal's HTTP body that are shown.
_SHOWN_BODY: Final = 200

Headers = Iterable[tuple[str, str]]

_VIOLATIONS: Final = (CloseCode.PROTOCOL_ERROR, CloseCode.UNSUPPORTED_DATA, CloseCode.INVALID_DATA)
_REFUSALS: Final[dict[int, tuple[ErrorCode, str]]] = {
    401: (ErrorCode.UNAUTHORIZED, "Use the token of the running server, or ask its owner for one."),
    403: (ErrorCode.FORBIDDEN, "Ask the notebook's owner for access, or check the Host and Origin you connect from."),
    404: (ErrorCode.UNKNOWN_NOTEBOOK, "Check the notebook's id and the address; the path is /v1/notebooks/<id>/sync."),
}


class WebSocketConnection:
    """A WebSocket as a Connection, of the side that dialled or the side that listened. Owns the socket once made."""

    def __init__(self, websocket: LibraryConnection, peer_name: str) -> None:
        self.peer_name = peer_name
        self._websocket = websocket

    async def send(self, frame: bytes) -> None:
        if self._has_room():
            self._write(frame)
            return
        try:
            await self._websocket.send(frame)
        except ConnectionClosed as closed:
            raise _as_ours(closed, self.peer_name) from closed

    def send_nowait(self, frame: bytes) -> bool:
        if self._websocket.state is not State.OPEN:
            raise ConnectionLost(f"The link to {self.peer_name} is closed or closing.")
        if not self._has_room():
            return False
        self._write(frame)
        return True

    async def receive(self) -> bytes:
        try:
            message = await self._websocket.recv()
        except ConnectionClosed as closed:
            raise _as_ours(closed, self.peer_name) from closed
        if isinstance(message, str):
            raise MalformedFrame(f"a text message arrived from {self.peer_name}; frames are binary messages.")
        check_frame(message)
        return message

    async def close(self, reason: str = "") -> None:
        short = reason.encode()[:_REASON_BYTES].decode(errors="ignore")
        try:
            # The library bounds its wait for the other side's closing frame, but not the flushing before it.
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._websocket.close(CloseCode.NORMAL_CLOSURE, short)
        except TimeoutError:
            self._websocket.transport.abort()
            await self._websocket.wait_closed()
        finally:
            if self._websocket.state is not State.CLOSED:  # the waiting was cancelled
                self._websocket.transport.abort()

    def _has_room(self) -> bool:
        websocket = self._websocket
        return websocket.state is State.OPEN and websocket.transport.get_write_buffer_size() < WRITE_BUFFER

    def _write(self, frame: bytes) -> None:
        # The library's `broadcast` is its public way to write without awaiting; it is a third cheaper than its `send`.
        try:
            broadcast((self._websocket,), frame, raise_exceptions=True)
        except ExceptionGroup as failed:
            raise ConnectionLost(f"The link to {self.peer_name} could not be written to.") from failed


async def open_websocket(
    url: str, *, headers: Headers = (), tls: ssl.SSLContext | None = None, open_seconds: float = OPEN_SECONDS
) -> Connection:
    """Connect to a ws:// or wss:// URL.

    `headers` go into the opening request. `tls` replaces the system's certificate checks for a wss:// URL.
    Raises BadEndpoint (the URL is none, the certificate is not valid), Refused (the server answered 401, 403, 404, or
    is no WebSocket server) and ConnectionLost (nobody there, unknown host, timeout, a server error: try again later).
    """
    name = shown(url)
    try:
        parts = urlsplit(url)
        websocket = await connect(
            url,
            additional_headers=list(headers),
            compression=None,
            proxy=None if is_loopback(parts.hostname or "") else True,
            open_timeout=open_seconds,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            close_timeout=CLOSE_SECONDS,
            max_size=LARGEST_FRAME,
            max_queue=RECEIVE_QUEUE,
            write_limit=WRITE_BUFFER,
            ssl=(tls or True) if parts.scheme == "wss" else None,
        )
    except (InvalidURI, InvalidProxy, ValueError) as error:
        raise BadEndpoint(
            f"{name} is no address to connect to: {error}.", "Use ws://host:port/path or wss://…"
        ) from error
    except InvalidStatus as error:
        raise _rejected(error.response, name) from error
    except (InvalidMessage, ProxyError) as error:
        raise ConnectionLost(f"{name} ended the opening handshake: {error}.", "Is that port the server's?") from error
    except InvalidHandshake as error:
        raise Refused(ErrorCode.BAD_HANDSHAKE, f"{name} is no Quire server: {error}.", "Check the address.") from error
    except OSError as error:
        raise _unreachable(error, name, open_seconds) from error
    return WebSocketConnection(websocket, name)


def shown(url: str) -> str:
    """A URL without what may be secret in it: user, password, query, fragment."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        return "The given URL"
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}{parts.path}"


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine, without asking anybody."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _as_ours(closed: ConnectionClosed, name: str) -> WireError:
    """Why a WebSocket ended, in our terms."""
    received, sent = closed.rcvd, closed.sent
    ended_here = sent is not None and not closed.rcvd_then_sent
    if ended_here and sent is not None and sent.code == CloseCode.MESSAGE_TOO_BIG:
        cause = closed.__cause__
        size = cause.size if isinstance(cause, PayloadTooBig) else None
        return FrameTooLarge(None, (size or LARGEST_FRAME + 1) - 1, LARGEST_FRAME - 1)
    if ended_here and sent is not None and sent.code in _VIOLATIONS:
        return MalformedFrame(f"{name} broke the WebSocket protocol: {sent.reason}.")
    if ended_here and sent is not None and sent.code == CloseCode.INTERNAL_ERROR:
        return ConnectionLost(f"{name} stopped answering: {sent.reason}.")
    if received is not None and not ended_here:
        what = f"{received.reason} (code {received.code})" if received.reason else f"code {received.code}"
        return ConnectionLost(f"{name} closed the link: {what}.")
    if ended_here and sent is not None:
        return ConnectionLost(f"The link to {name} was closed here{': ' + sent.reason if sent.reason else ''}.")
    cause = closed.__cause__
    return ConnectionLost(f"The link to {name} broke off{f': {cause}' if cause is not None else ''}.")


def _rejected(response: Response, name: str) -> WireError:
    """The server answered the opening request with something else than a WebSocket."""
    status = response.status_code
    body = (response.body or b"").decode(errors="replace").strip()[:_SHOWN_BODY]
    message = f"{name} refused the connection with HTTP status {status}{f' ({body})' if body else ''}."
    if status in _REFUSALS:
        code, hint = _REFUSALS[status]
        return Refused(code, message, hint)
    if status >= 500 or status == 429:
        return ConnectionLost(message, "Try again later.")
    return Refused(ErrorCode.BAD_HANDSHAKE, message, "Check that the address is a Quire server's.")


def _unreachable(error: OSError, name: str, open_seconds: float) -> WireError:
    match error:
        case TimeoutError():
            return ConnectionLost(
                f"{name} did not answer within {open_seconds:g} s.", "Check the address, or try later."
            )
        case socket.gaierror():
            return ConnectionLost(f"{name} cannot be found: {error.strerror}.", "Check the host name and the network.")
        case ConnectionRefusedError():
            return ConnectionLost(f"Nothing listens at {name}.", "Start the server, or check the port.")
        case ssl.SSLCertVerificationError():
            return BadEndpoint(
                f"The certificate of {name} is not valid: {error.verify_message}.", "Check the host name and the CA."
            )
        case _:
            return ConnectionLost(f"{name} cannot be reached: {error}.", "Check the address and the network.")
