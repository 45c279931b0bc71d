"""Frames over WebSockets, and what a peer is told when there is no link."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect as raw_connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from relay.connection import WRITE_BUFFER, Connection
from relay.errors import BadEndpoint, ConnectionLost, ErrorCode, FrameTooLarge, MalformedFrame, Refused, WireError
from relay.frames import LARGEST_FRAME, MIB, FrameType, payload_cap
from relay.websocket import WebSocketConnection, is_loopback, open_websocket, shown
from tests.relay.links import Inbox, echo, random_frames, receive_until_lost, websocket_server
from tests.support.aio import aio


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


@aio
async def test_frames_come_back_whole_and_in_order() -> None:
    frames = random_frames(seed=6, count=500, largest=5_000)
    async with websocket_server(echo) as url:
        connection = await open_websocket(url)

        async def send() -> None:
            for frame in frames:
                await connection.send(frame)

        sending = asyncio.create_task(send())
        assert [await connection.receive() for _ in frames] == frames
        await sending
        await connection.close()


@aio
async def test_the_largest_frame_goes_through() -> None:
    frame = b"\x00" + bytes(payload_cap(FrameType.NOTEBOOK_SYNC))
    assert len(frame) == LARGEST_FRAME
    async with websocket_server(echo) as url:
        connection = await open_websocket(url)
        await asyncio.gather(connection.send(frame), echoed(connection, frame))
        await connection.close()


async def echoed(connection: Connection, frame: bytes) -> None:
    assert await connection.receive() == frame


@aio
async def test_there_is_no_compression_and_no_delay() -> None:
    inbox = Inbox()
    async with websocket_server(inbox, compression="deflate") as url:
        connection = await open_websocket(url)
        assert isinstance(connection, WebSocketConnection)
        websocket = connection._websocket
        assert websocket.request is not None
        assert "Sec-WebSocket-Extensions" not in websocket.request.headers
        sock = websocket.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        await connection.close()


@aio
async def test_a_text_message_is_no_frame() -> None:
    inbox = Inbox()
    async with websocket_server(inbox) as url, raw_connect(url) as client:
        connection = await inbox.next()
        await client.send("hello")
        with pytest.raises(MalformedFrame, match="text message"):
            await connection.receive()


@aio
async def test_an_empty_message_and_one_above_its_cap_are_no_frames() -> None:
    inbox = Inbox()
    async with websocket_server(inbox) as url, raw_connect(url) as client:
        connection = await inbox.next()
        await client.send(b"")
        with pytest.raises(MalformedFrame, match="empty"):
            await connection.receive()
        await client.send(b"\x07" + bytes(payload_cap(FrameType.SESSION) + 1))
        with pytest.raises(FrameTooLarge, match="type 0x07"):
            await connection.receive()


@aio
async def test_a_message_above_every_cap_is_refused_from_its_header() -> None:
    """The header says 2^40 bytes; one byte of them follows. Nothing waits for the rest."""
    inbox = Inbox()
    async with websocket_server(inbox) as url, raw_connect(url) as client:
        connection = await inbox.next()
        client.transport.write(b"\x82\xff" + (2**40).to_bytes(8, "big") + bytes(4) + b"\x00")
        with pytest.raises(FrameTooLarge, match=str(2**40 - 1)):
            await connection.receive()


@aio
async def test_the_reason_for_a_close_reaches_the_other_side() -> None:
    inbox = Inbox()
    async with websocket_server(inbox) as url:
        client = await open_websocket(url)
        connection = await inbox.next()
        await connection.send(b"\x00last")
        closing = asyncio.create_task(connection.close("the notebook moved, " + "é" * 200))
        assert await client.receive() == b"\x00last"
        for _ in range(2):
            with pytest.raises(ConnectionLost, match="the notebook moved, é"):
                await client.receive()
        with pytest.raises(ConnectionLost, match="the notebook moved"):
            await client.send(b"\x00")
        with pytest.raises(ConnectionLost):
            client.send_nowait(b"\x00")
        await closing
        await asyncio.gather(client.close(), connection.close(), client.close())


@aio
async def test_a_link_cut_without_goodbye_is_lost() -> None:
    inbox = Inbox()
    async with websocket_server(inbox) as url, raw_connect(url) as client:
        connection = await inbox.next()
        await client.send(b"\x00before")
        client.transport.abort()
        assert await receive_until_lost(connection) == [b"\x00before"]
        with pytest.raises(ConnectionLost, match="broke off"):
            await connection.receive()


@aio
async def test_cancelling_receive_loses_nothing() -> None:
    frames = random_frames(seed=7, count=200)
    inbox = Inbox()
    async with websocket_server(inbox) as url:
        client = await open_websocket(url)
        connection = await inbox.next()

        async def send() -> None:
            for frame in frames:
                await client.send(frame)
                await asyncio.sleep(0)

        sending = asyncio.create_task(send())
        received: list[bytes] = []
        while len(received) < len(frames):
            try:
                async with asyncio.timeout(0.000_05):
                    received.append(await connection.receive())
            except TimeoutError:
                continue
        assert received == frames
        await sending
        await client.close()


@aio
async def test_a_sender_waits_for_a_receiver_that_does_not_read() -> None:
    inbox = Inbox()
    frame = b"\x00" + bytes(50_000)
    async with websocket_server(inbox) as url:
        client = await open_websocket(url)
        connection = await inbox.next()
        sent = 0
        while client.send_nowait(frame):
            sent += 1
            await asyncio.sleep(0)
        assert WRITE_BUFFER <= sent * len(frame) < 32 * MIB
        waiting = asyncio.create_task(client.send(frame))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        for _ in range(sent + 1):
            assert await connection.receive() == frame
        await waiting
        await client.close()


async def fill(connection: Connection) -> None:
    """Send until nothing moves any more; the kernel's buffers grow for a while."""
    refused = 0
    while refused < 20:
        refused = 0 if connection.send_nowait(b"\x00" + bytes(50_000)) else refused + 1
        await asyncio.sleep(0.001)


