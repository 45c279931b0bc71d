"""Disks that fill up and folders that may not be written, for real."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.small_disk import small_disk

__all__ = ["small_disk"]  # a fixture


@pytest.fixture
def ordinary_user() -> Iterator[Path]:
    """A folder of an ordinary user, who we are in this test: permissions mean nothing to root."""
    folder = Path(tempfile.mkdtemp(prefix="quire-test-"))
    nobody = 65534
    privileged = os.geteuid() == 0
    if privileged:
        os.chown(folder, nobody, nobody)
        os.setegid(nobody)
        os.seteuid(nobody)
    try:
        yield folder
    finally:
        if privileged:
            os.seteuid(0)
            os.setegid(0)
        for inside in (folder, *folder.rglob("*")):
            if not inside.is_symlink():
                inside.chmod(0o700)
        shutil.rmtree(folder)
