"""`quire history`, `diff` and `restore`, with a service and, for files, without."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

import quire
from clients.cli.main import main
from tests.cli.services import Served, write_notebook


def test_what_was_done_is_listed_compared_and_brought_back(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUIRE_HOME", str(served.home.folder))
    with quire.open(served.notebook, name="Ada", kind="person") as nb:
        cell_id = nb.cells[0].id
        nb.name_version("as it came")
    with quire.open(served.notebook, name="Bot", kind="agent") as nb:
        nb.cells[0].source = "print(7 * 7)"
    listed = served.home.quire("history", served.notebook)
    assert listed.returncode == 0, listed.stderr
    assert "Bot (agent)" in listed.stdout.splitlines()[0]
    assert "“as it came”" in listed.stdout
    told = json.loads(served.home.quire("history", served.notebook, "--json").stdout)
    assert [[author["name"] for author in one["authors"]] for one in told] == [["the file"], ["Bot"]]
    assert [one["names"] for one in told] == [["as it came"], []]

    compared = served.home.quire("diff", served.notebook, "as it came")
    assert "- print(6 * 7)\n+ print(7 * 7)\n" in compared.stdout

    restored = served.home.quire("restore", served.notebook, "as it came", "--cell", cell_id[:6])
    assert "1 cell of" in restored.stdout, restored.stderr
    assert nbformat.read(served.notebook, as_version=4).cells[0].source == "print(6 * 7)"

    unknown = served.home.quire("diff", served.notebook, "next week")
    assert unknown.returncode == 2
    assert "no moment of this notebook is named by 'next week'" in unknown.stderr
    assert served.home.quire("restore", served.notebook, "~1", "--cell", "zzz").returncode == 2


def test_two_files_are_compared_without_a_service(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = write_notebook(tmp_path / "one.ipynb", "a = 1", "b = 2")
    other = write_notebook(tmp_path / "other.ipynb", "a = 1", "b = 3", "c = 4")  # its cells have other ids
    assert main(["diff", str(one), str(other)]) == 0
    said = capsys.readouterr().out
    assert "- b = 2\n+ b = 3\n" in said
    assert "+ c = 4" in said
    assert "a = 1" not in said
    assert main(["diff", str(one), str(other), "--json"]) == 0
    assert [cell["kind"] for cell in json.loads(capsys.readouterr().out)["cells"]] == ["changed", "added"]
    assert main(["diff", str(one), str(one)]) == 0
    assert "are the same" in capsys.readouterr().out
