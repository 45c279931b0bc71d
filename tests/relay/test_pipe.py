"""The pipe forwards whole frames in order, both ways, and ends cleanly however a side ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from relay.connection import Connection, memory_pair
from relay.errors import ConnectionLost
from relay.frames import FrameType, length_prefixed, payload_cap
from relay.messages import SessionError, decode
from relay.pipe import pipe
from relay.stream import serve_unix
from tests.relay.links import Inbox, random_frames, receive_until_lost, short_folder
from tests.support.aio import aio


class Piped:
    """A client and a hub with a pipe between them, all in memory."""

    def __init__(self, capacity: int = 16) -> None:
        self.client, self.to_client = memory_pair(capacity, ("client", "pipe"))
        self.hub, self.to_hub = memory_pair(capacity, ("hub", "pipe"))
        self.task = asyncio.create_task(pipe(self.to_client, self.to_hub))


async def send_all(connection: Connection, frames: list[bytes]) -> None:
    for frame in frames:
        await connection.send(frame)


@aio
async def test_every_frame_goes_through_unchanged_both_ways_unknown_types_too() -> None:
    piped = Piped()
    up, down = random_frames(seed=8, count=1_000), random_frames(seed=9, count=1_000)
    async with asyncio.TaskGroup() as group:
        group.create_task(send_all(piped.client, up))
        group.create_task(send_all(piped.hub, down))
        assert [await piped.hub.receive() for _ in up] == up
        assert [await piped.client.receive() for _ in down] == down
    await piped.client.close()
    await piped.task


@pytest.mark.parametrize("who", ["client", "hub"])
@aio
async def test_when_a_side_ends_the_other_gets_what_had_arrived_and_then_the_end(who: str) -> None:
    piped = Piped(capacity=4)
    ending, staying = (piped.client, piped.hub) if who == "client" else (piped.hub, piped.client)
    frames = random_frames(seed=10, count=50)
    sending = asyncio.create_task(send_all(ending, frames))
    sending.add_done_callback(lambda _: asyncio.ensure_future(ending.close("going home")))
    assert await receive_until_lost(staying) == frames
    with pytest.raises(ConnectionLost, match="going home"):
        await staying.receive()
    await piped.task


@aio
async def test_what_the_hub_had_sent_still_reaches_a_client_that_ends_only_its_sending() -> None:
    """A client that ends while the hub's frames wait in the pipe: the frames are not dropped with the link."""
    client, to_client = memory_pair(1)
    hub, to_hub = memory_pair(16)
    answers = random_frames(seed=11, count=10)
    await send_all(hub, answers)
    await hub.close()
    task = asyncio.create_task(pipe(to_client, to_hub))
    assert await receive_until_lost(client) == answers
    await task


@aio
async def test_a_slow_reader_slows_its_sender_down_and_nothing_piles_up() -> None:
    piped = Piped(capacity=4)
    sent = 0

    async def send_without_end() -> None:
        nonlocal sent
        while True:
            await piped.client.send(b"\x00" + sent.to_bytes(4, "big"))
            sent += 1

    sending = asyncio.create_task(send_without_end())
    for _ in range(1_000):
        await asyncio.sleep(0)
    # Two links of four frames, one frame in the pipe's hand, one that the sender is just handing over.
    assert sent <= 10
    for number in range(200):
        assert await piped.hub.receive() == b"\x00" + number.to_bytes(4, "big")
    sending.cancel()
    await piped.client.close()
    await asyncio.gather(receive_until_lost(piped.hub), piped.task)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (bytes([FrameType.SESSION]) + bytes(payload_cap(FrameType.SESSION) + 1), "frame_too_large"),
        (bytes([0x2A]) + bytes(payload_cap(0x2A) + 1), "frame_too_large"),
        (b"", "bad_frame"),
    ],
)
@pytest.mark.parametrize("who", ["client", "hub"])
@aio
async def test_who_sends_what_is_no_frame_is_told_why_and_both_links_end(who: str, wrong: bytes, code: str) -> None:
    piped = Piped()
    wrongdoer, other = (piped.client, piped.hub) if who == "client" else (piped.hub, piped.client)
    await send_all(wrongdoer, [b"\x00good", wrong, b"\x00never forwarded"])
    assert await receive_until_lost(other) == [b"\x00good"]
    (told,) = await receive_until_lost(wrongdoer)
    refusal = decode(told)
    assert isinstance(refusal, SessionError)
    assert (refusal.code, refusal.fatal) == (code, True)
    await piped.task


@aio
async def test_cancelling_a_pipe_closes_both_sides() -> None:
    piped = Piped()
    await asyncio.sleep(0)
    piped.task.cancel()
    for end in (piped.client, piped.hub):
        with pytest.raises(ConnectionLost):
            await end.receive()
    with pytest.raises(asyncio.CancelledError):
        await piped.task


@aio
async def test_a_receiver_that_never_reads_is_dropped_and_its_sender_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.pipe.STALL_SECONDS", 0.05)
    piped = Piped(capacity=1)
    with pytest.raises(ConnectionLost, match="client took nothing"):
        await send_all(piped.hub, random_frames(seed=12, count=20))
    await piped.task
    with pytest.raises(ConnectionLost):
        await piped.client.send(b"\x00")


@aio
async def test_a_client_that_half_closes_gets_all_that_the_hub_had_sent(tmp_path: Path) -> None:
    path, inbox = short_folder(tmp_path) / "q.sock", Inbox()
    frames = [b"\x00" + bytes([number]) * 50_000 for number in range(50)]
    async with serve_unix(path, inbox):
        reader, writer = await asyncio.open_unix_connection(path)
        hub, to_hub = memory_pair(capacity=100)
        await send_all(hub, frames)
        piping = asyncio.create_task(pipe(await inbox.next(), to_hub))
        writer.write_eof()
        await receive_until_lost(hub)  # the pipe has seen the half-close, and most frames still wait
        assert await reader.read() == b"".join(map(length_prefixed, frames))
        writer.close()
        await piping


@aio
async def test_a_client_that_half_closes_and_never_reads_does_not_keep_its_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.pipe.LINGER_SECONDS", 0.05)
    monkeypatch.setattr("relay.stream.CLOSE_SECONDS", 0.05)
    path, inbox = short_folder(tmp_path) / "q.sock", Inbox()
    async with serve_unix(path, inbox):
        _, writer = await asyncio.open_unix_connection(path, limit=1)
        hub, to_hub = memory_pair(capacity=100)
        await send_all(hub, [b"\x00" + bytes(50_000)] * 50)
        writer.write_eof()
        await pipe(await inbox.next(), to_hub)
        writer.close()
