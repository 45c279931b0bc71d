"""`quire up` from its first line to its last: what it says, what it leaves, what a second one does."""

from __future__ import annotations

import asyncio
import json
import re
import stat
from pathlib import Path

import httpx
import nbformat

from clients.cli.web_page import web_page
from clients.peer.notebook import Notebook
from tests.cli.services import Home, Served, until


def test_up_says_where_the_notebook_is_and_status_and_ps_agree(served: Served) -> None:
    said = served.up.printed
    notebook_id = re.search(r"id +([0-9a-f-]{36})", said)
    assert notebook_id is not None
    status = json.loads(served.home.quire("status", "--json").stdout)
    assert status["running"]
    assert status["url"] in said
    assert set(status["servers"]) == {"supervisor", "hub", "daemon"}
    assert (notebook_id[1], str(served.notebook)) in {(one["notebook_id"], one["path"]) for one in status["notebooks"]}
    ps = served.home.quire("ps", cwd=served.notebook.parent)
    assert ps.returncode == 0
    assert "\nsmall.ipynb " in ps.stdout


def test_the_link_logs_a_browser_in_once_and_nothing_printed_or_logged_holds_the_token(served: Served) -> None:
    said = served.up.printed
    token = served.home.address.token
    assert token not in said + served.home.log() + served.home.quire("status", "--json").stdout
    link = re.search(r"http://\S+/login\?\S+", said)
    assert link is not None
    with httpx.Client(trust_env=False, follow_redirects=True) as browser:
        page = browser.get(link[0])
        assert page.status_code == 200
        assert "<title>Quire</title>" in page.text
        if web_page() is not None:
            assert page.url.path.startswith("/notebooks/")
    with httpx.Client(trust_env=False) as another:
        assert another.get(link[0]).status_code == 401


def test_every_server_is_registered_privately_with_its_notebooks(served: Served) -> None:
    files = list((served.home.folder / "servers").glob("*.json"))
    assert sorted(file.name.partition("-")[0] for file in files) == ["daemon", "hub", "supervisor"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}

    def listed() -> set[str | None]:
        hub = served.home.server("hub")
        return {notebook.path for notebook in hub.notebooks} if hub is not None else set()

    until(lambda: str(served.notebook) in listed())


def test_a_second_up_opens_its_notebook_in_the_service_that_runs(served: Served, tmp_path: Path) -> None:
    supervisor = served.home.pid("supervisor")
    second = served.home.quire("up", "--no-browser", "--create", tmp_path / "other.ipynb")
    assert second.returncode == 0
    assert f"process {supervisor}" in second.stdout
    paths = {one["path"] for one in json.loads(served.home.quire("ps", "--json").stdout)}
    assert {str(served.notebook), str(tmp_path / "other.ipynb")} <= paths
    assert served.home.pid("supervisor") == supervisor


def test_services_under_two_homes_never_meet(served: Served, home: Home, notebook: Path) -> None:
    home.up(notebook)
    assert home.address.url != served.home.address.url
    assert {one["path"] for one in json.loads(home.quire("ps", "--json").stdout)} == {str(notebook)}
    assert str(notebook) not in served.home.quire("ps", "--json").stdout
    headers = {"Authorization": f"Bearer {served.home.address.token}"}
    assert httpx.get(f"{home.address.url}/v1/notebooks", headers=headers, trust_env=False).status_code == 401
    assert home.quire("stop").returncode == 0
    assert home.still_running() == []
    assert served.home.quire("status").returncode == 0


def test_ctrl_c_saves_what_was_edited_a_moment_ago_and_says_where(home: Home, notebook: Path) -> None:
    up = home.up(notebook)

    async def edit() -> None:
        notebook_id = await home.open(notebook)
        async with Notebook.connect(notebook_id, home.address) as peer:
            peer.cells[0].source = "edited_just_now = True"
            assert await peer.saved(10)
            up.interrupt()  # well before the file would have been written by itself

    asyncio.run(edit())
    assert up.end() == 0
    assert f"Saved to {notebook}." in up.printed
    assert nbformat.read(notebook, 4).cells[0].source == "edited_just_now = True"
    assert home.still_running() == []
    assert list((home.folder / "servers").iterdir()) == []


def test_a_detached_service_runs_until_it_is_stopped(home: Home, notebook: Path) -> None:
    started = home.quire("up", "--detach", notebook)
    assert started.returncode == 0, started.stderr
    assert str(notebook) in started.stdout
    until(lambda: home.server("daemon") is not None)
    home.remember()
    stopped = home.quire("stop")
    assert stopped.returncode == 0
    assert f"Saved to {notebook}." in stopped.stdout
    assert home.still_running() == []
    assert home.quire("status").returncode == 3
    assert "the service runs at" in home.quire("logs").stdout
