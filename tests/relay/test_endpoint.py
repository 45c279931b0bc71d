"""Addresses are understood completely or refused with what is wrong about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.endpoint import Endpoint, StdioEndpoint, UnixEndpoint, WebSocketEndpoint, connect, parse_endpoint
from relay.errors import BadEndpoint
from relay.stream import serve_unix
from tests.relay.links import echo, short_folder, websocket_server
from tests.support.aio import aio


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        (
            "ws://127.0.0.1:8000/v1/notebooks/n/sync?x=1",
            WebSocketEndpoint(
                "ws://127.0.0.1:8000/v1/notebooks/n/sync?x=1",
                "127.0.0.1",
                8000,
                "/v1/notebooks/n/sync?x=1",
                secure=False,
            ),
        ),
        ("ws://localhost", WebSocketEndpoint("ws://localhost", "localhost", 80, "", secure=False)),
        ("ws://localhost:0/", WebSocketEndpoint("ws://localhost:0/", "localhost", 0, "", secure=False)),
        ("wss://hub.example", WebSocketEndpoint("wss://hub.example", "hub.example", 443, "", secure=True)),
        ("ws://[::1]:8/p", WebSocketEndpoint("ws://[::1]:8/p", "::1", 8, "/p", secure=False)),
        ("unix:/run/quire.sock", UnixEndpoint(Path("/run/quire.sock"))),
        ("unix:///run/quire.sock", UnixEndpoint(Path("/run/quire.sock"))),
        ("unix:~/q", UnixEndpoint(Path.home() / "q")),
        ("stdio:", StdioEndpoint()),
    ],
)
def test_an_address_is_parsed(text: str, endpoint: Endpoint) -> None:
    assert parse_endpoint(text) == endpoint
    assert parse_endpoint(str(endpoint)) == endpoint


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "no address"),
        ("localhost:8000", "no address"),
        ("http://localhost:8000", "no address"),
        ("ws://", "no host"),
        ("ws://:8000", "no host"),
        ("ws://h:port", "Port"),
        ("ws://h:99999", "range"),
        ("ws://[::1", "IPv6"),
        ("ws://ada:secret@h", "user or password"),
        ("ws://h/#here", "fragment"),
        ("unix:", "absolute"),
        ("unix:relative/path", "absolute"),
        ("stdio:x", "after the colon"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(text: str, wrong: str) -> None:
    with pytest.raises(BadEndpoint, match=wrong) as refused:
        parse_endpoint(text)
    assert refused.value.hint
    assert "secret" not in str(refused.value)


@aio
async def test_connecting_takes_the_carrier_that_the_address_names(tmp_path: Path) -> None:
    path = short_folder(tmp_path) / "q.sock"
    async with websocket_server(echo) as url, serve_unix(path, echo):
        for address in (url, f"unix:{path}"):
            connection = await connect(parse_endpoint(address))
            await connection.send(b"\x00" + address.encode())
            assert await connection.receive() == b"\x00" + address.encode()
            await connection.close()
