"""A state folder of its own for each test, or a service that a module's tests share; no process is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.services import Home, Served, write_notebook


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A QUIRE_HOME; whatever runs under it when the test ends is killed."""
    with Home.at(tmp_path / "home") as home:
        yield home


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """A notebook file with one cell, which prints 42."""
    return write_notebook(tmp_path / "work" / "small.ipynb", "print(6 * 7)")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service in the foreground with a notebook open, for tests that leave it running."""
    folder = tmp_path_factory.mktemp("served")
    path = write_notebook(folder / "work" / "small.ipynb", "print(6 * 7)")
    with Home.at(folder / "home") as home:
        yield Served(home, path, home.up(path))
