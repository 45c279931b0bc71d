"""Numbers into the one table that a benchmark prints."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence


def quantile(values: Sequence[float], share: float) -> float:
    """The nearest-rank quantile; NaN of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else math.nan


def milliseconds(seconds: float) -> str:
    """A duration to print, or a dash for none."""
    return "-" if math.isnan(seconds) else f"{seconds * 1e3:.2f}"


def machine() -> str:
    """What it was measured on, and how busy that was."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, load average {load:.1f}"


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A Markdown table with aligned columns; the first column is text, the others numbers."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]

    def line(row: Sequence[str]) -> str:
        cells = [
            cell.ljust(width) if not i else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return f"| {' | '.join(cells)} |"

    rule = ["-" * (width + 1) + ("-" if not i else ":") for i, width in enumerate(widths)]
    print(f"\n{title}\n\n{line(header)}\n|{'|'.join(rule)}|")
    for row in rows:
        print(line(row))
