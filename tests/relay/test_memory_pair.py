"""Two peers of one process talk over a memory pair as over any other connection."""

from __future__ import annotations

import asyncio

import pytest

from relay.connection import Connection, memory_pair
from relay.errors import ConnectionLost, FrameTooLarge, MalformedFrame
from relay.frames import FrameType, payload_cap
from tests.support.aio import aio


@aio
async def test_frames_arrive_in_order_both_ways() -> None:
    a, b = memory_pair()
    for number in range(5):
        await a.send(bytes([7, number]))
        await b.send(bytes([3, number]))
    assert [await b.receive() for _ in range(5)] == [bytes([7, number]) for number in range(5)]
    assert [await a.receive() for _ in range(5)] == [bytes([3, number]) for number in range(5)]


@aio
async def test_a_cancelled_receive_loses_nothing() -> None:
    a, b = memory_pair()
    waiting = asyncio.create_task(b.receive())
    await asyncio.sleep(0)
    await a.send(b"\x00first")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await b.receive() == b"\x00first"


@aio
async def test_a_sender_waits_while_its_receiver_does_not_take() -> None:
    a, b = memory_pair(capacity=3)

    async def send_all() -> None:
        for number in range(50):
            await a.send(bytes([0, number]))

    sending = asyncio.create_task(send_all())
    for _ in range(100):
        await asyncio.sleep(0)
    assert not sending.done()
    assert a.send_nowait(b"\x00") is False
    assert [await b.receive() for _ in range(50)] == [bytes([0, number]) for number in range(50)]
    await sending
    assert a.send_nowait(b"\x00") is True


@aio
async def test_what_was_sent_before_the_close_is_still_received() -> None:
    a, b = memory_pair()
    await a.send(b"\x00last")
    await a.close("done for today")
    assert await b.receive() == b"\x00last"
    for _ in range(2):
        with pytest.raises(ConnectionLost, match="done for today"):
            await b.receive()
    with pytest.raises(ConnectionLost):
        await b.send(b"\x00")
    with pytest.raises(ConnectionLost):
        await a.receive()
    await a.close()


@aio
async def test_a_sender_that_waits_is_released_when_the_other_side_closes() -> None:
    a, b = memory_pair(capacity=1)
    await asyncio.gather(a.send(b"\x00"), b.close())
    with pytest.raises(ConnectionLost):
        await a.send(b"\x00")


@aio
async def test_what_is_no_frame_is_refused_on_receipt() -> None:
    a, b = memory_pair()
    await a.send(b"")
    with pytest.raises(MalformedFrame):
        await b.receive()
    await a.send(bytes(2 + payload_cap(FrameType.SESSION)).replace(b"\0", b"\x07", 1))
    with pytest.raises(FrameTooLarge):
        await b.receive()


def test_a_memory_connection_is_a_connection() -> None:
    async def names() -> tuple[str, str]:
        pair: tuple[Connection, Connection] = memory_pair(names=("editor", "hub"))
        return pair[0].peer_name, pair[1].peer_name

    assert asyncio.run(names()) == ("hub", "editor")
