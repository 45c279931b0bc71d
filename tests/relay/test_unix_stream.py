"""Frames over Unix sockets: whole, in order, bounded, whatever the other side does to the bytes."""

# ruff: noqa: ASYNC240 - looking at a file may block a test's own loop

from __future__ import annotations

import asyncio
import os
import socket
import stat
import struct
from pathlib import Path

import pytest

from relay.connection import WRITE_BUFFER, Connection
from relay.errors import BadEndpoint, ConnectionLost, FrameTooLarge, UnsafeState
from relay.frames import length_prefixed
from relay.messages import SessionError, decode, encode
from relay.stream import open_unix, serve_unix
from tests.relay.links import Inbox, echo, random_frames, receive_until_lost, short_folder
from tests.support.aio import aio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return short_folder(tmp_path) / "quire.sock"


async def raw_client(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(path)


@aio
async def test_frames_come_back_whole_and_in_order(path: Path) -> None:
    frames = random_frames(seed=1, count=500, largest=5_000)
    async with serve_unix(path, echo):
        connection = await open_unix(path)
        sending = asyncio.create_task(send_all(connection, frames))
        assert [await connection.receive() for _ in frames] == frames
        await sending
        await connection.close()


async def send_all(connection: Connection, frames: list[bytes]) -> None:
    for frame in frames:
        await connection.send(frame)


@aio
async def test_bytes_torn_by_the_socket_make_whole_frames(path: Path) -> None:
    frames = random_frames(seed=2, count=20, largest=50)
    inbox = Inbox()
    async with serve_unix(path, inbox):
        _, writer = await raw_client(path)
        connection = await inbox.next()
        receiving = asyncio.create_task(receive_until_lost(connection))
        for byte in b"".join(map(length_prefixed, frames)):
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        writer.close()
        assert await receiving == frames


@aio
async def test_cancelling_receive_over_and_over_loses_and_tears_nothing(path: Path) -> None:
    frames = random_frames(seed=3, count=200, largest=2_000)
    inbox = Inbox()
    async with serve_unix(path, inbox):
        client = await open_unix(path)
        connection = await inbox.next()
        sending = asyncio.create_task(send_all(client, frames))
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
async def test_a_second_reader_is_told_that_there_is_one(path: Path) -> None:
    async with serve_unix(path, Inbox()):
        connection = await open_unix(path)
        first = asyncio.create_task(connection.receive())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="one reader"):
            await connection.receive()
        first.cancel()
        await connection.close()


@aio
async def test_a_stream_that_breaks_off_inside_a_frame_is_a_lost_connection(path: Path) -> None:
    inbox = Inbox()
    async with serve_unix(path, inbox):
        _, writer = await raw_client(path)
        connection = await inbox.next()
        writer.write(length_prefixed(b"\x00whole") + length_prefixed(b"\x00torn")[:-1])
        writer.close()
        assert await connection.receive() == b"\x00whole"
        with pytest.raises(ConnectionLost, match="inside a frame"):
            await connection.receive()


@aio
async def test_after_a_length_above_the_cap_an_error_frame_can_still_be_sent(path: Path) -> None:
    inbox = Inbox()
    async with serve_unix(path, inbox):
        reader, writer = await raw_client(path)
        connection = await inbox.next()
        writer.write(length_prefixed(b"\x00good") + struct.pack(">I", 0xFFFF_FFFF) + bytes(100_000))
        assert await connection.receive() == b"\x00good"
        with pytest.raises(FrameTooLarge) as refused:
            await connection.receive()
        await connection.send(encode(SessionError(code=refused.value.code, message="too large")))
        await connection.close()
        (length,) = struct.unpack(">I", await reader.readexactly(4))
        told = decode(await reader.readexactly(length))
        assert told == SessionError(code="frame_too_large", message="too large")
        writer.close()


@aio
async def test_a_sender_waits_for_a_receiver_that_does_not_read(path: Path) -> None:
    inbox = Inbox()
    frame = b"\x00" + bytes(10_000)
    async with serve_unix(path, inbox):
        client = await open_unix(path)
        connection = await inbox.next()
        sent = 0
        while client.send_nowait(frame):
            sent += 1
            await asyncio.sleep(0)
        # Both processes' buffers and the kernel's are full: a few hundred kilobytes each, not what was offered.
        assert WRITE_BUFFER <= sent * len(frame) < 16 * WRITE_BUFFER
        waiting = asyncio.create_task(client.send(frame))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        for _ in range(sent + 1):
            assert await connection.receive() == frame
        await waiting
        await client.close()


