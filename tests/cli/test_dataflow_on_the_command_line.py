"""`quire graph`, `quire plan` and `quire profile`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clients.cli.graph_command import plan_lines, profile_lines
from clients.cli.main import main
from clients.peer.flow import PlannedStep, Profile, RunPlan
from notebook_doc.dataflow.staleness import Cause
from tests.cli.services import write_notebook
from tests.notebook_doc.dataflow.stories import Story


def test_the_graph_of_a_file_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "book.ipynb"
    write_notebook(path, "x = 1", "y = x", "y = 2")
    assert main(["graph", str(path)]) == 0
    out = capsys.readouterr().out
    assert [line.split() for line in out.splitlines()[:4]] == [
        ["mode", "manual"],
        ["cell", "1", "x"],
        ["cell", "2", "y", "x", "←", "cell", "1"],
        ["cell", "3", "y"],
    ]
    assert "problem in cell 3: y is defined here and in cell 2; one cell must own it." in out
    assert main(["graph", str(path), "--check"]) == 1


def test_the_graph_is_json_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "book.ipynb"
    write_notebook(path, "x = 1", "y = x")
    assert main(["graph", str(path), "--json", "--check"]) == 0
    found = json.loads(capsys.readouterr().out)
    one, other = (cell["id"] for cell in found["cells"])
    assert found["edges"] == [{"from_cell_id": one, "to_cell_id": other, "variable": "x"}]
    assert found["topological_order"] == [one, other]
    assert found["cells"][1]["upstream_ids"] == [one]


def test_a_file_that_is_no_notebook_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "book.ipynb"
    path.write_text("nothing")
    assert main(["graph", str(path)]) == 4
    assert "quire:" in capsys.readouterr().err


def test_plans_and_profiles_read_well() -> None:
    story = Story(a="x = 1", b="x")
    steps = (
        PlannedStep(cell_id="a", reason="stale", causes=(Cause("self", "edited"),), estimated_ms=1200),
        PlannedStep(cell_id="b", reason="target", causes=(Cause("upstream", "not_run", "a"),)),
    )
    plan = RunPlan(id="p", targets=("b",), steps=steps, brought=("a",), estimated_ms=1200)
    assert [line.split() for line in plan_lines(story.doc, plan)] == [
        ["cell", "1", "stale:", "edited", "1.2", "s"],
        ["cell", "2", "target:", "cell", "1", "not", "run"],
        ["2", "of", "2", "cells", "run,", "about", "1.2", "s"],
    ]
    lines = profile_lines(story.doc, Profile(cells={"b": 1500.0, "a": 12.0}))
    assert [line.split() for line in lines][-1] == ["1.5", "s", "together"]
