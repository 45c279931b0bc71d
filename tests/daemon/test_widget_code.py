"""The AMD modules of widgets that an environment installs: handed out from their folder, and nothing else ever is."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from clients.daemon.environments.store import EnvironmentStore
from clients.daemon.widget_code import LARGEST, MODULES, environment_folders, read_module
from clients.peer.errors import RequestFailed
from relay.requests import WidgetCode
from tests.daemon.service import notebook_file, running_service
from tests.support.aio import aio

CODE = b"define([], () => ({}))"
REFUSED = [
    "../secret",
    "package/../../secret",
    "package/../index",
    "/etc/passwd",
    "package//index",
    "package/.hidden",
    ".hidden/index",
    "package/index.js.map",
    "package\\..\\..\\secret",
    "package/index\0",
    "package",
    "",
    "package/linked",
    "linked/secret",
    "package/huge",
    "package/folder",
]


def test_a_module_is_read_from_its_folder_and_nothing_beside_it(tmp_path: Path) -> None:
    root = tmp_path / "nbextensions"
    package = root / "package"
    scoped = root / "@scope" / "package"
    for folder in (package, scoped, root / ".hidden", package / "folder.js"):
        folder.mkdir(parents=True)
    for path in (package / "index.js", scoped / "index.js", root / ".hidden" / "index.js", package / ".hidden.js"):
        path.write_bytes(CODE)
    (tmp_path / "secret.js").write_text("secret")
    (package / "index.js.map").write_text("{}")
    (package / "linked.js").symlink_to(tmp_path / "secret.js")
    (root / "linked").symlink_to(tmp_path)
    with (package / "huge.js").open("wb") as huge:
        huge.truncate(LARGEST + 1)

    assert read_module(root, "package/index") == read_module(root, "@scope/package/index") == CODE
    assert {module: read_module(root, module) for module in REFUSED} == dict.fromkeys(REFUSED)
    assert read_module(tmp_path / "missing", "package/index") is None


@aio
async def test_a_peer_gets_the_module_that_the_environment_of_the_running_kernel_installs(tmp_path: Path) -> None:
    path = notebook_file(tmp_path, ["import os; os.getpid()"])
    async with running_service(tmp_path) as service, service.peer(path) as ann:
        with pytest.raises(RequestFailed, match="No kernel runs") as refused:
            await ann.request(WidgetCode(module="anywidget/index"))
        assert refused.value.code == "no_kernel"
        (await ann.cells["c0"].run()).check()

        told = await ann.request(WidgetCode(module="anywidget/index"))
        module = Path(sys.prefix, MODULES, "anywidget", "index.js")
        assert await ann.blob(told["blob"]) == await asyncio.to_thread(module.read_bytes)
        for name in ("../../../../pyvenv", "../../labextensions/anywidget/package", "no_such_package/index"):
            with pytest.raises(RequestFailed, match="has no AMD module") as refused:
                await ann.request(WidgetCode(module=name))
            assert refused.value.code == "no_widget_code"


@aio
async def test_the_environment_that_a_kernel_was_given_comes_before_that_of_its_python(tmp_path: Path) -> None:
    store = EnvironmentStore(tmp_path)

    async def build(target: Path) -> None:
        await asyncio.to_thread(target.mkdir)

    given = await store.get("uv-given", "uv:inline", (), build)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE)
    try:
        own = Path(sys.executable).parent.parent
        assert environment_folders(process.pid, store, "uv-given") == [given.folder, own]
        assert (
            environment_folders(process.pid, store, "uv-gone") == environment_folders(process.pid, store, None) == [own]
        )
    finally:
        await process.communicate(b"\n")
    assert environment_folders(process.pid, store, None) == []
