"""`quire relay`: a transparent pipe between two kinds of address, in the foreground."""

from __future__ import annotations

import asyncio
import signal
import sys

from clients.cli.errors import OK, CannotStart
from relay.endpoint import Endpoint, parse_endpoint
from relay.errors import WireError
from relay.pipe import serve_relay


def relay(listen: str, to: str) -> int:
    """Pipe until interrupted, or, at `stdio:`, until the other side has gone. Raises CannotStart."""
    try:
        asyncio.run(_relay(parse_endpoint(listen), parse_endpoint(to)))
    except WireError as error:
        raise CannotStart(error.message, error.hint) from error
    return OK


async def _relay(listen: Endpoint, to: Endpoint) -> None:
    def tell(where: Endpoint) -> None:  # on standard error: standard output may be the pipe
        print(f"Relaying from {where} to {to}. Ctrl-C ends it.", file=sys.stderr, flush=True)

    serving = asyncio.create_task(serve_relay(listen, to, on_listening=tell), name="relay")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        return
