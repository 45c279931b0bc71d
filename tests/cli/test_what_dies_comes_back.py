"""Servers and supervisors that are killed: what comes back by itself, what stops by itself, and what is kept."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import nbformat
import psutil

from clients.daemon.keeper.manifest import find, folder_of
from clients.peer.notebook import Notebook
from tests.cli.services import PATIENCE, Home, until
from tests.daemon.processes import runs


def test_a_killed_hub_comes_back_where_it_was_and_its_peers_resume(home: Home, notebook: Path) -> None:
    home.up(notebook)
    hub = home.server("hub")
    assert hub is not None
    address = home.address

    async def edit_across_the_crash() -> list[str]:
        notebook_id = await home.open(notebook)
        async with Notebook.connect(notebook_id, address) as peer:
            peer.cells.add("before = 1")
            assert await peer.saved(PATIENCE)
            os.kill(hub.pid, signal.SIGKILL)
            assert await peer.until(lambda: not peer.online, PATIENCE)
            peer.cells.add("meanwhile = 2")
            assert await peer.until(lambda: peer.online, PATIENCE)
            assert await peer.saved(PATIENCE)
            await peer.save()
            return [cell.source for cell in peer.cells]

    assert asyncio.run(edit_across_the_crash()) == ["print(6 * 7)", "before = 1", "meanwhile = 2"]
    after = home.server("hub")
    assert after is not None
    assert (after.endpoint, after.token) == (hub.endpoint, hub.token)
    assert after.pid != hub.pid
    assert [cell.source for cell in nbformat.read(notebook, 4).cells][1:] == ["before = 1", "meanwhile = 2"]
    assert f"the hub (process {hub.pid}) was killed by SIGKILL; it is started again" in home.log()


def test_a_killed_daemon_is_replaced_and_cells_run_again(home: Home, notebook: Path) -> None:
    home.up(notebook)
    daemon = home.pid("daemon")
    os.kill(daemon, signal.SIGKILL)
    until(lambda: (entry := home.server("daemon")) is not None and entry.pid != daemon)
    ran = home.quire("run", notebook)
    assert ran.returncode == 0, ran.stderr


def keepers(home: Home) -> list[psutil.Process]:
    """The keepers of the home's kernels, and the kernels."""
    found = find(folder_of(home.folder))
    return [psutil.Process(pid) for manifest in found for pid in (manifest.pid, manifest.kernel_pid)]


def run_a_cell(home: Home, notebook: Path) -> None:
    async def story() -> None:
        notebook_id = await home.open(notebook)
        async with Notebook.connect(notebook_id, home.address) as peer:
            assert (await peer.cells[0].run()).ok

    asyncio.run(story())


def test_a_kernel_outlives_its_daemon_and_not_the_service(home: Home, notebook: Path) -> None:
    up = home.up(notebook)
    run_a_cell(home, notebook)
    kept = keepers(home)
    assert len(kept) == 2
    daemon = home.pid("daemon")
    os.kill(daemon, signal.SIGKILL)
    until(lambda: (entry := home.server("daemon")) is not None and entry.pid != daemon)
    run_a_cell(home, notebook)
    assert keepers(home) == kept
    up.interrupt()
    assert up.end() == 0
    assert [process for process in kept if runs(process.pid)] == []
    assert list((home.folder / "kernels").iterdir()) == []


def test_stop_ends_kernels_though_no_daemon_is_there_to_end_them(home: Home, notebook: Path) -> None:
    home.up(notebook)
    run_a_cell(home, notebook)
    kept = keepers(home)
    os.kill(home.pid("daemon"), signal.SIGKILL)
    assert home.quire("stop").returncode == 0
    assert [process for process in kept if runs(process.pid)] == []


def test_stop_ends_kernels_of_a_service_that_was_killed_as_a_whole(home: Home, notebook: Path) -> None:
    home.up(notebook)
    run_a_cell(home, notebook)
    kept = keepers(home)
    for kind in ("supervisor", "daemon", "hub"):
        os.kill(home.pid(kind), signal.SIGKILL)
    stopped = home.quire("stop")
    assert stopped.returncode == 0
    assert "Ended 1 kernel" in stopped.stdout
    assert [process for process in kept if runs(process.pid)] == []


def test_a_killed_supervisor_leaves_nothing_running_and_everything_saved(home: Home, notebook: Path) -> None:
    up = home.up(notebook)
    address = home.address

    async def edit_and_kill() -> None:
        notebook_id = await home.open(notebook)
        async with Notebook.connect(notebook_id, address) as peer:
            await peer.cells[0].run()
            home.remember()
            peer.cells[0].source = "kept = True"
            assert await peer.saved(PATIENCE)
            up.process.kill()

    asyncio.run(edit_and_kill())
    assert len(home.remember()) >= 4, "supervisor, hub, daemon and a kernel were seen"
    until(lambda: home.still_running() == [])
    assert nbformat.read(notebook, 4).cells[0].source == "kept = True"
    assert list((home.folder / "servers").glob("hub-*")) == []
    assert "the supervisor is gone" in home.log()


def test_a_service_starts_right_after_its_predecessor_was_killed(home: Home, notebook: Path) -> None:
    first = home.up(notebook)
    first.process.kill()
    second = home.up(notebook)
    second.interrupt()
    assert second.end() == 0
    assert f"Saved to {notebook}." in second.printed


def test_two_services_that_start_at_once_become_one(home: Home, notebook: Path) -> None:
    starting = [home.start("up", "--detach", notebook) for _ in range(3)]
    assert [each.end() for each in starting] == [0, 0, 0]
    home.remember()
    assert len(list((home.folder / "servers").glob("supervisor-*"))) == 1
    assert home.quire("stop").returncode == 0
    assert home.still_running() == []
