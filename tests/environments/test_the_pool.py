"""Prewarmed environments: ready beforehand, one for each notebook, filled up again and cleared away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from clients.daemon.environments.store import EnvironmentStore
from tests.daemon.service import notebook_file, running_service
from tests.support.aio import aio


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.05)


@aio
async def test_two_notebooks_that_declare_nothing_get_an_environment_each_and_the_pool_is_filled_again(
    tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    monkeypatch.setenv("UV_COMPILE_BYTECODE", "0")  # the wheels bring their bytecode
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (state / "settings.toml").write_text('pool_size = 1\npool_packages = ["tiny==1"]\n')
    store = EnvironmentStore(state)

    def waiting() -> set[str]:
        return {one.name for one in store.all() if not (one.folder / "quire.taken").exists()}

    code = "import sys, tiny; print(tiny.version, sys.prefix)"
    paths = [notebook_file(tmp_path, [code], f"{name}.ipynb") for name in ("one", "two")]
    async with running_service(tmp_path) as service:
        await eventually(lambda: len(waiting()) == 1)
        (first,) = waiting()
        async with service.peer(paths[0]) as ann, service.peer(paths[1], "bob") as bob:
            said = (await (await ann.cells["c0"].run()).text()).split()
            assert said == ["1.0", str(state / "environments" / first)]
            assert ann.packages.environment.source == "uv:prewarmed"
            await eventually(lambda: len(waiting()) == 1)
            (second,) = waiting()
            assert (await (await bob.cells["c0"].run()).text()).split()[1] == str(state / "environments" / second)

            change = await bob.packages.add("small")  # declared from here on, and live, since nothing changes
            assert change.status == "live"
            assert bob.metadata["quire"]["uv"]["dependencies"] == ["tiny==1", "small"]
            await ann.shutdown_kernel()
            await eventually(lambda: store.find(first) is None)  # nobody has it any more
            assert store.in_use(second)
