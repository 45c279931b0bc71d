"""Where to connect to or listen: addresses as people write them, parsed once.

    ws://host:port/path?query    a WebSocket         wss://…    the same over TLS
    unix:/path/to/socket         a Unix socket       stdio:     this process's standard input and output

An address is either understood completely here or refused with what is wrong about it; nothing is looked up.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import assert_never
from urllib.parse import urlsplit

from relay.connection import Connection
from relay.errors import BadEndpoint


@dataclass(frozen=True, slots=True)
class WebSocketEndpoint:
    """A ws:// or wss:// URL. `target` is what follows host and port, query included; "" for nothing or a lone slash."""

    url: str
    host: str
    port: int
    target: str
    secure: bool

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True)
class UnixEndpoint:
    """A Unix socket at an absolute path."""

    path: Path

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class StdioEndpoint:
    """The standard input and output of this process."""

    def __str__(self) -> str:
        return "stdio:"


Endpoint = WebSocketEndpoint | UnixEndpoint | StdioEndpoint


def parse_endpoint(text: str) -> Endpoint:
    """Read an address. Raises BadEndpoint, which says what is wrong with it."""
    scheme, colon, rest = text.partition(":")
    match scheme.lower() if colon else None:
        case "ws" | "wss":
            return _websocket(text)
        case "unix":
            path = Path(rest.removeprefix("//")).expanduser()
            if not path.is_absolute():
                raise BadEndpoint(f"{text!r} has no absolute path.", "Write unix:/path/to/socket.")
            return UnixEndpoint(path)
        case "stdio":
            if rest:
                raise BadEndpoint(f"{text!r} has something after the colon.", "Write stdio: and nothing more.")
            return StdioEndpoint()
        case _:
            raise BadEndpoint(
                f"{text!r} is no address.", "Write ws://host:port/path, wss://…, unix:/path/to/socket or stdio:."
            )


async def connect(endpoint: Endpoint, *, headers: tuple[tuple[str, str], ...] = ()) -> Connection:
    """Connect to an endpoint. `headers` go into the opening request of a WebSocket; other carriers have none.

    Raises BadEndpoint, Refused or ConnectionLost, each with a hint.
    """
    match endpoint:  # imported where needed: each carrier costs start-up time that the others need not pay
        case WebSocketEndpoint(url=url):
            from relay.websocket import open_websocket

            return await open_websocket(url, headers=headers)
        case UnixEndpoint(path=path):
            from relay.stream import open_unix

            return await open_unix(path)
        case StdioEndpoint():
            from relay.stdio import open_stdio

            return await open_stdio()
        case _:
            assert_never(endpoint)


def _websocket(text: str) -> WebSocketEndpoint:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise BadEndpoint(f"{text!r} is no address: {error}.", "Write ws://host:port/path.") from error
    if not parts.hostname:
        raise BadEndpoint(f"{text!r} names no host.", "Write ws://host:port/path.")
    if parts.username is not None or parts.password is not None:
        raise BadEndpoint("The address has a user or password in it.", "Send credentials in a header or the handshake.")
    if parts.fragment:
        raise BadEndpoint(f"{text!r} has a fragment (#…), which no server would see.", "Leave it out.")
    secure = parts.scheme == "wss"
    default_port = 443 if secure else 80
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    return WebSocketEndpoint(
        url=text,
        host=parts.hostname,
        port=default_port if port is None else port,
        target="" if target == "/" else target,
        secure=secure,
    )
