"""`quire trust`, `quire settings` and `quire env`, at a service that runs."""

from __future__ import annotations

from pathlib import Path

import nbformat

from tests.cli.services import Served, until, write_notebook


def test_trust_shows_all_that_would_be_installed_and_approves_it(served: Served, tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "asks.ipynb", "import tiny")
    content = nbformat.read(path, 4)
    content.metadata["quire"] = {"uv": {"dependencies": ["tiny==1"], "index-url": "http://127.0.0.1:9/simple"}}
    nbformat.write(content, path)
    shown = served.home.quire("trust", path, "--show")
    assert shown.returncode == 7, shown.stderr
    assert "  tiny==1\n  with index-url http://127.0.0.1:9/simple\n" in shown.stdout
    assert "Approved." in served.home.quire("trust", path).stdout
    assert served.home.quire("trust", path, "--show").returncode == 0
    assert "No environments were built." in served.home.quire("env", "list").stdout, "approving installs nothing yet"


def test_a_run_approves_what_it_installs_where_it_is_told_to_and_prints_it(served: Served, tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "elsewhere.ipynb", "import tiny")
    content = nbformat.read(path, 4)
    content.metadata["quire"] = {"uv": {"dependencies": ["tiny==1"], "no-index": True, "find-links": ["nowhere"]}}
    nbformat.write(content, path)
    refused = served.home.quire("run", path)
    assert (refused.returncode, "The notebook would install: tiny==1" in refused.stderr) == (1, True)
    trusted = served.home.quire("run", path, "--trust")
    assert (trusted.returncode, "  tiny==1\n  with find-links nowhere\n" in trusted.stderr) == (1, True)
    assert "packages that is named cannot be read" in trusted.stderr, "it was tried, since it was approved"
    assert served.home.quire("trust", path, "--show").returncode == 0


def test_a_setting_goes_to_the_document_and_from_there_to_the_file(served: Served) -> None:
    assert served.home.quire("settings", "set", "keep_environments_days", "7").returncode == 0
    file = served.home.folder / "settings.toml"
    until(lambda: file.exists() and "\nkeep_environments_days = 7\n" in file.read_text())
    assert served.home.quire("settings", "get", "keep_environments_days").stdout == "7\n"
    wrong = served.home.quire("settings", "set", "keep_environments_days", "never")
    assert (wrong.returncode, "whole number" in wrong.stderr) == (2, True)
