"""Environments from a conda channel that is made here, solved and installed by rattler."""

from __future__ import annotations

import asyncio
import sys
import zipfile
from pathlib import Path

import pytest

from clients.daemon.environments import conda, house
from clients.daemon.environments.declared import Dependencies
from clients.daemon.environments.errors import BuildFailed, EnvironmentFailed
from clients.daemon.environments.store import Environment, EnvironmentStore
from clients.peer.errors import RequestFailed
from tests.daemon.service import notebook_file, running_service
from tests.environments.conda_channel import Channel
from tests.support.aio import aio


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Python and ipykernel by name, and `tiny` in two versions; `small` needs the first."""
    made = Channel(tmp_path_factory.mktemp("channel"))
    made.add("python", "3.12.1", {"bin/python": b"#!/bin/sh\necho python\n"})
    made.add("ipykernel", "7.0", {"share/ipykernel": b"x"}, ["python >=3.11"])
    made.add("tiny", "1.0", {"share/tiny": b"1.0"})
    made.add("tiny", "2.0", {"share/tiny": b"2.0"})
    made.add("small", "1.0", {"share/small": b"1.0"}, ["tiny <2"])
    return made.write()


@pytest.fixture(scope="module")
def real_channel(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> str:
    """This Python, packed as conda packs files; ipykernel and `tiny` with what they need, out of their wheels."""
    made = Channel(tmp_path_factory.mktemp("real"))
    base = Path(sys.executable).resolve()
    version = ".".join(map(str, sys.version_info[:3]))
    made.add("python", version, {"pyvenv.cfg": f"home = {base.parent}\n".encode()}, links={"bin/python": str(base)})
    packages = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    kernel: dict[str, bytes] = {}
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            files = {f"{packages}/{name}": archive.read(name) for name in archive.namelist() if ".data/" not in name}
        name, its_version, *_ = wheel.name.split("-")
        if name in ("tiny", "small"):
            made.add(name, its_version, files, ["python"])
        elif name != "clash":
            kernel |= files
    made.add("ipykernel", "7.0", kernel, ["python"])
    return made.write()


@aio
async def test_a_kernel_runs_in_what_conda_built_and_a_package_is_added_to_the_environment_yml(
    tmp_path: Path, real_channel: str
) -> None:
    folder = tmp_path / "study"
    (folder / ".git").mkdir(parents=True)
    declares = folder / "environment.yml"
    before = f"channels: [{real_channel}]\ndependencies:\n  - tiny=1.0  # ours\n"
    declares.write_text(before)
    path = notebook_file(folder, ["import sys, tiny; print(tiny.version, sys.prefix)", "import small"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        assert await ann.until(lambda: ann.packages.trust.asks, 30)
        assert ann.packages.trust.channels == (real_channel,)
        await ann.packages.approve()
        execution = await ann.cells["c0"].run()
        version, prefix = (await execution.text()).split()
        assert (version, Path(prefix).parent) == ("1.0", tmp_path / "state" / "environments")
        assert ann.packages.environment.source == "conda:env_yml"
        with pytest.raises(RequestFailed, match="no versions that fit together"):
            await ann.packages.add("tiny=7")
        assert declares.read_text() == before
        change = await ann.packages.add("small")
        assert (change.status, change.installed) == ("live", {"small": "1.0", "tiny": "1.0"})
        assert declares.read_text() == before + "  - small\n"
        assert (await ann.cells["c1"].run()).ok
        assert await ann.until(lambda: ann.packages.trust.state == "trusted", 30)


@aio
async def test_a_notebook_that_declares_nothing_gets_an_environment_that_conda_prewarmed(
    tmp_path: Path, real_channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house, "DEFAULT_CHANNELS", (real_channel,))
    (tmp_path / "state").mkdir(mode=0o700)
    settings = 'environment_manager = "conda"\npool_size = 1\npool_packages = ["tiny =1.0"]\n'
    (tmp_path / "state" / "settings.toml").write_text(settings)
    path = notebook_file(tmp_path, ["import tiny; print(tiny.version)"])
    (tmp_path / ".git").mkdir()
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        assert await (await ann.cells["c0"].run()).text() == "1.0\n"
        assert ann.packages.environment.source == "conda:prewarmed"


def wanting(channel: str, *packages: str) -> Dependencies:
    return Dependencies(manager="conda", packages=packages, python="3.12.*", channels=(channel,))


def built(folder: Path, dependencies: Dependencies, lines: list[str] | None = None) -> Environment:
    store = EnvironmentStore(folder)
    build = conda.builder(dependencies, folder, (lines if lines is not None else []).append)
    name = f"conda-{dependencies.digest[:24]}"
    return asyncio.run(store.get(name, "conda:inline", dependencies.packages, build, in_place=True))


def test_packages_are_solved_and_installed(tmp_path: Path, channel: str) -> None:
    lines: list[str] = []
    found = built(tmp_path, wanting(channel, "small"), lines)
    assert found.installed == {"python": "3.12.1", "ipykernel": "7.0", "tiny": "1.0", "small": "1.0"}
    assert (found.folder / "share" / "tiny").read_text() == "1.0"
    assert found.python.exists()
    assert "Resolved 4 packages" in lines


def test_a_relative_channel_is_the_notebooks_folders(tmp_path: Path) -> None:
    assert conda.channel_of("./channel", tmp_path) == (tmp_path / "channel").as_uri()
    assert conda.channel_of("conda-forge", tmp_path) == "conda-forge"


def test_what_does_not_fit_together_is_said_in_the_solvers_words(tmp_path: Path, channel: str) -> None:
    with pytest.raises(BuildFailed, match="no versions that fit together") as raised:
        built(tmp_path, wanting(channel, "small", "tiny ==2.0"))
    assert "tiny" in raised.value.log
    assert [path for path in (tmp_path / "environments").iterdir() if path.is_dir()] == []


def test_a_channel_that_is_not_there_is_said_to_be_that(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="a channel cannot be reached"):
        built(tmp_path, wanting("http://127.0.0.1:9/channel", "tiny"))


def test_without_rattler_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rattler", None)
    with pytest.raises(EnvironmentFailed, match=r"quire\[conda\]"):
        built(tmp_path, wanting("conda-forge", "tiny"))
