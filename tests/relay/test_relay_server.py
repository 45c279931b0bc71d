"""Relays on real sockets: a notebook through two of them behaves as through none."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
from pathlib import Path

import pytest
from websockets.asyncio.client import connect as raw_connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import InvalidStatus

from relay.connection import WRITE_BUFFER, Connection
from relay.endpoint import connect, parse_endpoint
from relay.errors import BadEndpoint, ConnectionLost
from relay.frames import LARGEST_FRAME, length_prefixed
from relay.messages import SessionError, decode
from relay.pipe import serve_relay
from relay.stdio import spawn_stdio
from tests.relay.links import (
    Inbox,
    echo,
    random_frames,
    receive_until_lost,
    relay_server,
    short_folder,
    websocket_server,
)
from tests.support.aio import aio


async def open_address(address: str) -> Connection:
    return await connect(parse_endpoint(address))


async def send_all(connection: Connection, frames: list[bytes]) -> None:
    for frame in frames:
        await connection.send(frame)


@aio
async def test_ten_thousand_frames_each_way_through_two_relays_are_unchanged_and_in_order(tmp_path: Path) -> None:
    inbox = Inbox()
    up, down = random_frames(seed=20, count=10_000), random_frames(seed=21, count=10_000)
    async with (
        websocket_server(inbox) as hub_url,
        relay_server("ws://127.0.0.1:0", hub_url) as near_hub,
        relay_server(f"unix:{short_folder(tmp_path)}/q.sock", f"{near_hub}/v1/notebooks/n/sync") as near_client,
    ):
        client = await open_address(near_client)
        hub = await inbox.next()
        async with asyncio.TaskGroup() as group:
            group.create_task(send_all(client, up))
            group.create_task(send_all(hub, down))
            received = group.create_task(receive_some(client, len(down)))
            assert await receive_some(hub, len(up)) == up
        assert received.result() == down
        await client.close()
        assert await receive_until_lost(hub) == []


async def receive_some(connection: Connection, count: int) -> list[bytes]:
    return [await connection.receive() for _ in range(count)]


@pytest.mark.parametrize("who", ["client", "hub"])
@aio
async def test_all_that_was_sent_before_the_end_arrives_through_two_relays(who: str, tmp_path: Path) -> None:
    inbox = Inbox()
    frames = random_frames(seed=22, count=500, largest=5_000)
    async with (
        websocket_server(inbox) as hub_url,
        relay_server("ws://127.0.0.1:0", hub_url) as near_hub,
        relay_server(f"unix:{short_folder(tmp_path)}/q.sock", near_hub) as near_client,
    ):
        client = await open_address(near_client)
        hub = await inbox.next()
        ending, staying = (client, hub) if who == "client" else (hub, client)
        receiving = asyncio.create_task(receive_until_lost(staying))
        await send_all(ending, frames)
        await ending.close()
        assert await receiving == frames


@aio
async def test_the_path_the_query_and_the_credentials_reach_the_hub_through_two_websocket_relays() -> None:
    async def describe(websocket: ServerConnection) -> None:
        request = websocket.request
        assert request is not None
        wanted = ("Authorization", "Cookie", "Origin")
        seen = {name: request.headers.get_all(name) for name in wanted}
        await websocket.send(b"\x2a" + json.dumps([request.path, seen, request.headers["Host"]]).encode())
        await websocket.wait_closed()

    async with serve(describe, "127.0.0.1", 0) as hub:
        host = f"127.0.0.1:{hub.sockets[0].getsockname()[1]}"
        async with (
            relay_server("ws://127.0.0.1:0", f"ws://{host}/") as first,
            relay_server("ws://127.0.0.1:0", first) as second,
        ):
            headers = (("Authorization", "Bearer t"), ("Cookie", "a=1"), ("Origin", "http://localhost"), ("X-Own", "1"))
            client = await connect(parse_endpoint(f"{second}/v1/notebooks/n/sync?x=1&y=%2F"), headers=headers)
            path, seen, seen_host = json.loads((await client.receive())[1:])
            await client.close()
    assert path == "/v1/notebooks/n/sync?x=1&y=%2F"
    assert seen == {"Authorization": ["Bearer t"], "Cookie": ["a=1"], "Origin": ["http://localhost"]}
    assert seen_host == host


@aio
async def test_a_path_of_the_target_is_kept_whatever_the_client_asks_for() -> None:
    async def tell_path(websocket: ServerConnection) -> None:
        assert websocket.request is not None
        await websocket.send(b"\x2a" + websocket.request.path.encode())
        await websocket.wait_closed()

    async with serve(tell_path, "127.0.0.1", 0) as hub:
        target = f"ws://127.0.0.1:{hub.sockets[0].getsockname()[1]}/v1/notebooks/mine/sync"
        async with relay_server("ws://127.0.0.1:0", target) as address:
            client = await open_address(f"{address}/v1/notebooks/other/sync")
            assert await client.receive() == b"\x2a/v1/notebooks/mine/sync"
            await client.close()


@aio
async def test_a_process_over_stdio_is_a_relay_too() -> None:
    """What `ssh host quire relay` does, without ssh: frames over a process's standard input and output."""
    code = (
        "import asyncio, sys; from relay.endpoint import parse_endpoint as p; from relay.pipe import serve_relay\n"
        "asyncio.run(serve_relay(p('stdio:'), p(sys.argv[1])))"
    )
    frames = random_frames(seed=23, count=500)
    async with websocket_server(echo) as hub_url:
        client = await spawn_stdio([sys.executable, "-c", code, hub_url])
        async with asyncio.TaskGroup() as group:
            group.create_task(send_all(client, frames))
            assert await receive_some(client, len(frames)) == frames
        await client.close()
        assert client.exit_status == 0


