"""What tests of several packages share: wheels to install from, made once for all of them, and Ctrl-C; and their order.

Two workers take file after file in the order in which they are collected. So folders whose files share something that
is costly to start stay together and come first, and files of many short tests come last, when one worker would
otherwise wait long for the other.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.environments.wheels import make_wheel, pack_kernel

HERE: Final = Path(__file__).parent
FIRST: Final = ("web",)  # one browser and one service for as long as a worker stays in the folder
LAST: Final = ("convergence", "simulation", "relay", "notebook_doc")

# A test run starts hundreds of processes: each would compile the same modules again where nobody may keep them.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_configure(config: pytest.Config) -> None:
    """Files with many tests first, which pytest-xdist does by itself, would tear folders apart."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order of the folders; within one it stays as it is."""
    items.sort(key=lambda item: _place(item.path.relative_to(HERE).parts[0]))


def _place(folder: str) -> int:
    return -1 if folder in FIRST else 1 + LAST.index(folder) if folder in LAST else 0


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
