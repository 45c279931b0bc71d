"""`quire logs`: the service's log as a person reads it, from the file, whether or not the service runs."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

from clients.cli.errors import OK, NotRunning
from clients.cli.log_file import OLDER_FILES, log_file, older_file
from clients.cli.log_line import shown
from clients.cli.service import state_folder

# Seconds between two looks for more, with --follow.
LOOK_EVERY: Final = 0.2


def logs(lines: int, *, follow: bool) -> int:
    """Print the last lines; with `follow` go on until Ctrl-C. Raises NotRunning if nothing was ever logged here."""
    path = log_file(state_folder())
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    if not path.exists():
        raise NotRunning(f"There is no log at {path}: no service ever ran here.", "Start one with `quire up`.")
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in _last(path, file, lines):
            print(shown(line, colour=colour))
        sys.stdout.flush()
        if follow:
            _follow(path, file, colour)
    return OK


def _last(path: Path, file: TextIO, lines: int) -> list[str]:
    """The last lines of the log, begun in an older file if this one has too few. Leaves `file` at its end."""
    current = deque((line.rstrip("\n") for line in file), maxlen=lines)
    kept: list[str] = list(current)
    for number in range(1, OLDER_FILES + 1):
        older = older_file(path, number)
        if len(kept) >= lines or not older.exists():
            break
        with older.open(encoding="utf-8", errors="replace") as earlier:
            kept = [*deque((line.rstrip("\n") for line in earlier), maxlen=lines - len(kept)), *kept]
    return kept


def _follow(path: Path, file: TextIO, colour: bool) -> None:
    """Print what is appended, also after the file was begun anew. Ends with Ctrl-C."""
    try:
        while True:
            for line in _whole_lines(file):
                print(shown(line, colour=colour), flush=True)
            if _was_replaced(path, file):
                for line in _whole_lines(file):  # what was written between the last read and the replacement
                    print(shown(line, colour=colour), flush=True)
                file.close()
                file = path.open(encoding="utf-8", errors="replace")
            else:
                time.sleep(LOOK_EVERY)
    except KeyboardInterrupt:
        return


def _whole_lines(file: TextIO) -> Iterator[str]:
    """The lines that are there to their ends; half a line is left for later."""
    while True:
        place = file.tell()
        line = file.readline()
        if not line.endswith("\n"):
            file.seek(place)
            return
        yield line[:-1]


def _was_replaced(path: Path, file: TextIO) -> bool:
    try:
        return path.stat().st_ino != os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False