@pytest.mark.parametrize("listen", ["ws", "unix"])
@aio
async def test_a_client_is_told_when_the_hub_cannot_be_reached(listen: str, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"ws://127.0.0.1:{unused.getsockname()[1]}"
    where = "ws://127.0.0.1:0" if listen == "ws" else f"unix:{short_folder(tmp_path)}/q.sock"
    async with relay_server(where, nobody) as address:
        client = await open_address(address)
        refusal = decode(await client.receive())
        assert isinstance(refusal, SessionError)
        assert refusal.code == "connection_lost"
        assert refusal.fatal
        assert "Nothing listens" in refusal.message
        assert refusal.hint
        with pytest.raises(ConnectionLost):
            await client.receive()
        await client.close()


@aio
async def test_a_hub_that_refuses_the_upgrade_is_quoted_to_the_client() -> None:
    async with serve(lambda websocket: None, "127.0.0.1", 0, process_request=lambda c, r: c.respond(401, "no")) as hub:  # type: ignore[arg-type,return-value]  # never called
        port = hub.sockets[0].getsockname()[1]
        async with relay_server("ws://127.0.0.1:0", f"ws://127.0.0.1:{port}") as address:
            client = await open_address(address)
            refusal = decode(await client.receive())
            assert isinstance(refusal, SessionError)
            assert refusal.code == "unauthorized"
            await client.close()


@aio
async def test_frames_sent_while_the_relay_is_still_dialling_arrive() -> None:
    """The hub answers the opening request only after the client has sent all it had."""
    all_sent = asyncio.Event()
    frames = random_frames(seed=24, count=100)
    received: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()

    async def collect(websocket: ServerConnection) -> None:
        received.set_result([await websocket.recv(decode=False) for _ in frames])

    async def wait_first(websocket: ServerConnection, request: object) -> None:
        await all_sent.wait()

    async with serve(collect, "127.0.0.1", 0, process_request=wait_first, max_size=LARGEST_FRAME) as hub:
        port = hub.sockets[0].getsockname()[1]
        async with relay_server("ws://127.0.0.1:0", f"ws://127.0.0.1:{port}") as address:
            client = await open_address(address)
            await send_all(client, frames)
            all_sent.set()
            assert await received == frames
            await client.close()


@aio
async def test_a_hub_that_does_not_read_stops_the_client_through_two_relays(tmp_path: Path) -> None:
    inbox = Inbox()
    frame = b"\x00" + bytes(20_000)
    async with (
        websocket_server(inbox) as hub_url,
        relay_server("ws://127.0.0.1:0", hub_url) as near_hub,
        relay_server(f"unix:{short_folder(tmp_path)}/q.sock", near_hub) as near_client,
    ):
        client = await open_address(near_client)
        hub = await inbox.next()
        sent = 0
        try:
            while True:
                async with asyncio.timeout(0.5):  # a link that moves at all takes a frame in far less
                    await client.send(frame)
                sent += 1
        except TimeoutError:
            sent += 1  # handed over before it waited
        # Every buffer on the way is full: three links with two ends each, and what the kernel holds between them.
        assert WRITE_BUFFER < sent * len(frame) < 100 * WRITE_BUFFER
        for _ in range(sent):
            assert await hub.receive() == frame
        await client.close()


@aio
async def test_a_frame_above_its_cap_ends_the_link_with_an_error_to_its_sender(tmp_path: Path) -> None:
    path = short_folder(tmp_path) / "q.sock"
    inbox = Inbox()
    async with websocket_server(inbox) as hub_url, relay_server(f"unix:{path}", hub_url):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(length_prefixed(b"\x00good") + struct.pack(">I", 100_000) + b"\x07")
        hub = await inbox.next()
        assert await receive_until_lost(hub) == [b"\x00good"]
        (length,) = struct.unpack(">I", await reader.readexactly(4))
        refusal = decode(await reader.readexactly(length))
        assert isinstance(refusal, SessionError)
        assert refusal.code == "frame_too_large"
        assert await reader.read() == b""
        writer.close()


@aio
async def test_a_client_that_half_closes_gets_what_the_hub_still_sends(tmp_path: Path) -> None:
    path = short_folder(tmp_path) / "q.sock"
    inbox = Inbox()
    async with websocket_server(inbox) as hub_url, relay_server(f"unix:{path}", hub_url):
        reader, writer = await asyncio.open_unix_connection(path)
        hub = await inbox.next()
        frames = random_frames(seed=25, count=50)
        await send_all(hub, frames)
        writer.write(length_prefixed(b"\x01last question"))
        writer.write_eof()
        assert await hub.receive() == b"\x01last question"
        assert await reader.read() == b"".join(map(length_prefixed, frames))
        writer.close()


@aio
async def test_a_page_that_reaches_the_relay_under_another_name_is_refused() -> None:
    async with websocket_server(echo) as hub_url, relay_server("ws://127.0.0.1:0", hub_url) as address:
        port = parse_endpoint(address).port  # type: ignore[union-attr]  # it is a WebSocket's
        with pytest.raises(InvalidStatus, match="403"):
            await raw_connect(f"ws://evil.example:{port}/", host="127.0.0.1", port=port, proxy=None)
        async with raw_connect(f"ws://localhost:{port}/", host="127.0.0.1", port=port, proxy=None) as allowed:
            await allowed.send(b"\x00")
            assert await allowed.recv() == b"\x00"


@pytest.mark.parametrize("address", ["ws://0.0.0.0:0", "ws://[::]:0", "ws://192.0.2.1:8000", "ws://hub.example:8000"])
@aio
async def test_a_relay_does_not_listen_beyond_this_machine_unless_told_to(address: str) -> None:
    with pytest.raises(BadEndpoint, match="other machines"):
        await serve_relay(parse_endpoint(address), parse_endpoint("ws://127.0.0.1:9"))


@aio
async def test_a_relay_that_may_listens_beyond_this_machine() -> None:
    async with (
        websocket_server(echo) as hub_url,
        relay_server("ws://0.0.0.0:0", hub_url, allow_remote=True) as address,
    ):
        client = await open_address(address.replace("0.0.0.0", "127.0.0.1"))
        await client.send(b"\x00")
        assert await client.receive() == b"\x00"
        await client.close()


@pytest.mark.parametrize("address", ["wss://127.0.0.1:0", "ws://127.0.0.1:0/path"])
@aio
async def test_a_relay_cannot_listen_with_tls_or_at_a_path(address: str) -> None:
    with pytest.raises(BadEndpoint, match="Cannot listen"):
        await serve_relay(parse_endpoint(address), parse_endpoint("ws://127.0.0.1:9"))


@aio
async def test_a_port_in_use_is_a_clear_error() -> None:
    async with websocket_server(echo) as hub_url:
        with pytest.raises(BadEndpoint, match="Choose another port"):
            await serve_relay(parse_endpoint(hub_url), parse_endpoint("ws://127.0.0.1:9"))


@aio
async def test_stopping_a_relay_ends_its_clients_and_frees_its_address(tmp_path: Path) -> None:
    inbox = Inbox()
    listen = f"unix:{short_folder(tmp_path)}/q.sock"
    async with websocket_server(inbox) as hub_url:
        for _ in range(2):
            async with relay_server(listen, hub_url):
                client = await open_address(listen)
                hub = await inbox.next()
            for end in (client, hub):
                with pytest.raises(ConnectionLost):
                    await end.receive()
            await client.close()
