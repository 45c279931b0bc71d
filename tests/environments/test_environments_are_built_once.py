"""Real environments, built by uv from local wheels, and what becomes of builds that fail."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from clients.daemon.environments import tool, uv
from clients.daemon.environments.declared import Dependencies, from_pep723
from clients.daemon.environments.errors import BuildFailed, EnvironmentFailed
from clients.daemon.environments.store import Environment, EnvironmentStore
from clients.daemon.keeper.manifest import process_began
from tests.support.small_disk import SmallDisk, small_disk

__all__ = ["small_disk"]  # a fixture


def offline(wheels: Path, *packages: str, python: str = "") -> Dependencies:
    options = (("find-links", (str(wheels),)), ("no-index", ()))
    return Dependencies(manager="uv", packages=packages, python=python, options=options)


async def built(
    store: EnvironmentStore, dependencies: Dependencies, folder: Path, on_line: Callable[[str], None] = lambda _: None
) -> Environment:
    order = uv.Order(dependencies=dependencies, folder=folder)

    async def build(target: Path) -> None:
        await uv.build(order, target, on_line)

    name = f"uv-{dependencies.digest[:24]}"
    return await store.get(name, "uv:inline", dependencies.packages, build)


async def empty(target: Path) -> None:
    await asyncio.to_thread(target.mkdir)


def says(environment: Environment, code: str) -> str:
    told = subprocess.run([environment.python, "-c", code], capture_output=True, text=True, check=True)
    return told.stdout.strip()


def test_two_environments_with_conflicting_versions_stand_side_by_side(tmp_path: Path, wheels: Path) -> None:
    async def both() -> list[Environment]:
        store = EnvironmentStore(tmp_path)
        wanted = (offline(wheels, "tiny==1"), offline(wheels, "tiny==2"))
        return await asyncio.gather(*(built(store, one, tmp_path) for one in wanted))

    first, second = asyncio.run(both())
    assert (first.installed["tiny"], second.installed["tiny"]) == ("1.0", "2.0")
    code = "import tiny; print(tiny.version)"
    assert (says(first, code), says(second, code)) == ("1.0", "2.0")


def test_an_environment_is_built_once_and_found_again(tmp_path: Path, wheels: Path) -> None:
    lines: list[str] = []

    async def twice_at_once_and_again() -> list[Environment]:
        wanted = offline(wheels, "tiny==1")
        stores = EnvironmentStore(tmp_path), EnvironmentStore(tmp_path)
        found = await asyncio.gather(*(built(store, wanted, tmp_path, lines.append) for store in stores))
        return [*found, await built(stores[0], wanted, tmp_path, lines.append)]

    found = asyncio.run(twice_at_once_and_again())
    assert len({one.folder for one in found}) == 1
    assert sum(line.startswith("Creating virtual environment") for line in lines) == 1
    phases = [phase for line in lines if (phase := uv.phase_of(line))]
    assert phases == sorted(phases, key=("resolving", "downloading", "installing").index)


def test_sources_and_indexes_of_a_header_are_uvs_to_read(tmp_path: Path, wheels: Path) -> None:
    (tmp_path / "own").mkdir()
    shutil.copy(wheels / "tiny-1.0-py3-none-any.whl", tmp_path / "own")
    header = (
        'dependencies = ["small", "tiny"]\n[tool.uv.sources]\n'
        'tiny = { path = "own/tiny-1.0-py3-none-any.whl" }\n'
        f'[[tool.uv.index]]\nname = "ours"\nurl = "{wheels}"\nformat = "flat"\ndefault = true\n'
    )
    wanted = from_pep723(header, "a test")
    assert wanted.from_anywhere
    found = asyncio.run(built(EnvironmentStore(tmp_path / "state"), wanted, tmp_path))
    assert (found.installed["tiny"], found.installed["small"]) == ("1.0", "1.0"), "the index alone would give tiny 2"


def left_in(store: EnvironmentStore) -> list[str]:
    return [path.name for path in store.folder.iterdir() if path.is_dir()]


def test_packages_that_do_not_exist_are_named_and_nothing_is_left(tmp_path: Path, wheels: Path) -> None:
    store = EnvironmentStore(tmp_path)
    with pytest.raises(BuildFailed, match="no versions that fit together") as raised:
        asyncio.run(built(store, offline(wheels, "tiny==3"), tmp_path))
    assert "tiny==3" in raised.value.log  # the resolver's own words
    assert left_in(store) == []


def test_an_unreachable_index_is_said_to_be_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    wanted = Dependencies(manager="uv", packages=("tiny",), options=(("index-url", ("http://127.0.0.1:9/simple",)),))
    with pytest.raises(BuildFailed, match="index cannot be reached") as raised:
        asyncio.run(built(EnvironmentStore(tmp_path), wanted, tmp_path))
    assert "built before start without it" in raised.value.hint


def test_a_full_disk_is_said_to_be_that(
    small_disk: SmallDisk, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not small_disk.mounted:
        pytest.skip("only an administrator can mount a small file system")
    monkeypatch.setenv("UV_LINK_MODE", "copy")
    store = EnvironmentStore(small_disk.folder)
    with pytest.raises(EnvironmentFailed, match="no room on the disk") as raised:
        asyncio.run(built(store, offline(wheels, "tiny==1"), tmp_path))
    assert "quire env clean" in raised.value.hint
    assert left_in(store) == []


def test_an_installer_that_hits_the_limit_of_this_user_says_so() -> None:
    why, hint = uv.explain(tool.Ended(-signal.SIGXFSZ, ()))
    assert "no room" in why
    assert "quire env clean" in hint


def test_a_killed_install_leaves_nothing_and_says_so(tmp_path: Path, wheels: Path) -> None:
    store = EnvironmentStore(tmp_path)

    def kill(line: str) -> None:
        if line.startswith("Resolved"):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                if str(store.folder).encode() in path.read_bytes():
                    os.kill(int(path.parent.name), signal.SIGKILL)

    async def kernel_wheels_are_many() -> None:
        await built(store, offline(wheels, "tiny==1"), tmp_path, kill)

    with pytest.raises(BuildFailed, match="SIGKILL"):
        asyncio.run(kernel_wheels_are_many())
    assert left_in(store) == []


def test_a_cancelled_build_leaves_neither_files_nor_processes(tmp_path: Path, wheels: Path) -> None:
    store = EnvironmentStore(tmp_path)

    async def cancelled() -> None:
        task = asyncio.create_task(built(store, offline(wheels, "tiny==1"), tmp_path, lambda line: void(task.cancel())))
        with pytest.raises(asyncio.CancelledError):
            await task

    def void(_: object) -> None:
        pass

    asyncio.run(cancelled())
    assert left_in(store) == []


def test_what_a_killed_builder_left_is_cleared(tmp_path: Path, wheels: Path) -> None:
    store = EnvironmentStore(tmp_path)
    gone = subprocess.Popen(["true"])
    gone.wait()
    store.folder.mkdir(mode=0o700)
    (store.folder / f".building-{gone.pid}-abc" / "environment").mkdir(parents=True)
    wanted = offline(wheels, "tiny==1")
    half = store.folder / f"uv-{wanted.digest[:24]}"
    (half / "bin").mkdir(parents=True)  # without the note that is written last
    asyncio.run(store.tidy())
    found = asyncio.run(built(store, wanted, tmp_path))
    assert left_in(store) == [found.name]


def test_who_takes_a_prewarmed_environment_has_it_alone(tmp_path: Path) -> None:
    store = EnvironmentStore(tmp_path)
    asyncio.run(store.prewarm("k", "uv:prewarmed", (), empty))
    first, second = store.take("k"), EnvironmentStore(tmp_path).take("k")
    assert first is not None
    assert second is None
    store.lease(first, os.getpid(), process_began(os.getpid()) or "")
    asyncio.run(store.tidy())
    assert store.find(first.name) == first
    store.lease(first, os.getpid(), "another time")  # that process is gone: its id stands for another one now
    asyncio.run(store.tidy())
    assert store.find(first.name) is None


def test_an_environment_in_use_is_not_removed(tmp_path: Path) -> None:
    store = EnvironmentStore(tmp_path)
    environment = asyncio.run(store.get("uv-k", "uv:inline", (), empty))
    store.lease(environment, os.getpid(), process_began(os.getpid()) or "")
    assert store.unused() == []
    assert asyncio.run(store.remove(environment)) is False
    store.lease(environment, os.getpid(), "another time")
    assert [one.name for one in store.unused()] == ["uv-k"]
    assert asyncio.run(store.remove(environment)) is True
    assert store.all() == []
