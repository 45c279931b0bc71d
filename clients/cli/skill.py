"""`quire skill`: prints how agents work here."""

from __future__ import annotations

from importlib.resources import files

from clients.cli.errors import OK


def skill() -> int:
    """Print the skill file that is shipped with the package."""
    print(files("clients.agent").joinpath("SKILL.md").read_text(encoding="utf-8"), end="")
    return OK
