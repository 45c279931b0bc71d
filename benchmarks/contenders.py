"""The servers that are measured side by side: how each is started, and who its peers are."""

from __future__ import annotations

import asyncio
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.notebooks import write_notebook
from benchmarks.process import Server, python, running
from benchmarks.typists import OpaqueTypist, QuireTypist, Score, Shared, Typist
from clients.peer.hub_address import HubAddress, HubClient

# Cells of the notebook that is typed into.
CELLS: Final = 200
# Connections opened at the same time.
_AT_ONCE: Final = 20


class Contender(ABC):
    """A kind of server. Each start is a fresh one, with nothing in it."""

    name: str

    @abstractmethod
    @contextmanager
    def running(self) -> Iterator[Server]:
        """A server of this kind."""
        yield  # type: ignore[misc]  # abstract: a generator only for its type

    @abstractmethod
    async def typists(self, server: Server, score: Score, peers: int) -> list[Typist]:
        """So many peers, connected and up to date."""


class Hub(Contender):
    """Quire's hub, with its SQLite store, one notebook of 200 cells."""

    name = "quire hub"

    def __init__(self, profile: Path | None = None) -> None:
        self._profile = profile

    @contextmanager
    def running(self) -> Iterator[Server]:
        with tempfile.TemporaryDirectory(prefix="quire-benchmark-", ignore_cleanup_errors=True) as folder:
            write_notebook(Path(folder, "typed.ipynb"), CELLS, outputs=False)
            command = python("benchmarks.servers.hub", Path(folder, "state"))
            if self._profile is not None:
                command += ["--profile", self._profile]
            with running(command) as server:
                server.ready["notebook"] = str(Path(folder, "typed.ipynb"))
                yield server

    async def typists(self, server: Server, score: Score, peers: int) -> list[Typist]:
        shared = await open_at(server)
        typists = [QuireTypist(score, shared, cell=7 * i) for i in range(peers)]
        await join_all(typists, server)
        return list(typists)


class OpaqueRelay(Contender):
    """FastAPI on the same uvicorn settings, forwarding bytes."""

    name = "opaque relay"

    @contextmanager
    def running(self) -> Iterator[Server]:
        with running(python("benchmarks.servers.opaque_relay")) as server:
            yield server

    async def typists(self, server: Server, score: Score, peers: int) -> list[Typist]:
        typists = [OpaqueTypist(score) for _ in range(peers)]
        await join_all(typists, server)
        return list(typists)


async def open_at(server: Server) -> Shared:
    """Open the notebook that a running hub was started for."""
    client = HubClient(HubAddress(f"http://127.0.0.1:{server.port}", server.ready["token"]))
    try:
        notebook_id = await client.open_notebook(Path(server.ready["notebook"]))
    finally:
        await client.close()
    return Shared(notebook_id, server.ready["token"])


async def join_all(typists: Sequence[Typist], server: Server) -> None:
    """Connect these peers; return when all are up to date."""
    await typists[0].join(server)  # the first one reads the notebook for all
    for start in range(1, len(typists), _AT_ONCE):
        await asyncio.gather(*(typist.join(server) for typist in typists[start : start + _AT_ONCE]))
