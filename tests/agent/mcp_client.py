"""A real MCP client, and a service with the agents' door."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, Implementation, TextContent

from clients.cli.agents_mount import AgentsMount
from clients.peer.hub_address import HubAddress
from clients.peer.notebook import Notebook
from tests.agent.company import Company
from tests.daemon.service import Service, notebook_file


class Agent:
    """An MCP client, and what its tools answer."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.told: list[str] = []

    async def call(self, tool: str, **arguments: Any) -> CallToolResult:
        async def progress(done: float, total: float | None, message: str | None) -> None:
            self.told.append(f"{done:g}/{total:g} {message}")

        return await self.client.call_tool(tool, arguments, progress_callback=progress)

    async def text(self, tool: str, **arguments: Any) -> str:
        result = await self.call(tool, **arguments)
        text = "\n".join(part.text for part in result.content if isinstance(part, TextContent))
        assert not result.is_error, text
        return text

    async def attempt(self, tool: str, **arguments: Any) -> str:
        result = await self.call(tool, **arguments)
        return "\n".join(part.text for part in result.content if isinstance(part, TextContent))

    async def error(self, tool: str, **arguments: Any) -> str:
        result = await self.call(tool, **arguments)
        text = "\n".join(part.text for part in result.content if isinstance(part, TextContent))
        assert result.is_error, text
        return text


def version(answer: str) -> str:
    return re.findall(r"version (\w+)", answer)[-1]


@asynccontextmanager
async def by_http(address: HubAddress, name: str = "claude") -> AsyncIterator[Agent]:
    headers = {"Authorization": f"Bearer {address.token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=120) as http,
        Client(
            streamable_http_client(f"{address.url}/mcp", http_client=http),
            client_info=Implementation(name=name, version="0"),
        ) as client,
    ):
        yield Agent(client)


@asynccontextmanager
async def by_stdio(state: Path) -> AsyncIterator[Agent]:
    command = StdioServerParameters(
        command=sys.executable,
        args=["-P", "-m", "clients.cli.main", "mcp", "--name", "claude"],
        env={"QUIRE_HOME": str(state)},
        cwd=Path(__file__).parents[2],
    )
    async with Client(stdio_client(command)) as client:
        yield Agent(client)


class Served:
    """A service with the agents' door, and a person in a notebook."""

    def __init__(self, service: Service, company: Company, ann: Notebook, path: Path) -> None:
        self.service, self.company, self.ann, self.path = service, company, ann, path


@asynccontextmanager
async def served(
    folder: Path, sources: list[str], *, daemon: bool = False, path: Path | None = None
) -> AsyncIterator[Served]:
    path = path or notebook_file(folder, sources)
    async with AsyncExitStack() as stack:
        service = Service(folder)
        mount = AgentsMount(lambda: service.address)
        await service.start_hub(mounts={"/mcp": mount})
        stack.push_async_callback(service.stop_hub)
        stack.push_async_callback(mount.close)
        if daemon:
            service.start_daemon()
            stack.push_async_callback(service.stop_daemon)
        company = Company(stack, service.address, await service.open(path))
        yield Served(service, company, await company.enter("ann"), path)
