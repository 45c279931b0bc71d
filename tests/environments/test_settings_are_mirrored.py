"""The settings document and its file: both directions, no echo, and what is wrong in either."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from clients.daemon.settings_mirror import SettingsMirror
from clients.peer.notebook import Notebook
from notebook_doc.settings import (
    KEY,
    SETTINGS_ID,
    BadSetting,
    Settings,
    from_toml,
    parse,
    problems,
    settings_of,
    to_toml,
)
from tests.daemon.service import Service, running_service
from tests.support.aio import aio


@asynccontextmanager
async def mirrored(service: Service) -> AsyncIterator[tuple[Notebook, SettingsMirror, Path]]:
    """The settings document as a peer has it, and its mirror."""
    mirror = SettingsMirror(service.address, service.folder / "state", lambda: None)
    running = asyncio.create_task(mirror.run())
    try:
        async with Notebook.connect(SETTINGS_ID, service.address) as document:
            yield document, mirror, service.folder / "state" / "settings.toml"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until_file_says(path: Path, words: str) -> None:
    async with asyncio.timeout(30):
        while words not in await asyncio.to_thread(lambda: path.read_text() if path.exists() else ""):
            await asyncio.sleep(0.02)


def put(document: Notebook, **values: object) -> None:
    told = document.metadata.get(KEY, {})
    document.set_metadata({**document.metadata, KEY: {**told, **values}})


@aio
async def test_what_is_set_anywhere_is_everywhere(tmp_path: Path) -> None:
    async with running_service(tmp_path, daemon=False) as service:
        async with mirrored(service) as (document, mirror, path):
            put(document, pool_size=2)
            await until_file_says(path, "\npool_size = 2")
            assert mirror.current == Settings(pool_size=2)

            path.write_text(path.read_text().replace("pool_size = 2", "pool_size = 3"))
            assert await document.until(lambda: document.metadata[KEY] == {"pool_size": 3}, 60)
            put(document, environment_manager="conda")  # what the file does not say stays
            await until_file_says(path, 'environment_manager = "conda"')
            assert from_toml(path.read_text()) == {"pool_size": 3, "environment_manager": "conda"}
            heads, written = document.doc.replica.heads(), path.stat().st_mtime_ns

            path.write_text("pool_size = [broken")  # left alone, and not taken in
            os.utime(path, ns=(written + 1, written + 1))
            await asyncio.sleep(0)
            put(document, pool_size=4)
            await until_file_says(path, "\npool_size = 4")
            assert len(document.doc.replica.changes_since(heads)) == 1, "nothing was echoed"
        async with mirrored(service) as (document, mirror, path):
            path.write_text("pool_size = 5\n")
            assert await document.until(lambda: document.metadata[KEY] == {"pool_size": 5}, 60)
            assert mirror.current == Settings(pool_size=5)


@aio
async def test_a_file_that_was_edited_while_nothing_ran_counts_and_settings_are_no_notebook(tmp_path: Path) -> None:
    async with running_service(tmp_path, daemon=False) as service:
        (tmp_path / "state" / "settings.toml").write_text("pool_size = 1\nof_the_future = 7\n")
        async with mirrored(service) as (document, mirror, _):
            values = {"pool_size": 1, "of_the_future": 7}
            assert await document.until(lambda: document.metadata.get(KEY) == values, 60)
            assert mirror.current == Settings(pool_size=1)
            from clients.peer.hub_address import HubClient

            client = HubClient(service.address)
            assert await client.open_notebooks() == []
            await client.close()


def test_a_value_that_is_not_allowed_counts_as_not_set_and_is_named() -> None:
    values = {"pool_size": -1, "environment_manager": "pip", "colour": "red", "keep_environments_days": 7}
    assert settings_of(values) == Settings(keep_environments_days=7)
    assert problems(values) == [
        "pool_size: it is a whole number from 0 to 16",
        "environment_manager: it is one of uv, conda",
        "colour: there is no such setting",
    ]


def test_the_file_says_what_was_set_and_explains_what_was_not() -> None:
    values = {"pool_size": 2, "pool_packages": ["numpy", 'odd "name"'], "colour": "red"}
    text = to_toml(values)
    assert from_toml(text) == values
    assert '# environment_manager = "uv"' in text


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("pool_size", "3", 3), ("pool_packages", "numpy, pandas", ["numpy", "pandas"]), ("default_kernel", "ir", "ir")],
)
def test_a_value_is_read_from_a_command_line(name: str, text: str, value: object) -> None:
    assert parse(name, text) == value


@pytest.mark.parametrize(("name", "text"), [("pool_size", "many"), ("pool_size", "99"), ("colour", "red")])
def test_what_cannot_be_set_is_refused(name: str, text: str) -> None:
    with pytest.raises(BadSetting):
        parse(name, text)
