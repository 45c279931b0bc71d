"""Where a hub is and how to talk to it over HTTP: opening notebooks, fetching and keeping blobs.

A HubAddress is found in the registry of running servers or given by hand. A HubClient owns one HTTP connection pool to
one hub; every answer that is not a success becomes a RequestFailed with the hub's own words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from clients.peer.errors import NotConnected, RequestFailed
from relay.registry import running

if TYPE_CHECKING:  # imported where it is used: that takes a fifth of a second
    import httpx

# Seconds for one HTTP exchange; opening a large file for the first time imports it.
HTTP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class HubAddress:
    """A hub's base URL (without a slash at the end) and its token."""

    url: str
    token: str = field(repr=False)

    def sync_url(self, notebook_id: str) -> str:
        """The address of a notebook's sync session."""
        return f"ws{self.url.removeprefix('http')}/v1/notebooks/{notebook_id}/sync"

    @property
    def lobby_url(self) -> str:
        """The address of the daemons' session."""
        return f"ws{self.url.removeprefix('http')}/v1/server/sync"


def find_hub() -> HubAddress | None:
    """The hub that runs under this state folder; None if there is none. Blocks for a few file reads."""
    for entry in running("hub"):
        if entry.endpoint is not None:
            return HubAddress(entry.endpoint, entry.token)
    return None


class HubClient:
    """HTTP to one hub, connected when it is first used. Close it when done."""

    def __init__(self, address: HubAddress) -> None:
        self.address = address
        self._http: httpx.AsyncClient | None = None

    async def move_to(self, address: HubAddress) -> None:
        """The hub is elsewhere now, or has another token; what is under way to the old place fails."""
        if address != self.address:
            self.address = address
            await self.close()

    async def close(self) -> None:
        """Let go of the connections."""
        if self._http is not None:
            http, self._http = self._http, None
            await http.aclose()

    async def open_notebook(self, path: Path, *, create: bool = False) -> str:
        """Open a file at the hub and return its notebook's id. Raises RequestFailed, NotConnected."""
        answer = await self._send("POST", "/v1/notebooks", json={"path": str(path), "create": create})
        notebook_id: str = answer.json()["notebook_id"]
        return notebook_id

    async def describe(self, notebook_id: str) -> dict[str, Any]:
        """What the hub says about an open notebook: path, peers, kernel."""
        described: dict[str, Any] = (await self._send("GET", f"/v1/notebooks/{notebook_id}")).json()
        return described

    async def notebooks(self) -> dict[str, Any]:
        """All notebooks: `notebooks`, those that the hub knows, and `open`, what it says about each that is open."""
        listed: dict[str, Any] = (await self._send("GET", "/v1/notebooks")).json()
        return listed

    async def open_notebooks(self) -> list[dict[str, Any]]:
        """What the hub says about every notebook it has open."""
        listed: list[dict[str, Any]] = (await self.notebooks())["open"]
        return listed

    async def blob(self, sha256: str, start: int = 0, stop: int | None = None) -> bytes:
        """A blob's bytes, from `start` to before `stop` (or its end). Raises RequestFailed if there is no such blob."""
        if stop is not None and stop <= start:
            return b""
        part = {} if not start and stop is None else {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"}
        return (await self._send("GET", f"/v1/blobs/{sha256}", headers=part)).content

    async def put_blob(self, data: bytes) -> str:
        """Keep bytes at the hub; they are on its disk when this returns their SHA-256 in hex."""
        sha256 = hashlib.sha256(data).hexdigest()
        await self._send("PUT", f"/v1/blobs/{sha256}", content=data)
        return sha256

    async def put_blobs(self, blobs: Sequence[bytes]) -> None:
        """The same for many small ones in one request, of 16 MiB at most; one that is large goes by itself."""
        await self._send("POST", "/v1/blobs", content=msgspec.msgpack.encode(blobs))

    async def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        import httpx

        if self._http is None:
            self._http = httpx.AsyncClient(
                base_url=self.address.url,
                headers={"Authorization": f"Bearer {self.address.token}"},
                timeout=HTTP_SECONDS,
                trust_env=False,  # a proxy from the environment has no business with a loopback server
            )
        try:
            answer = await self._http.request(method, path, **arguments)
        except httpx.TransportError as error:
            message = f"The hub at {self.address.url} cannot be reached: {str(error) or type(error).__name__}."
            raise NotConnected(message, "Is it running? `quire status` tells.") from error
        if answer.is_success:
            return answer
        try:
            told = answer.json()["error"]
            raise RequestFailed(told["code"], told["message"], told.get("hint", ""))
        except (ValueError, KeyError, TypeError) as error:
            message = f"The hub answered {method} {path} with status {answer.status_code}."
            raise RequestFailed("internal", message, "See its log.") from error
