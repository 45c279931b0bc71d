"""`far_app`: what goes through the door comes out whole, streams, and ends at both ends. Both ends are here."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clients.cli.far_app import PIECE, FarApp, FarAppGone, serve_app
from tests.support.aio import aio

LARGE = bytes(range(256)) * (3 * PIECE // 256) + b"end"


@asynccontextmanager
async def far(app: ASGIApp) -> AsyncIterator[FarApp]:
    here, there = socket.socketpair()
    serving = asyncio.create_task(serve_app(app, there))
    near = FarApp(here)
    try:
        yield near
    finally:
        near.close()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


class Client:
    """A client of an ASGI application: sends a body, then waits until it goes away itself."""

    def __init__(self, body: bytes = b"", headers: list[tuple[bytes, bytes]] | None = None) -> None:
        self.scope: Scope = {
            "type": "http",
            "method": "POST",
            "path": "/mcp",
            "query_string": b"a=1",
            "headers": headers or [],
        }
        self.messages: list[Message] = []
        self.gone = asyncio.Event()
        self._body: bytes | None = body

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.messages.append(message)

    async def ask(self, app: ASGIApp) -> None:
        await app(self.scope, self.receive, self.send)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])


async def _body_of(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message["more_body"]:
            return body


@aio
async def test_a_request_arrives_as_it_was_sent_and_so_does_its_answer() -> None:
    asked: list[Any] = []

    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append((scope["method"], scope["path"], scope["query_string"], scope["headers"]))
        body = await _body_of(receive)
        await send({"type": "http.response.start", "status": 201, "headers": [(b"x-told", b"\xff")]})
        await send({"type": "http.response.body", "body": body})

    async with far(echo) as app:
        for body in (b"", b"short", LARGE, LARGE[:PIECE]):
            client = Client(body, [(b"mcp-session-id", b"\xe9")])
            await client.ask(app)
            assert client.messages[0] == {
                "type": "http.response.start",
                "status": 201,
                "headers": [(b"x-told", b"\xff")],
            }
            assert client.body == body
            assert [one["more_body"] for one in client.messages[1:]][-1] is False
    assert asked[0] == ("POST", "/mcp", b"a=1", [(b"mcp-session-id", b"\xe9")])


@aio
async def test_an_answer_streams_and_many_requests_are_served_at_once() -> None:
    go_on = asyncio.Event()

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"last", "more_body": False})

    async with far(stream) as app:
        clients = [Client() for _ in range(20)]
        asking = [asyncio.create_task(client.ask(app)) for client in clients]
        while not all(client.body == b"first" for client in clients):
            await asyncio.sleep(0.001)  # until it has come
        go_on.set()
        await asyncio.gather(*asking)
        assert {client.body for client in clients} == {b"firstlast"}


@aio
async def test_a_client_that_goes_away_is_gone_at_the_other_end() -> None:
    told: list[Message] = []

    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        await _body_of(receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        told.append(await receive())
        await send({"type": "http.response.body", "body": b"to nobody"})

    async with far(wait) as app:
        client = Client(b"body")
        asking = asyncio.create_task(client.ask(app))
        while not client.messages:
            await asyncio.sleep(0.001)  # until it is being answered
        client.gone.set()
        await asking
        while not told:
            await asyncio.sleep(0.001)
    assert told == [{"type": "http.disconnect"}]


@aio
async def test_whoever_reads_slowly_holds_up_the_application_and_fills_no_memory() -> None:
    made = 0
    resting = asyncio.Event()

    async def flood(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal made
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not resting.is_set():
            await send({"type": "http.response.body", "body": bytes(PIECE), "more_body": True})
            made += 1

    class Slow(Client):
        async def send(self, message: Message) -> None:
            await super().send(message)
            await resting.wait()

    async with far(flood) as app:
        client = Slow()
        asking = asyncio.create_task(client.ask(app))
        before = -1
        while made != before or not client.messages:  # until it stands still
            before = made
            await asyncio.sleep(0.05)
        assert made * PIECE < 4 << 20
        client.gone.set()
        resting.set()
        await asking


@aio
async def test_an_answer_that_was_broken_off_is_not_taken_for_whole() -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["headers"]:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("a defect")

    async with far(fail) as app:
        for headers, answered in (([], False), ([(b"a", b"b")], True)):
            client = Client(headers=headers)
            with pytest.raises(FarAppGone) as error:
                await client.ask(app)
            assert error.value.answered is answered


@aio
async def test_a_request_to_a_process_that_is_gone_fails_at_once() -> None:
    here, there = socket.socketpair()
    there.close()
    app = FarApp(here)
    with pytest.raises(FarAppGone):
        await Client().ask(app)
    app.close()
