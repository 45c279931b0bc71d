"""The JavaScript peer as a test sees it, and a hub on the loop that hubs run on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvloop

from clients.peer.hub_address import HubAddress, HubClient
from clients.peer.notebook import Notebook
from notebook_doc.replica import Heads
from sync_server.serve import Listening, serve

_SCRIPT: Final = Path(__file__).with_name("foreign_peer.mjs")
_TOKEN: Final = "conformance"
# Seconds for anything to happen; only a failure takes that long.
_PATIENCE: Final = 20.0
# Seconds between questions to the foreign peer: it answers, it does not call.
_ASK_AGAIN: Final = 0.02


def on_uvloop(test: Coroutine[Any, Any, None]) -> None:
    """Run a test on uvloop, as the hub runs."""

    async def bounded() -> None:
        async with asyncio.timeout(2 * _PATIENCE):
            await test

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(bounded())


@asynccontextmanager
async def a_hub(state: Path) -> AsyncIterator[HubAddress]:
    """A hub on a real socket."""
    stop, listening = asyncio.Event(), asyncio.get_running_loop().create_future()
    on_listening = listening.set_result
    serving = asyncio.create_task(serve(state, _TOKEN, "test", stop=stop, on_listening=on_listening))
    try:
        await asyncio.wait((serving, listening), return_when=asyncio.FIRST_COMPLETED)
        where: Listening = listening.result()
        yield HubAddress(where.url, _TOKEN)
    finally:
        stop.set()
        await serving


async def opened(hub: HubAddress, path: Path) -> str:
    """The id of the notebook of a file."""
    client = HubClient(hub)
    try:
        return await client.open_notebook(path, create=True)
    finally:
        await client.close()


@dataclass
class ForeignPeer:
    """See foreign_peer.mjs."""

    _process: asyncio.subprocess.Process

    async def ask(self, command: str, **parameters: Any) -> Any:
        """Give a command; return its answer."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None, "it was asked for"
        assert stdout is not None, "it was asked for"
        stdin.write(json.dumps({"command": command, **parameters}).encode() + b"\n")
        answer = await stdout.readline()
        assert answer, "the foreign peer has ended; see its standard error"
        return json.loads(answer)

    async def has(self, document: str, heads: Heads) -> None:
        """Wait until its document is at exactly these heads."""
        await self.says("heads", lambda said: said[document] == sorted(head.hex() for head in heads), document)

    async def says(self, command: str, wanted: Any, about: str = "") -> Any:
        """Ask until the answer satisfies `wanted`; return it."""
        said = None
        try:
            async with asyncio.timeout(_PATIENCE):
                while not wanted(said := await self.ask(command)):
                    await asyncio.sleep(_ASK_AGAIN)
        except TimeoutError:
            raise AssertionError(f"the foreign peer still says of {command} {about}: {said}") from None
        return said


@asynccontextmanager
async def a_foreign_peer(
    hub: HubAddress, notebook_id: str, *, role: str = "editor", seeds: dict[str, bytes] | None = None
) -> AsyncIterator[ForeignPeer]:
    """A JavaScript peer of this notebook. Without `seeds` it begins with empty documents."""
    what = {
        "url": hub.sync_url(notebook_id),
        "notebook_id": notebook_id,
        "token": hub.token,
        "role": role,
        "seeds": {name: seed.hex() for name, seed in (seeds or {}).items()},
    }
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("node", str(_SCRIPT), json.dumps(what), stdin=pipe, stdout=pipe)
    try:
        yield ForeignPeer(process)
    finally:
        assert process.stdin is not None, "it was asked for"
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _PATIENCE)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise


async def agree(notebook: Notebook, foreign: ForeignPeer) -> None:
    """Wait until both have the same history, and check that both read the same notebook out of it."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            heads = sorted(head.hex() for head in notebook.doc.replica.heads())
            said = await foreign.ask("heads")
            assert said["error"] is None, said
            if said["notebook"] == heads:
                break
            await asyncio.sleep(_ASK_AGAIN)
    ours = [{"id": cell.id, "cell_type": cell.type, "source": cell.source} for cell in notebook.cells]
    assert await foreign.ask("cells") == ours
