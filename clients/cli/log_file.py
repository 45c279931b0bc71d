"""Where the service's log lies: `<state>/logs/quire.log`; what was moved out of its way is `.1` (newest) to `.4`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from relay.private import private_folder

OLDER_FILES: Final = 4


def log_file(state: Path) -> Path:
    """The log of the service under this state folder. Makes its folder."""
    return private_folder(state / "logs") / "quire.log"


def older_file(path: Path, number: int) -> Path:
    """The log that was moved out of the way `number` times; 0 is the log itself."""
    return path.with_name(f"{path.name}.{number}") if number else path
