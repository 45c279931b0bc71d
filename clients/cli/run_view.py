"""What `quire run` shows: a progress bar with the current cell on a terminal, a line for each cell elsewhere.

Everything goes to standard error. Text that comes from a notebook may hold anything; only colours get through to a
terminal, and nothing at all but text elsewhere.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol, TextIO

_LONGEST_LINE: Final = 60  # characters of a cell's first line
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_STEERING: Final = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)


class RunView(Protocol):
    """How a run is told about. `begin` and `end` enclose each cell."""

    def begin(self, number: int, total: int, source: str) -> None:
        """A cell begins."""

    def end(self, outcome: str, seconds: float) -> None:
        """It has ended as "done", "failed", "timed out" or "interrupted"."""

    def traceback(self, text: str) -> None:
        """Why it did not end well."""

    def note(self, text: str) -> None:
        """Something else to know."""


@contextmanager
def run_view(stream: TextIO = sys.stderr) -> Iterator[RunView]:
    """The view that suits the stream."""
    if not stream.isatty():
        yield PlainView(stream)
        return
    from clients.cli.run_bar import bar_view

    with bar_view(stream) as view:
        yield view


class PlainView:
    """A line for each cell, for logs and pipes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._cell = ""

    def begin(self, number: int, total: int, source: str) -> None:
        """See RunView."""
        self._cell = f"[{number:>{len(str(total))}}/{total}] {first_line(source)}"

    def end(self, outcome: str, seconds: float) -> None:
        """See RunView."""
        self._print(f"{self._cell}  {outcome} in {seconds:.1f} s")

    def traceback(self, text: str) -> None:
        """See RunView."""
        self._print(printable(text, colour=False))

    def note(self, text: str) -> None:
        """See RunView."""
        self._print(text)

    def _print(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


def first_line(source: str) -> str:
    """The first line of a cell that says something, cut to fit."""
    line = next((line.strip() for line in source.splitlines() if line.strip()), "")
    line = printable(line, colour=False)
    return line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 1] + "…"


def printable(text: str, *, colour: bool) -> str:
    """Text without what could steer a terminal; with `colour`, its colours stay."""
    if not colour:
        return _STEERING.sub("", text)
    parts: list[str] = []
    end = 0
    for found in _COLOUR.finditer(text):
        parts += [_STEERING.sub("", text[end : found.start()]), found[0]]
        end = found.end()
    return "".join([*parts, _STEERING.sub("", text[end:]), "\x1b[0m"])
