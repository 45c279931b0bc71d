"""The agents' tools at the hub's `/mcp`, in a process of their own.

What agents do is work: planning a batch, checking it, reading a notebook of a thousand cells take from a tenth of a
second to many, in which an event loop stands still. A thread would not help, because the Automerge binding holds the
interpreter's lock while it works. So all of the agents' side, their peers, replicas and tools, is another process
(`quire serve-agents`), a peer of the hub over the loopback like everybody else, and the hub passes their HTTP requests
through. Nobody's typing waits for an agent.

An AgentsMount knows that process and nothing of MCP. It starts it when the first request comes, so a hub that no agent
asks pays nothing; it owns it, and sees to it that it ends when the hub does, however that ends. If the process dies,
what it was asked is answered with an error or broken off, and the next request starts another. The sessions of agents
are gone then: each is told when it comes again (404), whereupon clients begin a new one. Who may come here (token,
Host, Origin) has been decided before: that is for whoever mounts it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Final

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from clients.cli.child import how_it_ended
from clients.cli.control import AgentsOrder, encode_line
from clients.cli.far_app import FarApp, FarAppBusy, FarAppGone
from clients.cli.own_command import own_command
from clients.peer.hub_address import HubAddress

logger = logging.getLogger("quire.hub")

# Seconds that the process has to close what agents have open.
STOP_SECONDS: Final = 5.0
_INTERNAL_ERROR: Final = -32603  # of JSON-RPC


class AgentsMount:
    """See the module. An ASGI application; `close` it before the hub ends. `hub` says where the hub is."""

    def __init__(self, hub: Callable[[], HubAddress]) -> None:
        self._hub = hub
        self._starting = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._app: FarApp | None = None  # while the process runs
        self._watching: asyncio.Task[None] | None = None
        self._closed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or say why not."""
        try:
            app = await self._running()
            await app(scope, receive, send)
        except _Unavailable as error:
            await _refusal(str(error))(scope, receive, send)
        except FarAppBusy:
            await _refusal("Too many requests wait for the agents' tools. Try again later.")(scope, receive, send)
        except FarAppGone as error:
            if not error.answered:  # else the connection is broken off, since the answer is not whole
                told = "The agents' tools ended before they had answered; `quire logs` has why."
                await _refusal(f"{told} Read the notebook to see what came of it.")(scope, receive, send)

    async def close(self) -> None:
        """End all sessions and close what agents had open; the process is gone then."""
        async with self._starting:
            self._closed = True
        if self._process is None or self._watching is None:
            return
        assert self._process.stdin is not None, "asked for"
        self._process.stdin.close()
        done, _ = await asyncio.wait((self._watching,), timeout=STOP_SECONDS)
        if not done:
            logger.warning("the agents' process did not end in %.0f s and is killed", STOP_SECONDS)
            self._process.kill()
        await self._watching

    async def _running(self) -> FarApp:
        async with self._starting:
            if self._closed:
                raise _Unavailable("The service is stopping. Edits that were made are kept.")
            if self._app is None:
                try:
                    await self._start()
                except OSError as error:
                    logger.exception("the agents' process could not be started")
                    raise _Unavailable(f"The agents' tools could not be started: {error.strerror}.") from error
            assert self._app is not None, "it has just been made"
            return self._app

    async def _start(self) -> None:
        """Start the process. What comes for it waits in the door until it has imported what it needs."""
        here, there = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                *own_command("serve-agents"),
                stdin=asyncio.subprocess.PIPE,
                pass_fds=(there.fileno(),),
                start_new_session=True,
            )
            address = self._hub()
            assert process.stdin is not None, "asked for"
            process.stdin.write(encode_line(AgentsOrder(address.url, address.token, there.fileno())))
        except OSError:
            here.close()
            raise
        finally:
            there.close()
        self._process, self._app = process, FarApp(here)
        self._watching = asyncio.create_task(self._watch(process, self._app), name="watch the agents' process")

    async def _watch(self, process: asyncio.subprocess.Process, app: FarApp) -> None:
        code = await process.wait()
        self._app = None
        app.close()
        if not self._closed:
            logger.error("the agents' process %s; the next request starts another", how_it_ended(code))


class _Unavailable(Exception):
    """There is no process to pass a request to, and why."""


def _refusal(told: str) -> JSONResponse:
    """An error as MCP clients read it."""
    error = {"code": _INTERNAL_ERROR, "message": told}
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, 503)
