"""The header in which a cell may declare what is installed for its notebook (PEP 723). Pure."""

from __future__ import annotations

import re
from typing import Final

# `content` is what stands between its first line and its last, still as comments.
HEADER: Final = re.compile(r"(?m)^# /// script\s*$\s(?P<content>(^#(| .*)$\s?)+?)^# ///\s*$")


def header_of(source: str) -> str | None:
    """The header in a cell's source, from its first line to its last; None if it has none."""
    match = HEADER.search(source)
    return None if match is None else match[0]
