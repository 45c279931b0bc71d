"""Where the page that people use lies: beside this package, built there by hatch_build.py and shipped in the wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sync_server.web_page import is_built

FOLDER: Final = Path(__file__).parents[1] / "web" / "dist"


def web_page() -> Path | None:
    """The folder of the built page; None if it was not built."""
    return FOLDER if is_built(FOLDER) else None
