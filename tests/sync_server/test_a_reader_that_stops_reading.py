"""Frames that leave at once and frames that wait for a reader keep their order, over a real socket."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI, WebSocket
from starlette.types import ASGIApp
from websockets.asyncio.client import connect

from relay.errors import ConnectionLost
from sync_server.app import WebSocketPeer
from sync_server.outbox import Outbox
from tests.support.aio import aio
from tests.sync_server.servers import serving

FRAME = 32 * 1024
FRAMES = 1000  # 32 MiB: more than all the buffers on the way, less than what an outbox may hold


class Stage:
    """A server that sends numbered frames of a size to whoever connects, and remembers what its outbox told."""

    def __init__(self) -> None:
        self.busy = asyncio.Event()
        self.drained = asyncio.Event()
        self.ended = asyncio.Event()
        self.at_once = 0

    def app(self, _port: int) -> ASGIApp:
        app = FastAPI()

        @app.websocket("/")
        async def frames(websocket: WebSocket) -> None:
            await websocket.accept()
            connection = WebSocketPeer(websocket)
            outbox = Outbox(
                connection, on_busy=self.busy.set, on_drained=self.drained.set, on_overflow=lambda: pytest.fail("full")
            )
            sending = asyncio.create_task(outbox.run())
            for number in range(FRAMES):
                outbox.put(number.to_bytes(4, "big") + bytes(FRAME))
                if not self.busy.is_set():
                    self.at_once += 1
                await asyncio.sleep(0)
            await self.drained.wait()
            outbox.put(b"the end of them")
            with pytest.raises(ConnectionLost):
                await connection.receive()
            outbox.close()
            await sending
            self.ended.set()

        return app


@aio
async def test_a_reader_that_pauses_gets_every_frame_once_and_in_order() -> None:
    stage = Stage()
    async with serving(stage.app) as server, silent_reader(server.port) as reader:
        await stage.busy.wait()  # it has not read anything yet
        assert 0 < stage.at_once < FRAMES
        for number in range(FRAMES):
            frame = await reader.recv()
            assert isinstance(frame, bytes)
            assert int.from_bytes(frame[:4], "big") == number
            assert len(frame) == FRAME + 4
        assert await reader.recv() == b"the end of them"


@aio
async def test_a_reader_that_goes_while_frames_wait_ends_the_sending() -> None:
    stage = Stage()
    async with serving(stage.app) as server, silent_reader(server.port) as reader:
        await stage.busy.wait()
        reader.transport.abort()
        stage.drained.set()  # it never will be
        await stage.ended.wait()


def silent_reader(port: int) -> connect:
    """A client that takes one frame off its socket and then waits to be asked for it."""
    return connect(f"ws://127.0.0.1:{port}/", max_queue=1, compression=None, proxy=None)
