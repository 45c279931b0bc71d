"""Servers of other projects, installed on demand."""

from __future__ import annotations

from benchmarks.contenders import Contender


def others() -> list[Contender]:
    """What can be measured beside Quire."""
    return []
