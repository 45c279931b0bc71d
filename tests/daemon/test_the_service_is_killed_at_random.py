"""The whole service as processes: hub, daemon and kernels are killed while people type and cells run.

Whatever was acknowledged is there afterwards, once; every execution on record has ended, and what it printed is there
whole and once where its kernel was not killed; the file was never half a file.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from clients.cli.service import Service, find_service, state_folder
from clients.daemon.keeper.manifest import find, folder_of
from clients.peer.errors import PeerError
from clients.peer.execution import Execution
from clients.peer.hub_address import HubClient
from clients.peer.notebook import Notebook
from relay.connection import Connection
from relay.endpoint import connect, parse_endpoint
from relay.errors import WireError
from relay.messages import PeerInfo
from relay.pipe import serve_relay
from tests.daemon.service import notebook_file

SETTLE_SECONDS = 60.0


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service of its own, started and ended as a person would."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("QUIRE_HOME", str(home))
    quire = [sys.executable, "-m", "clients.cli.main"]
    subprocess.run([*quire, "up", "--detach"], check=True, timeout=120)
    try:
        found = find_service(state_folder())
        assert found is not None
        yield found
    finally:
        subprocess.run([*quire, "stop"], check=True, timeout=120)


async def opened(service: Service, path: Path) -> str:
    client = HubClient(service.address)
    try:
        return await client.open_notebook(path)
    finally:
        await client.close()


def peer(
    service: Service, notebook_id: str, name: str, via: str | None = None
) -> contextlib.AbstractAsyncContextManager[Notebook]:
    async def through_the_relay() -> Connection:
        return await connect(parse_endpoint(str(via)))

    who = PeerInfo(peer_id=name, name=name, kind="agent" if name == "agent" else "person")
    dial = through_the_relay if via is not None else None
    return Notebook.connect(notebook_id, service.address, peer=who, dial=dial)


async def _relay(at: str, to: str, listening: asyncio.Event) -> None:
    await serve_relay(parse_endpoint(at), parse_endpoint(to), on_listening=lambda _: listening.set())


@contextlib.asynccontextmanager
async def two_relays(service: Service, notebook_id: str, folder: Path) -> AsyncIterator[str]:
    """A Unix socket that leads through two relays to the hub."""
    first, second = f"unix:{folder / 'first.sock'}", f"unix:{folder / 'second.sock'}"
    listening = [asyncio.Event(), asyncio.Event()]
    async with asyncio.TaskGroup() as group:
        hops = ((second, service.address.sync_url(notebook_id), listening[0]), (first, second, listening[1]))
        relays = [group.create_task(_relay(at, to, event)) for at, to, event in hops]
        for event in listening:
            await event.wait()
        yield first
        for relay in relays:
            relay.cancel()


def test_people_and_an_agent_type_into_a_cell_while_it_runs_also_through_relays(
    service: Service, tmp_path: Path
) -> None:
    path = notebook_file(tmp_path, ["for n in range(40): print(n, flush=True); __import__('time').sleep(0.05)\n"])

    async def story() -> None:
        notebook_id = await opened(service, path)
        sockets = tmp_path / "sockets"
        sockets.mkdir(mode=0o700)
        async with (
            two_relays(service, notebook_id, sockets) as relayed,
            peer(service, notebook_id, "ann") as ann,
            peer(service, notebook_id, "ben", relayed) as ben,
            peer(service, notebook_id, "agent", relayed) as agent,
        ):
            (execution,) = await ben.start(["c0"])
            names = ("ann", "ben", "agent")

            async def type_tokens(notebook: Notebook, name: str) -> None:
                for number in range(30):
                    token = f"# {name}{number:02}\n"
                    at = len(notebook.cells["c0"].source)
                    for offset, character in enumerate(token):
                        notebook.cells["c0"].splice(min(at + offset, len(notebook.cells["c0"].source)), 0, character)
                    await asyncio.sleep(0)

            await asyncio.gather(*(type_tokens(nb, n) for nb, n in zip((ann, ben, agent), names, strict=True)))
            for notebook in (ann, ben, agent):
                assert await notebook.saved(20)
            heads = ann.doc.replica.heads
            assert await ann.until(lambda: heads() == ben.doc.replica.heads() == agent.doc.replica.heads(), 60)
            sources = {notebook.cells["c0"].source for notebook in (ann, ben, agent)}
            assert len(sources) == 1
            (source,) = sources
            for name in names:
                assert source.count(name) == 30
            await execution.wait()
            assert await execution.text() == "".join(f"{n}\n" for n in range(40))
            assert execution.record.source.startswith("for n in range(40)")
            await ann.save()

    asyncio.run(story())
    (cell,) = json.loads(path.read_text())["cells"]
    assert "".join(cell["outputs"][0]["text"]).endswith("39\n")


@pytest.mark.parametrize("rounds", [4, pytest.param(50, marks=pytest.mark.slow)])
def test_nothing_acknowledged_is_lost_and_every_execution_ends(service: Service, tmp_path: Path, rounds: int) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown when it fails
    chance = random.Random(seed)
    path = notebook_file(tmp_path, ["import time\nfor n in range(20): print(n, flush=True); time.sleep(0.02)", "'x'"])
    acknowledged: list[str] = []

    async def type_on(notebook: Notebook, name: str) -> None:
        for number in range(100_000):
            token = f"<{name}{number}>"
            notebook.cells["c1"].append(token)
            if await notebook.saved(0.2):
                acknowledged.append(token)

    async def run_on(notebook: Notebook) -> None:
        while True:
            try:
                await notebook.run(["c0"], timeout=5)
            except (PeerError, WireError, TimeoutError):
                await asyncio.sleep(0.05)

    async def look_at_the_file() -> None:
        while True:
            json.loads(path.read_text())
            await asyncio.sleep(0.01)

    async def story() -> None:
        notebook_id = await opened(service, path)
        async with peer(service, notebook_id, "ann") as ann, peer(service, notebook_id, "ben") as ben:
            working = [
                asyncio.create_task(work)
                for work in (type_on(ann, "a"), type_on(ben, "b"), run_on(ann), look_at_the_file())
            ]
            for _ in range(rounds):
                await asyncio.sleep(chance.uniform(0.3, 1.5))
                now = find_service(state_folder())
                victim = None if now is None else chance.choice([now.hub, now.daemon])
                if victim is not None:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(victim.pid, signal.SIGKILL)
            for task in working:
                task.cancel()
            for outcome in await asyncio.gather(*working, return_exceptions=True):
                assert isinstance(outcome, asyncio.CancelledError), outcome
            for notebook in (ann, ben):
                assert await notebook.saved(SETTLE_SECONDS), "the latest edits were never acknowledged"

            def ended() -> bool:
                records = [ann.runtime.execution(execution_id) for execution_id in ann.runtime.execution_ids()]
                return not ann.runtime.queue() and all(record is not None and record.is_terminal for record in records)

            last = (await ann.run(["c0"], timeout=SETTLE_SECONDS))[0]
            assert last.ok
            assert await ann.until(ended, SETTLE_SECONDS), "an execution never ended"
            await ben.save()
        async with peer(service, notebook_id, "newcomer") as newcomer:
            source = newcomer.cells["c1"].source
            assert len(acknowledged) > rounds
            for token in acknowledged:
                assert source.count(token) == 1, token
            saved = json.loads(path.read_text())["cells"]
            assert "".join(saved[1]["source"]) == source

    asyncio.run(story())


COUNTING = "import time\nfor n in range(25):\n    print(n, flush=True)\n    time.sleep(0.02)"
COUNTED = "".join(f"{n}\n" for n in range(25))


@pytest.mark.parametrize("victims", [("hub", "daemon"), ("hub", "daemon", "kernel")], ids="-".join)
@pytest.mark.parametrize("rounds", [4, pytest.param(40, marks=pytest.mark.slow)])
def test_what_runs_runs_once_and_whole_where_its_kernel_lives_on(
    service: Service, tmp_path: Path, rounds: int, victims: tuple[str, ...]
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown when it fails
    chance = random.Random(seed)
    path = notebook_file(tmp_path, [COUNTING] * 3)
    keepers = folder_of(state_folder())

    def kill_one() -> None:
        now = find_service(state_folder())
        kernels = [manifest.kernel_pid for manifest in find(keepers)]
        for victim in chance.sample(victims, chance.choice([1, 1, 2])):
            entry = None if now is None else {"hub": now.hub, "daemon": now.daemon}.get(victim)
            for pid in kernels if victim == "kernel" else [entry.pid] if entry is not None else []:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    async def run_on(notebook: Notebook) -> None:
        while True:
            try:
                for execution in await notebook.start():
                    await execution.wait()
            except (PeerError, WireError):
                await asyncio.sleep(0.05)

    async def story() -> None:
        notebook_id = await opened(service, path)
        async with peer(service, notebook_id, "ann") as ann:
            running = asyncio.create_task(run_on(ann))

            def something_prints() -> bool:
                queue = ann.runtime.queue()
                return bool(queue) and bool(ann.runtime.outputs(queue[0]))

            for _ in range(rounds):
                assert await ann.until(something_prints, SETTLE_SECONDS)
                await asyncio.sleep(chance.uniform(0.0, 1.5))
                await asyncio.to_thread(kill_one)
            assert await ann.until(something_prints, SETTLE_SECONDS)
            running.cancel()
            (outcome,) = await asyncio.gather(running, return_exceptions=True)
            assert isinstance(outcome, asyncio.CancelledError), outcome
            await ann.run(timeout=SETTLE_SECONDS)
            assert await ann.until(lambda: not ann.runtime.queue(), SETTLE_SECONDS)
            records = [ann.runtime.execution(execution_id) for execution_id in ann.runtime.execution_ids()]
            assert len(records) >= 3
            for record in sorted(filter(None, records), key=lambda record: record.seq):
                assert record.status == "done" or ("kernel" in victims and record.status in ("died", "cancelled"))
                shown = await Execution(ann, record.id).outputs()
                if record.status == "done":
                    assert [output["text"] for output in shown] == [COUNTED], record
                elif shown:
                    assert COUNTED.startswith(shown[0]["text"]), record

    asyncio.run(story())
