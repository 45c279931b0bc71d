"""The relay: a transparent pipe of whole frames between two connections, and a server that makes one per client.

The pipe looks at nothing but a frame's type byte and size. It forwards every frame, of known and unknown types, as it
came and in order; what a receiver does not take slows its sender down, and nothing is kept but one frame and the
transports' bounded buffers. When one side ends, the other is closed once what had arrived has been handed on. A side
that sends what is no frame is told why in a session error frame, and the link ends. Pipes may be stacked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final, assert_never

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from relay.connection import CLOSE_SECONDS, WRITE_BUFFER, Connection
from relay.endpoint import Endpoint, StdioEndpoint, UnixEndpoint, WebSocketEndpoint, connect
from relay.errors import BadEndpoint, ConnectionLost, FrameTooLarge, MalformedFrame, WireError
from relay.frames import LARGEST_FRAME
from relay.messages import SessionError, encode
from relay.stdio import open_stdio
from relay.stream import serve_unix
from relay.websocket import OPEN_SECONDS, PING_SECONDS, RECEIVE_QUEUE, WebSocketConnection, is_loopback

# Headers of a client's opening request that the hub judges, so they go with it. Host does not: it is the hub's own.
PASSED_HEADERS: Final = ("Authorization", "Cookie", "Origin")

# Seconds the second direction of a pipe has, once the first has ended, to hand on what had arrived: as long as closing
# the side that ended may take, and a little, so that the closing decides.
LINGER_SECONDS: Final = CLOSE_SECONDS + 1.0

# Seconds a receiver may leave a full transport untouched before it is dropped: long enough for the largest frame over a
# line of five megabits a second. Without it, a client that is suspended would hold its pipe for ever.
STALL_SECONDS: Final = 120.0

Dial = Callable[[], Awaitable[Connection]]


async def pipe(a: Connection, b: Connection) -> None:
    """Forward frames both ways until either side ends; then both are closed. Cancelling closes both at once."""
    try:
        async with asyncio.TaskGroup() as group:
            directions = {group.create_task(_forward(a, b)), group.create_task(_forward(b, a))}
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(directions, timeout=LINGER_SECONDS)
            for direction in directions:
                direction.cancel()
    finally:
        await asyncio.gather(a.close(), b.close())


async def serve_relay(
    listen: Endpoint,
    to: Endpoint,
    *,
    allow_remote: bool = False,
    on_listening: Callable[[Endpoint], None] | None = None,
) -> None:
    """Pipe every client that connects to `listen` to a connection of its own to `to`, until cancelled.

    With `stdio:` there is one client and the call returns when it has gone. A WebSocket client's path and query are
    appended to `to` when that is a WebSocket URL without a path; its credentials and Origin go with it. What a client
    sends while its link is being made waits in its transport. If the link cannot be made, the client is sent a session
    error that says why. `on_listening` is told the address, with the real port where 0 was asked for.

    Raises BadEndpoint (cannot listen there; not a loopback address without `allow_remote`) and UnsafeState.
    """
    match listen:
        case WebSocketEndpoint():
            await _serve_websocket(listen, to, allow_remote, on_listening)
        case UnixEndpoint(path=path):
            async with serve_unix(path, lambda client: _relay(client, lambda: connect(to))):
                _tell(on_listening, listen)
                await _until_cancelled()
        case StdioEndpoint():
            client = await open_stdio()
            _tell(on_listening, listen)
            await _relay(client, lambda: connect(to))
        case _:
            assert_never(listen)


async def _forward(source: Connection, sink: Connection) -> None:
    """Hand on what `source` sends until one of them has ended; then end `sink`."""
    try:
        while True:
            frame = await source.receive()
            if not sink.send_nowait(frame):
                async with asyncio.timeout(STALL_SECONDS):
                    await sink.send(frame)
    except ConnectionLost as lost:
        reason = lost.message
    except TimeoutError:
        reason = f"{sink.peer_name} took nothing for {STALL_SECONDS:g} s"
    except (MalformedFrame, FrameTooLarge) as error:
        reason = error.message
        await _refuse(source, error)
    await sink.close(reason)


async def _refuse(client: Connection, error: WireError) -> None:
    """Tell the client why, in a session error frame, and close. A client that has gone or does not read is not told."""
    refusal = SessionError(code=error.code, message=error.message, hint=error.hint)
    with suppress(ConnectionLost, TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await client.send(encode(refusal))
    await client.close(error.message)


async def _relay(client: Connection, dial: Dial) -> None:
    try:
        hub = await dial()
    except WireError as error:
        await _refuse(client, error)
        return
    await pipe(client, hub)


async def _serve_websocket(
    listen: WebSocketEndpoint, to: Endpoint, allow_remote: bool, on_listening: Callable[[Endpoint], None] | None
) -> None:
    if listen.secure or listen.target:
        raise BadEndpoint(f"Cannot listen at {listen}.", "Listen at ws://host:port, without TLS and without a path.")
    if not (allow_remote or is_loopback(listen.host)):
        raise BadEndpoint(
            f"{listen} can be reached from other machines.",
            "Listen at ws://127.0.0.1:port, or allow remote clients explicitly.",
        )

    async def handle(websocket: ServerConnection) -> None:
        request = websocket.request
        assert request is not None, "the library calls the handler after the handshake"
        client = WebSocketConnection(websocket, "a WebSocket client")
        headers = tuple((name, value) for name in PASSED_HEADERS for value in request.headers.get_all(name))
        await _relay(client, lambda: connect(_with_path(to, request.path), headers=headers))

    def refuse_strangers(websocket: ServerConnection, request: Request) -> Response | None:
        # A page of any site can have its name resolve to this machine; its Host header gives it away.
        if not allow_remote and not is_loopback(_host_name(request.headers.get("Host", ""))):
            return websocket.respond(403, "This relay serves only clients that address it as localhost.\n")
        if not request.path.startswith("/"):
            return websocket.respond(400, "The request target must be a path.\n")
        return None

    try:
        server = await serve(
            handle,
            listen.host,
            listen.port,
            process_request=refuse_strangers,
            compression=None,
            open_timeout=OPEN_SECONDS,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            close_timeout=CLOSE_SECONDS,
            max_size=LARGEST_FRAME,
            max_queue=RECEIVE_QUEUE,
            write_limit=WRITE_BUFFER,
        )
    except OSError as error:
        raise BadEndpoint(f"Cannot listen at {listen}: {error}.", "Choose another port, or 0 for any.") from error
    async with server:
        port = server.sockets[0].getsockname()[1]
        _tell(on_listening, replace(listen, port=port, url=f"ws://{_in_url(listen.host)}:{port}"))
        await _until_cancelled()


def _with_path(to: Endpoint, requested: str) -> Endpoint:
    """`to`, with the path and query a client asked for where `to` leaves them open."""
    if isinstance(to, WebSocketEndpoint) and not to.target:
        return replace(to, url=to.url.rstrip("/") + requested, target=requested)
    return to


def _host_name(host_header: str) -> str:
    """The name or address in a Host header, without port and brackets."""
    if host_header.startswith("["):
        return host_header[1:].partition("]")[0]
    return host_header.rpartition(":")[0] or host_header


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _tell(on_listening: Callable[[Endpoint], None] | None, where: Endpoint) -> None:
    if on_listening is not None:
        on_listening(where)


async def _until_cancelled() -> None:
    await asyncio.get_running_loop().create_future()