@aio
async def test_closing_does_not_wait_for_ever_for_a_peer_that_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.websocket.CLOSE_SECONDS", 0.1)
    inbox = Inbox()
    async with websocket_server(inbox, close_timeout=0.1) as url:
        client = await open_websocket(url)
        await inbox.next()
        await fill(client)
        await client.close()
        with pytest.raises(ConnectionLost):
            await client.receive()


@asynccontextmanager
async def rejecting(status: int, text: str) -> AsyncIterator[str]:
    def reject(websocket: ServerConnection, request: Request) -> Response:
        return websocket.respond(status, text)

    async def never(websocket: ServerConnection) -> None:
        raise AssertionError("the request was rejected")

    async with serve(never, "127.0.0.1", 0, process_request=reject) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/notebooks/n/sync?token=secret"


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (401, Refused, ErrorCode.UNAUTHORIZED),
        (403, Refused, ErrorCode.FORBIDDEN),
        (404, Refused, ErrorCode.UNKNOWN_NOTEBOOK),
        (418, Refused, ErrorCode.BAD_HANDSHAKE),
        (503, ConnectionLost, ErrorCode.CONNECTION_LOST),
    ],
)
@aio
async def test_a_rejected_request_says_why_and_what_to_do(status: int, error: type[WireError], code: str) -> None:
    async with rejecting(status, "because") as url:
        with pytest.raises(error) as refused:
            await open_websocket(url)
    assert refused.value.code == code
    assert str(status) in refused.value.message
    assert "because" in refused.value.message
    assert refused.value.hint
    assert "secret" not in str(refused.value)


@aio
async def test_nobody_at_the_port_says_so() -> None:
    with pytest.raises(ConnectionLost, match="Nothing listens") as lost:
        await open_websocket(f"ws://127.0.0.1:{free_port()}/v1")
    assert lost.value.hint


@aio
async def test_an_unknown_host_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    with pytest.raises(ConnectionLost, match="cannot be found") as lost:
        await open_websocket("ws://nowhere.invalid/v1")
    assert "host name" in lost.value.hint


@aio
async def test_a_server_that_is_no_websocket_server_says_so() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectionLost, match="opening handshake") as lost:
            await open_websocket(f"ws://127.0.0.1:{port}")
    assert lost.value.hint


@aio
async def test_a_server_that_does_not_answer_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ConnectionLost, match="did not answer within"):
        await open_websocket(f"ws://127.0.0.1:{silent.getsockname()[1]}", open_seconds=0.05)


@aio
async def test_tls_to_a_plain_server_is_a_clear_error() -> None:
    async with websocket_server(echo) as url:
        with pytest.raises(ConnectionLost, match="cannot be reached"):
            await open_websocket(url.replace("ws:", "wss:"), tls=ssl.create_default_context())


@pytest.mark.parametrize("url", ["http://localhost/", "ws://", "ws://localhost:port/"])
@aio
async def test_a_wrong_url_is_refused(url: str) -> None:
    with pytest.raises(BadEndpoint):
        await open_websocket(url)


def test_urls_are_shown_without_secrets() -> None:
    assert shown("wss://ada:pw@hub.example:8/v1/x?token=t#f") == "wss://hub.example:8/v1/x"
    assert shown("ws://[::1]:8/") == "ws://[::1]:8/"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("192.168.0.1", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_only_this_machine_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
