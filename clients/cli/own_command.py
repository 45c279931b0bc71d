"""How `quire` starts itself as another process."""

from __future__ import annotations

import sys


def own_command(*arguments: str) -> list[str]:
    """The command line that runs `quire` with these arguments in the same Python as this one.

    `-P` keeps the current folder, where anything may lie, from the places that modules are looked for in.
    """
    return [sys.executable, "-P", "-m", "clients.cli.main", *arguments]
