"""What a notebook's kernel may use: memory, and time for each execution.

Limits stand in the notebook's metadata (`quire.limits`: `memory`, `execution_seconds`) and in the daemon's environment
(QUIRE_KERNEL_MEMORY, QUIRE_EXECUTION_SECONDS); the stricter one counts, so a notebook from elsewhere can tighten what
the daemon allows and never loosen it. Memory is in bytes or as people write it ("512M", "2 GiB"). A limit that cannot
be read is refused, with its place, rather than ignored. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from clients.daemon.errors import BadLimit

_SIZE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", re.IGNORECASE)
_UNITS: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
LEAST_MEMORY: Final = 128 * 2**20  # bytes; ipykernel alone takes half of it


@dataclass(frozen=True)
class Limits:
    """Bytes for each process of the kernel, seconds for each execution; None: as much as there is."""

    memory: int | None = None
    execution_seconds: float | None = None


def limits_of(metadata: Mapping[str, Any], environ: Mapping[str, str]) -> Limits:
    """The limits of the notebook with this metadata, under a daemon with this environment. Raises BadLimit."""
    ours = metadata.get("quire")
    told = ours.get("limits") if isinstance(ours, dict) else None
    if told is None:
        told = {}
    if not isinstance(told, dict):
        raise BadLimit("quire.limits", told, "it is a table with `memory` and `execution_seconds`")
    memory = (
        _memory("quire.limits.memory", told.get("memory")),
        _memory("QUIRE_KERNEL_MEMORY", environ.get("QUIRE_KERNEL_MEMORY") or None),
    )
    seconds = (
        _seconds("quire.limits.execution_seconds", told.get("execution_seconds")),
        _seconds("QUIRE_EXECUTION_SECONDS", environ.get("QUIRE_EXECUTION_SECONDS") or None),
    )
    return Limits(
        min((one for one in memory if one is not None), default=None),
        min((one for one in seconds if one is not None), default=None),
    )


def _memory(place: str, value: object) -> int | None:
    if value is None:
        return None
    found = _SIZE.fullmatch(str(value)) if isinstance(value, (int, float, str)) else None
    size = 0 if found is None else int(float(found[1]) * _UNITS[found[2].upper()])
    if size < LEAST_MEMORY:
        raise BadLimit(place, value, "write a size from 128M on, such as 512M or 4G")
    return size


def _seconds(place: str, value: object) -> float | None:
    if value is None:
        return None
    try:
        seconds = float(value) if isinstance(value, (int, float, str)) else 0.0
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise BadLimit(place, value, "write a number of seconds, such as 600")
    return seconds
