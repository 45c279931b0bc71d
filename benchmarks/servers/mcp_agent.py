"""An agent under order: `python -m benchmarks.servers.mcp_agent URL TOKEN`.

A client of the hub's `/mcp` in a process of its own, so that what it costs is not taken for what the hub costs. Each
line of its standard input is an order in JSON, a deed and a notebook's id; when the deed is done it prints a line.
Every order `open` begins a new session.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import Implementation, TextContent

# Cells of the batch that it writes.
WRITTEN = 400
_CODE = "value_{number} = frame.groupby('city').agg(total=('amount', 'sum'))\nprint(value_{number})"
_SECONDS = 300.0


class Agent:
    """One session. `deeds` are by the names that orders have."""

    def __init__(self, client: Client, notebook: str) -> None:
        self._client, self._notebook = client, notebook
        self.deeds: dict[str, Callable[[], Awaitable[str]]] = {
            "open": lambda: self._call("read_notebook"),
            "read": lambda: self._call("read_cells"),
            "search": lambda: self._call("search", pattern="result_9.*total"),
            "history": lambda: self._call("history"),
            "write": self._write,
            "undo": self._undo,
        }
        self._change = ""

    async def _call(self, tool: str, **arguments: object) -> str:
        result = await self._client.call_tool(tool, {"notebook": self._notebook, **arguments})
        text = "\n".join(part.text for part in result.content if isinstance(part, TextContent))
        if result.is_error:
            raise RuntimeError(text)
        return text

    async def _write(self) -> str:
        (version,) = re.findall(r"version (\w+)", await self._call("read_notebook"))
        steps = [{"op": "create", "code": _CODE.format(number=number)} for number in range(WRITTEN)]
        done = await self._call("batch", steps=steps, version=version)
        (self._change,) = re.findall(r"undo with change (\w+)", done)
        return done

    async def _undo(self) -> str:
        return await self._call("undo", change=self._change)


async def main(url: str, token: str) -> None:
    """Do what is ordered, until standard input ends."""
    async with AsyncExitStack() as sessions:
        agent: Agent | None = None
        while line := await asyncio.to_thread(sys.stdin.readline):
            deed, notebook = json.loads(line)
            if deed == "open" or agent is None:
                await sessions.aclose()
                http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=_SECONDS)
                transport = streamable_http_client(f"{url}/mcp", http_client=await sessions.enter_async_context(http))
                client = Client(transport, client_info=Implementation(name="agent", version="0"))
                agent = Agent(await sessions.enter_async_context(client), notebook)
            await agent.deeds[deed]()
            print(json.dumps("done"), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
