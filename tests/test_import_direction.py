"""Who may import whom, as the table in docs/architecture.md says it: read from the table, checked in the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
TABLE: Final = ROOT / "docs" / "architecture.md"
BINDING_HOME: Final = "notebook_doc/replica"


def rules() -> dict[str, set[str]]:
    """Package -> the packages of ours that it may import, itself included."""
    section = TABLE.read_text().split("## The house")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:3] == "| `"]
    packages = [row[0].strip("`") for row in rows]
    allowed: dict[str, set[str]] = {}
    for package, (_, _, may) in zip(packages, rows, strict=True):
        named = {word.strip("` ") for word in may.split(",")}
        allowed[package] = {package} | (named & set(packages))
        if "everything" in named:
            allowed[package] = set(packages)
        if "those" in named:  # what the row above may import
            allowed[package] |= allowed[packages[packages.index(package) - 1]]
    return allowed


def package_of(module: str, packages: set[str]) -> str | None:
    """The longest of our packages that a dotted name lies in."""
    return max((p for p in packages if module == p or module.startswith(f"{p}.")), key=len, default=None)


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, at the top or inside a function, for typing or for real."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively; write the whole name"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


SOURCES: Final = sorted(
    path
    for top in {package.split(".")[0] for package in rules()}
    for path in (ROOT / top).rglob("*.py")
    if "node_modules" not in path.parts
)


def test_the_table_names_every_package_and_every_module_belongs_to_one() -> None:
    assert {"notebook_doc", "relay", "sync_server", "clients.peer", "clients.daemon", "clients.cli", "quire"} <= set(
        rules()
    )
    homeless = [
        path
        for path in SOURCES
        if path.read_text() and package_of(".".join(path.relative_to(ROOT).with_suffix("").parts), set(rules())) is None
    ]
    assert homeless == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_its_package_may(path: Path) -> None:
    allowed = rules()
    home = package_of(".".join(path.relative_to(ROOT).with_suffix("").parts), set(allowed))
    ours = {package.split(".")[0] for package in allowed}
    for module in imports(path):
        if module.split(".")[0] not in ours:
            continue
        package = package_of(module, set(allowed))
        if package is not None and home is not None:
            assert package in allowed[home], f"{home} may not import {package} (it imports {module})"


def test_one_package_alone_knows_the_automerge_binding() -> None:
    knowing = {path for path in SOURCES if any(m.split(".")[0] == "automerge" for m in imports(path))}
    assert {str(path.parent.relative_to(ROOT)) for path in knowing} == {BINDING_HOME}


def test_the_documents_know_no_clock_no_loop_and_no_network() -> None:
    forbidden = {"asyncio", "socket", "threading", "time", "sqlite3", "httpx", "websockets", "subprocess"}
    for path in (ROOT / "notebook_doc").rglob("*.py"):
        assert not forbidden & {module.split(".")[0] for module in imports(path)}, path
