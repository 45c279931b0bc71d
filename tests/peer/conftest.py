"""What the peer's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of this test's own, named by QUIRE_HOME."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("QUIRE_HOME", str(folder))
    monkeypatch.delenv("QUIRE_TOKEN", raising=False)
    return folder
