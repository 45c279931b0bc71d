"""`quire env list` and `quire env clean`, over a store that is really there."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from clients.cli.environments import clean, list_environments
from clients.daemon.environments.store import EnvironmentStore
from clients.daemon.keeper.manifest import process_began


def test_what_nobody_uses_is_removed_and_what_somebody_uses_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    monkeypatch.setenv("QUIRE_HOME", str(tmp_path / "state"))
    store = EnvironmentStore(tmp_path / "state")

    async def build(target: Path) -> None:
        await asyncio.to_thread(target.mkdir)
        await asyncio.to_thread((target / "large").write_bytes, os.urandom(3 * 1024 * 1024))

    used = asyncio.run(store.get("uv-used", "uv:inline", ("pandas",), build))
    asyncio.run(store.get("uv-unused", "uv:inline", ("numpy",), build))
    store.lease(used, os.getpid(), process_began(os.getpid()) or "")

    assert clean(dry_run=True) == 0
    assert capsys.readouterr().out == "would remove uv-unused (numpy)\n3 MiB would be freed.\n"
    assert clean(dry_run=False) == 0
    assert capsys.readouterr().out == "removed uv-unused (numpy)\n3 MiB were freed.\n"
    assert [one.name for one in store.all()] == ["uv-used"]
    assert not (store.folder / "uv-unused").exists()
    assert list_environments(as_json_=False) == 0
    assert capsys.readouterr().out.split()[:5] == ["uv-used", "uv:inline", "3", "MiB", "used"]
    assert clean(dry_run=False) == 0
    assert capsys.readouterr().out == "0 MiB were freed.\n"
