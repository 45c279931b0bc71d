"""Opening a notebook by its file, its id or its address, with and without a service, a relay, a copy."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest

from clients.peer import opening, service
from clients.peer.errors import BadReplicaFile, CopySetAside, NoService, NotConnected, RequestFailed
from clients.peer.target import FileTarget, HubTarget, IdTarget, parse_target
from relay.endpoint import parse_endpoint
from relay.errors import BadEndpoint, ErrorCode, Refused
from relay.pipe import serve_relay
from relay.registry import ServerEntry, register, running
from tests.support.aio import aio
from tests.support.hub import TOKEN, hub_here

NOTEBOOK = "6f1c2a4e-0000-4000-8000-000000000001"

# What `quire up --detach` does, as far as opening is concerned: a hub that lives on, reachable when the command ends.
DETACH = f"""
import os, subprocess, sys
hub = subprocess.Popen([sys.executable, "-m", "tests.support.hub", os.environ["QUIRE_HOME"], "0", {TOKEN!r}],
                       stdout=subprocess.PIPE, start_new_session=True)
hub.stdout.readline()
"""


@pytest.fixture(autouse=True)
def no_service_stays(state: Path) -> Iterator[None]:
    yield
    for entry in running("hub"):
        if entry.pid != os.getpid():
            os.kill(entry.pid, signal.SIGKILL)


@pytest.fixture
def service_can_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "START", (sys.executable, "-c", DETACH))


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("a.ipynb", FileTarget(Path.cwd() / "a.ipynb")),
        (Path("/tmp/a.ipynb"), FileTarget(Path("/tmp/a.ipynb"))),
        ("~/a.ipynb", FileTarget(Path.home() / "a.ipynb")),
        (Path(NOTEBOOK), FileTarget(Path.cwd() / NOTEBOOK)),
        (NOTEBOOK, IdTarget(NOTEBOOK)),
        (NOTEBOOK.upper(), IdTarget(NOTEBOOK)),
        (f"http://127.0.0.1:8000/v1/notebooks/{NOTEBOOK}", HubTarget("http://127.0.0.1:8000", NOTEBOOK)),
        (f"http://127.0.0.1:8000/notebooks/{NOTEBOOK}#cell-3", HubTarget("http://127.0.0.1:8000", NOTEBOOK)),
        (f"ws://[::1]:8000/v1/notebooks/{NOTEBOOK}/sync", HubTarget("http://[::1]:8000", NOTEBOOK)),
        (
            f"wss://hub.example.org/team/v1/notebooks/{NOTEBOOK}/sync",
            HubTarget("https://hub.example.org/team", NOTEBOOK),
        ),
    ],
)
def test_a_target_is_understood(named: str | Path, meant: object) -> None:
    assert parse_target(named) == meant


@pytest.mark.parametrize(
    "named", ["", "http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1/notebooks/7", "http://[::1/v1", "http:///v1/x"]
)
def test_what_names_no_notebook_is_refused(named: str) -> None:
    with pytest.raises(BadEndpoint):
        parse_target(named)


@aio
async def test_the_service_is_started_when_none_runs(tmp_path: Path, service_can_start: None) -> None:
    async with opening.open(tmp_path / "a.ipynb", create=True, name="Ada", kind="agent") as notebook:
        (peer,) = notebook.peers
        assert (peer.peer.name, peer.peer.kind) == ("Ada", "agent")
        async with opening.open(notebook.id) as other:  # the same service
            assert other.id == notebook.id
    assert len(running("hub")) == 1


@aio
async def test_a_service_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "START", (sys.executable, "-c", "import sys; sys.exit('the moon is in the way')"))
    with pytest.raises(NoService, match="the moon is in the way"):
        async with opening.open(tmp_path / "a.ipynb"):
            pass


@aio
async def test_a_service_that_hangs_is_given_up_with_the_end_of_its_log(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (state / "logs").mkdir()
    (state / "logs" / "hub.log").write_text("".join(f"line {number}\n" for number in range(100)))
    monkeypatch.setattr(service, "START", (sys.executable, "-c", "import time; time.sleep(60)"))
    monkeypatch.setattr(service, "START_SECONDS", 0.1)
    with pytest.raises(NoService, match="line 99") as failure:
        async with opening.open(tmp_path / "a.ipynb"):
            pass
    assert "line 50" not in str(failure.value)


@aio
async def test_a_start_command_that_is_not_there_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "START", (str(tmp_path / "no such program"),))
    with pytest.raises(NoService, match="cannot be started"):
        async with opening.open(tmp_path / "a.ipynb"):
            pass


@aio
async def test_a_missing_file_is_named(tmp_path: Path, service_can_start: None) -> None:
    with pytest.raises(RequestFailed, match=r"nothing\.ipynb") as failure:
        async with opening.open(tmp_path / "nothing.ipynb"):
            pass
    assert failure.value.code == ErrorCode.NO_SUCH_FILE


@aio
async def test_an_address_needs_a_token_and_finds_it(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        address = f"{hub.address.url}/v1/notebooks/{notebook_id}"
        with pytest.raises(BadEndpoint, match="no token"):
            async with opening.open(address):
                pass
        async with opening.open(address, token=hub.address.token) as notebook:
            assert notebook.id == notebook_id
        entry = ServerEntry.of_this_process("hub", endpoint=hub.address.url, version="0", token=hub.address.token)
        registration = register(entry)
        async with opening.open(address) as notebook:
            assert notebook.id == notebook_id
        registration.remove()
        monkeypatch.setenv("QUIRE_TOKEN", hub.address.token)
        async with opening.open(address) as notebook:
            assert notebook.id == notebook_id


@aio
async def test_a_local_service_that_comes_back_elsewhere_with_another_token_is_found(
    tmp_path: Path, state: Path
) -> None:
    async with hub_here(state, token="first") as hub:
        entry = ServerEntry.of_this_process("hub", endpoint=hub.address.url, version="0", token="first")
        registration = register(entry)
        entered = opening.open(tmp_path / "a.ipynb", create=True)
        notebook = await entered.__aenter__()
    registration.remove()
    notebook.cells[0].source = "meanwhile"
    async with hub_here(state, token="second") as hub:
        registration = register(
            ServerEntry.of_this_process("hub", endpoint=hub.address.url, version="0", token="second")
        )
        assert await notebook.saved(10)
        assert await notebook.save()  # and HTTP goes there too
        assert await notebook.put_blob(b"x")
        await entered.__aexit__(None, None, None)
        registration.remove()


@pytest.mark.parametrize("listen", ["unix:{}/relay.sock", "ws://127.0.0.1:0"])
@aio
async def test_a_notebook_is_opened_through_a_relay(listen: str, tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub:
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        socket = listen.format(state)
        to = hub.address.sync_url(notebook_id) if socket.startswith("unix") else f"ws{hub.address.url[4:]}"
        listening: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        relay = asyncio.create_task(
            serve_relay(parse_endpoint(socket), parse_endpoint(to), on_listening=listening.set_result)
        )
        via = str(await listening)
        address = f"{hub.address.url}/v1/notebooks/{notebook_id}"
        async with (
            opening.open(address, token=TOKEN, via=via) as through,
            opening.open(address, token=TOKEN) as straight,
        ):
            through.cells[0].source = "through"
            assert await straight.until(lambda: straight.cells[0].source == "through", 60)
            relay.cancel()
            await asyncio.gather(relay, return_exceptions=True)
            assert await through.until(lambda: not through.online, 60)


@aio
async def test_a_relay_address_that_is_none_is_refused(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub:
        address = f"{hub.address.url}/v1/notebooks/{await hub.open(tmp_path / 'a.ipynb')}"
        with pytest.raises(BadEndpoint, match="no address"):
            async with opening.open(address, token=TOKEN, via="carrier pigeon"):
                pass


# --- with a copy ------------------------------------------------------------------------------------------------------


@aio
async def test_a_copy_opens_without_the_hub_and_its_edits_arrive_later(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    monkeypatch.setattr(opening, "PATIENCE_WITH_COPY", 0.3)
    async with hub_here(state) as hub:
        port = int(hub.address.url.rpartition(":")[2])
        notebook_id = await hub.open(tmp_path / "a.ipynb")
        address = f"{hub.address.url}/v1/notebooks/{notebook_id}"
        async with opening.open(address, token=TOKEN, keep=copy) as notebook:
            notebook.cells[0].source = "online"
            assert await notebook.kept(5)
    async with opening.open(address, token=TOKEN, keep=copy) as notebook:
        assert not notebook.online
        assert notebook.cells[0].source == "online"
        notebook.cells[0].append(", then offline")
        assert await notebook.kept(5)
        assert not notebook.is_saved
    async with hub_here(state, port=port), opening.open(address, token=TOKEN, keep=copy) as notebook:
        assert await notebook.saved(10)
        async with opening.open(address, token=TOKEN) as other:
            assert other.cells[0].source == "online, then offline"


@aio
async def test_a_file_is_opened_from_its_copy_when_no_service_can_be_started(
    tmp_path: Path, state: Path, service_can_start: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, copy = tmp_path / "a.ipynb", tmp_path / "copy"
    async with opening.open(path, create=True, keep=copy) as notebook:
        notebook.cells[0].source = "kept"
    for entry in running("hub"):
        process = psutil.Process(entry.pid)
        process.kill()
        process.wait()
    monkeypatch.setattr(service, "START", (sys.executable, "-c", "import sys; sys.exit('no')"))
    monkeypatch.setattr(opening, "PATIENCE_WITH_COPY", 0.1)
    async with opening.open(path, keep=copy) as notebook:
        assert notebook.cells[0].source == "kept"
        notebook.cells[0].source = "kept offline"
        async with hub_here(state) as hub:
            registration = register(
                ServerEntry.of_this_process("hub", endpoint=hub.address.url, version="0", token=TOKEN)
            )
            assert await notebook.saved(10)
            registration.remove()
            async with opening.open(f"{hub.address.url}/v1/notebooks/{notebook.id}", token=TOKEN) as other:
                assert other.cells[0].source == "kept offline"


@aio
async def test_a_copy_of_another_document_is_set_aside_and_nothing_is_mixed(tmp_path: Path) -> None:
    """The hub lost its state and imported a file that says something else by now."""
    path, copy = tmp_path / "a.ipynb", tmp_path / "copy"
    states = tmp_path / "one", tmp_path / "two"
    async with hub_here(states[0]) as hub:
        address = f"{hub.address.url}/v1/notebooks/{await hub.open(path)}"
        async with opening.open(address, token=TOKEN, keep=copy) as notebook:
            notebook.cells[0].source = "of the first life"
    async with hub_here(states[1]) as hub:
        address = f"{hub.address.url}/v1/notebooks/{await hub.open(path)}"
        with pytest.raises(CopySetAside, match=r"copy\.aside-1") as failure:
            async with opening.open(address, token=TOKEN, keep=copy):
                pass
        assert failure.value.path.exists()
        assert not copy.exists()
        async with opening.open(address, token=TOKEN, keep=copy) as notebook:
            assert [cell.source for cell in notebook.cells] == ["of the first life"]  # from the file, once
            assert await notebook.kept(5)


@aio
async def test_a_hub_that_comes_back_with_another_document_sets_the_open_copy_aside(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.ipynb", tmp_path / "copy"
    async with hub_here(tmp_path / "two") as hub:
        await hub.open(path)
    path.unlink()
    async with hub_here(tmp_path / "one") as hub:
        port = int(hub.address.url.rpartition(":")[2])
        address = f"{hub.address.url}/v1/notebooks/{await hub.open(path)}"
        entered = opening.open(address, token=TOKEN, keep=copy)
        notebook = await entered.__aenter__()
        notebook.cells[0].source = "of the first life"
        await notebook.save()
    async with hub_here(tmp_path / "two", port=port):
        with pytest.raises(Refused) as refusal:
            await notebook.until(lambda: False, 10)
        with pytest.raises(CopySetAside) as failure:  # as it is raised from an `async with`
            await entered.__aexit__(Refused, refusal.value, refusal.value.__traceback__)
        assert failure.value.path.exists()
        assert not copy.exists()


@aio
async def test_a_copy_of_another_notebook_is_refused(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub:
        ids = [await hub.open(tmp_path / name) for name in ("a.ipynb", "b.ipynb")]
        first, second = (f"{hub.address.url}/v1/notebooks/{notebook_id}" for notebook_id in ids)
        async with opening.open(first, token=TOKEN, keep=tmp_path / "copy"):
            pass
        with pytest.raises(BadReplicaFile, match="is the copy of notebook"):
            async with opening.open(second, token=TOKEN, keep=tmp_path / "copy"):
                pass


@aio
async def test_whoever_waits_for_a_copy_that_cannot_be_written_is_told(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hub_here(state) as hub:
        address = f"{hub.address.url}/v1/notebooks/{await hub.open(tmp_path / 'a.ipynb')}"
        async with opening.open(address, token=TOKEN, keep=tmp_path / "copy") as notebook:
            assert await notebook.kept(5)

            def no_space(fd: int) -> None:
                raise OSError(28, "No space left on device")

            with monkeypatch.context() as patched:
                patched.setattr("clients.peer.replica_file.os.fsync", no_space)
                notebook.cells[0].source = "x"
                with pytest.raises(BadReplicaFile, match="No space"):
                    await notebook.kept(5)
            assert await notebook.until(lambda: notebook.keeper is not None and notebook.keeper.is_kept, 60)
            assert await notebook.kept(5)


@aio
async def test_a_notebook_that_is_not_kept_says_so(tmp_path: Path, state: Path) -> None:
    async with hub_here(state) as hub:
        address = f"{hub.address.url}/v1/notebooks/{await hub.open(tmp_path / 'a.ipynb')}"
        async with opening.open(address, token=TOKEN) as notebook:
            with pytest.raises(Exception, match="not kept on disk"):
                await notebook.kept()


@aio
async def test_nobody_there_is_said_with_the_reason(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "OPEN_SECONDS", 0.3)
    with pytest.raises(NotConnected, match="Nothing listens"):
        async with opening.open(f"http://127.0.0.1:1/v1/notebooks/{NOTEBOOK}", token="x"):
            pass
