"""The view of `quire run` on a terminal: a bar, the time, the cell that runs; tracebacks above it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from clients.cli.run_view import first_line, printable


@contextmanager
def bar_view(stream: TextIO) -> Iterator[BarView]:
    """A bar at the bottom of the terminal, which stays there at the end."""
    console = Console(file=stream, highlight=False, soft_wrap=True)
    columns = (BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console) as progress:
        yield BarView(console, progress)


class BarView:
    """See RunView."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self._console, self._progress = console, progress
        self._task = progress.add_task("starting the kernel", total=None)
        self._number = 0

    def begin(self, number: int, total: int, source: str) -> None:
        """See RunView."""
        self._number = number
        self._progress.update(self._task, total=total, completed=number - 1, description=escape(first_line(source)))

    def end(self, outcome: str, seconds: float) -> None:
        """See RunView."""
        done = outcome == "done"
        said = "" if done else f"[red]cell {self._number} {outcome} after {seconds:.1f} s"
        self._progress.update(self._task, completed=self._number if done else self._number - 1, description=said)

    def traceback(self, text: str) -> None:
        """See RunView."""
        self._console.print(Text.from_ansi(printable(text, colour=True)))

    def note(self, text: str) -> None:
        """See RunView."""
        self._console.print(escape(text))
