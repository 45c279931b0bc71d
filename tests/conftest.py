"""What tests of several packages share: wheels to install from, made once for all of them, and Ctrl-C."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.environments.wheels import make_wheel, pack_kernel


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_reaches_what_is_started() -> None:
    """A shell that runs the tests in the background has them, and all that they start, ignore SIGINT: undo that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ipykernel, and `tiny` in versions 1 and 2; `small` 1 needs tiny, `clash` 1 needs tiny 2."""
    folder = tmp_path_factory.mktemp("wheels")
    pack_kernel(folder)
    for version in ("1.0", "2.0"):
        make_wheel(folder, "tiny", version)
    make_wheel(folder, "small", "1.0", requires=["tiny"])
    make_wheel(folder, "clash", "1.0", requires=["tiny==2"])
    return folder