@aio
async def test_what_was_sent_before_a_close_arrives(path: Path) -> None:
    frames = random_frames(seed=4, count=300, largest=2_000)
    inbox = Inbox()
    async with serve_unix(path, inbox):
        client = await open_unix(path)
        connection = await inbox.next()
        receiving = asyncio.create_task(receive_until_lost(connection))
        await send_all(client, frames)
        await asyncio.gather(client.close(), client.close())
        await client.close()
        assert await receiving == frames
        with pytest.raises(ConnectionLost):
            await client.send(b"\x00")
        with pytest.raises(ConnectionLost):
            await client.receive()


@aio
async def test_what_arrived_before_a_reset_is_still_received(path: Path) -> None:
    inbox = Inbox()
    async with serve_unix(path, inbox):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.setblocking(False)
            await asyncio.get_running_loop().sock_connect(peer, str(path))
            connection = await inbox.next()
            await connection.send(b"\x00never read, so that closing resets the link")
            await asyncio.sleep(0)
            peer.send(length_prefixed(b"\x00first") + length_prefixed(b"\x00second"))
        assert await receive_until_lost(connection) == [b"\x00first", b"\x00second"]


@aio
async def test_a_client_that_ends_only_its_writing_side_can_still_be_answered(path: Path) -> None:
    inbox = Inbox()
    async with serve_unix(path, inbox):
        reader, writer = await raw_client(path)
        connection = await inbox.next()
        writer.write(length_prefixed(b"\x01question"))
        writer.write_eof()
        assert await receive_until_lost(connection) == [b"\x01question"]
        await connection.send(b"\x02answer")
        await connection.close()
        assert await reader.read() == length_prefixed(b"\x02answer")
        writer.close()


@aio
async def test_the_socket_is_private_and_goes_with_its_server(path: Path) -> None:
    async with serve_unix(path, echo):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


@aio
async def test_the_folder_of_a_socket_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "q.sock"
    async with serve_unix(path, echo):
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@aio
async def test_a_folder_that_others_can_enter_is_refused(path: Path) -> None:
    path.parent.chmod(0o755)
    with pytest.raises(UnsafeState, match="chmod 700"):
        async with serve_unix(path, echo):
            pass


@aio
async def test_a_socket_file_without_a_server_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    assert path.exists()
    async with serve_unix(path, echo):
        connection = await open_unix(path)
        await connection.send(b"\x00hello")
        assert await connection.receive() == b"\x00hello"
        await connection.close()


@aio
async def test_a_socket_file_with_a_living_server_is_left_alone(path: Path) -> None:
    async with serve_unix(path, echo):
        with pytest.raises(BadEndpoint, match="already listening"):
            async with serve_unix(path, echo):
                pass
        connection = await open_unix(path)
        await connection.send(b"\x00still here")
        assert await connection.receive() == b"\x00still here"
        await connection.close()


@aio
async def test_a_file_that_is_no_socket_is_never_removed(path: Path) -> None:
    path.write_text("a thesis")
    with pytest.raises(BadEndpoint, match="no socket"):
        async with serve_unix(path, echo):
            pass
    assert path.read_text() == "a thesis"


@aio
async def test_a_server_does_not_remove_the_socket_of_its_successor(path: Path) -> None:
    async with serve_unix(path, echo):
        path.unlink()
        with socket.socket(socket.AF_UNIX) as successor:
            successor.bind(str(path))
            made = path.stat().st_ino
    assert path.stat().st_ino == made


@aio
async def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadEndpoint, match="shorter path"):
        async with serve_unix(short_folder(tmp_path) / ("x" * 120), echo):
            pass


@aio
async def test_connecting_where_nobody_listens_says_so(path: Path) -> None:
    with pytest.raises(ConnectionLost, match="Nothing listens"):
        await open_unix(path)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(ConnectionLost, match="Nothing listens"):
        await open_unix(path)


@aio
async def test_a_client_that_breaks_a_rule_ends_only_its_own_link(path: Path) -> None:
    async with serve_unix(path, echo):
        good = await open_unix(path)
        reader, writer = await raw_client(path)
        writer.write(struct.pack(">I", 0))
        assert await reader.read() == b""
        await good.send(b"\x00fine")
        assert await good.receive() == b"\x00fine"
        writer.close()
        await good.close()


@aio
async def test_leaving_the_server_ends_its_connections_and_leaves_no_descriptor_open(path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    async with serve_unix(path, Inbox()):
        client = await open_unix(path)
        await client.send(b"\x00")
    with pytest.raises(ConnectionLost):
        await client.receive()
    await client.close()
    await asyncio.sleep(0)
    assert len(os.listdir("/proc/self/fd")) == before
