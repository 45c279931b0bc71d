"""What `quire` says when it cannot do what it is asked: what is wrong, what to do; its exit code; nothing touched."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.cli.services import Home, write_notebook


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("folder", None, "is a folder"),
        ("missing.ipynb", None, "--create"),
        ("notes.txt", "text", "does not end in .ipynb"),
        ("no/such/a.ipynb", None, "There is no folder"),
    ],
)
def test_a_path_that_is_no_notebook_is_refused_before_anything_starts(
    home: Home, tmp_path: Path, name: str, content: str | None, said: str
) -> None:
    (tmp_path / "folder").mkdir()
    write_notebook(tmp_path / "folder" / "here.ipynb", "1")
    if content is not None:
        (tmp_path / name).write_text(content)
    refused = home.quire("up", tmp_path / name)
    assert refused.returncode == 4
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (home.folder / "servers").exists()


def test_a_folder_is_refused_with_the_notebooks_in_it(home: Home, tmp_path: Path) -> None:
    write_notebook(tmp_path / "folder" / "here.ipynb", "1")
    assert "here.ipynb" in home.quire("up", tmp_path / "folder").stderr


def test_a_broken_notebook_ends_the_service_that_was_to_open_it_and_is_left_as_it_is(
    home: Home, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.ipynb"
    broken.write_text('{"cells": [}')
    for refused in (home.quire("up", "--no-browser", broken), home.quire("run", broken)):
        assert refused.returncode == 4
        assert str(broken) in refused.stderr
        assert "line 1" in refused.stderr
    assert broken.read_text() == '{"cells": [}'
    assert home.server("supervisor") is None


def test_a_taken_port_is_named(home: Home, notebook: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = home.quire("up", "--no-browser", "--port", port, notebook)
    assert refused.returncode == 5
    assert str(port) in refused.stderr
    assert "--port" in refused.stderr
    assert home.server("supervisor") is None


def test_a_state_folder_that_others_can_enter_is_refused(home: Home, notebook: Path) -> None:
    home.folder.chmod(0o755)
    for command in (("up", notebook), ("status",), ("run", notebook)):
        refused = home.quire(*command)
        assert refused.returncode == 5
        assert "open to others" in refused.stderr


def test_a_state_folder_that_is_a_file_is_refused(tmp_path: Path, notebook: Path) -> None:
    home = Home(tmp_path / "file")
    home.folder.write_text("")
    refused = home.quire("up", notebook)
    assert refused.returncode == 5
    assert str(home.folder) in refused.stderr
    assert "QUIRE_HOME" in refused.stderr


@pytest.mark.parametrize("command", [("ps",), ("open", "a.ipynb"), ("status",)])
def test_commands_that_need_a_service_say_so(home: Home, command: tuple[str, ...]) -> None:
    refused = home.quire(*command)
    assert refused.returncode == 3
    assert "No service runs" in refused.stderr + refused.stdout


def test_stopping_where_nothing_runs_is_no_error(home: Home) -> None:
    assert home.quire("stop").returncode == 0


def test_a_relay_refuses_what_is_no_address(home: Home) -> None:
    refused = home.quire("relay", "--listen", "nowhere", "--to", "ws://127.0.0.1:1")
    assert refused.returncode == 5
    assert "'nowhere' is no address" in refused.stderr


@pytest.mark.parametrize(
    "arguments", [("up", "--port", "70000"), ("run",), ("run", "a.ipynb", "--timeout", "0"), ("fly",)]
)
def test_wrong_arguments_end_with_2(home: Home, arguments: tuple[str, ...]) -> None:
    assert home.quire(*arguments).returncode == 2
