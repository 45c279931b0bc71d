"""Which version this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as _installed


def version() -> str:
    """The version of the installed distribution; "unknown" when run from a folder that was never installed."""
    try:
        return _installed("quire")
    except PackageNotFoundError:
        return "unknown"
