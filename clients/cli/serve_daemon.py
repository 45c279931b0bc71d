"""`quire serve-daemon`: the daemon as a child of the supervisor.

Registers itself and runs every notebook that the hub has open, until it is told to stop or left alone.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from clients.cli.control import ChildEnd, DaemonOrder, Ready
from clients.cli.log_sink import log_to_file, log_to_stream
from clients.cli.version import version
from clients.daemon.main import run_daemon
from clients.peer.hub_address import HubAddress
from relay.errors import Refused
from relay.registry import ServerEntry, register

logger = logging.getLogger("quire.daemon")


def main() -> int:
    """Run until told to stop. Returns the exit code: 0 after a clean end, 1 if the hub refuses this daemon."""
    end = ChildEnd()
    log_to_stream("daemon")
    order = end.order()
    assert isinstance(order, DaemonOrder), "the supervisor starts this command with its order"
    return asyncio.run(_run(end, order))


async def _run(end: ChildEnd, order: DaemonOrder) -> int:
    stop = asyncio.Event()

    def orphaned() -> None:
        log_to_file("daemon", Path(order.log_path))
        logger.warning("the supervisor is gone: stopping")
        stop.set()

    end.watch(on_stop=stop.set, on_orphaned=orphaned)
    entry = ServerEntry.of_this_process(
        "daemon", endpoint=None, version=version(), token=order.token, log_path=order.log_path
    )
    registration = await asyncio.to_thread(register, entry, Path(order.state))
    end.report(Ready())
    try:
        await run_daemon(HubAddress(order.url, order.token), Path(order.state), stop=stop)
    except Refused as error:
        logger.error("the hub refuses this daemon: %s", error)
        return 1
    finally:
        registration.remove()
    return 0
