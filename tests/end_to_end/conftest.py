"""What the end-to-end tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hub import HubProcess, hub_process


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubProcess]:
    """A hub in a process of its own."""
    with hub_process(tmp_path / "state") as process:
        yield process
