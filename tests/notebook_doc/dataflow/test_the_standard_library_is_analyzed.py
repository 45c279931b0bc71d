"""Every source file of the standard library is analyzed without an exception, and its functions and classes found."""

from __future__ import annotations

import ast
import sysconfig
from pathlib import Path

import pytest

from notebook_doc.dataflow.analysis import CellText
from notebook_doc.dataflow.python_cells import analyze_python

LIBRARY = Path(sysconfig.get_path("stdlib"))
FILES = sorted(path for path in LIBRARY.rglob("*.py") if "site-packages" not in path.parts)


def check(path: Path) -> None:
    try:
        source = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:  # test data in other encodings
        return
    analysis = analyze_python(CellText("python", source))
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # files that test the parser
        return
    made = {one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.ClassDef) and one.name[0] != "_"}
    gone = {one.id for one in ast.walk(tree) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Del)}
    assert made - gone <= analysis.defs, path
    for name in analysis.defs:
        site = analysis.site(name)
        assert source[site.start : site.end] == name or not source.isascii() or "global" in source, (path, name)


def test_some_of_it() -> None:
    for path in FILES[::24]:
        if path.stat().st_size < 100_000:
            check(path)


@pytest.mark.slow
def test_all_of_it() -> None:
    assert len(FILES) > 500
    for path in FILES:
        check(path)
