"""Where the service's log goes: a file that is kept small, and the terminal that the service runs in, if any.

The supervisor owns the LogSink and is the only writer of the file while it lives; its children hand it their lines over
a pipe. Writing to the sink never waits for a terminal: a thread prints, and what a stopped terminal (Ctrl-S) cannot
take is left out there and counted, not in the file. A full disk costs lines of the log, never the service.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
import time
from pathlib import Path
from typing import Final, TextIO

from clients.cli.log_file import OLDER_FILES, older_file
from clients.cli.log_line import LineFormatter, LogLine, shown

FILE_BYTES: Final = 2 * 1024 * 1024  # after which a new file is begun: with the older ones, weeks of ordinary use
_WAITING_LINES: Final = 2000  # lines that may wait for a terminal
_LAST_WORDS_SECONDS: Final = 1.0  # that a terminal has at the end to take what waits


class LogFile:
    """A file that begins anew when it has grown large; older ones are `.1` to `.4`. Private to its owner."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = _open_for_appending(path)
        self._size = os.fstat(self._descriptor).st_size

    def write(self, line: str) -> None:
        """Append a line. What a full or broken disk cannot take is lost."""
        data = f"{line}\n".encode("utf-8", "replace")
        try:
            if self._size and self._size + len(data) > FILE_BYTES:
                self._begin_anew()
            self._size += os.write(self._descriptor, data)
        except OSError:
            return  # the log is where this would have been reported

    def close(self) -> None:
        """Nothing is written after this."""
        os.close(self._descriptor)

    def _begin_anew(self) -> None:
        for number in range(OLDER_FILES, 0, -1):
            newer = older_file(self.path, number - 1)
            if newer.exists():
                newer.replace(older_file(self.path, number))
        fresh = _open_for_appending(self.path)
        os.close(self._descriptor)
        self._descriptor, self._size = fresh, 0


class Terminal:
    """Prints lines from a thread of its own, so that nobody waits for a terminal that has stopped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.colour = stream.isatty() and "NO_COLOR" not in os.environ
        self._waiting: queue.Queue[str | None] = queue.Queue(_WAITING_LINES)
        self._left_out = 0
        self._printer = threading.Thread(target=self._print, name="print", daemon=True)
        self._printer.start()

    def print(self, line: str) -> None:
        """Have a line printed soon; left out if too many wait already."""
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            self._left_out += 1

    def close(self) -> None:
        """Print what waits, for a second at most."""
        try:
            self._waiting.put(None, timeout=_LAST_WORDS_SECONDS)
        except queue.Full:
            return
        self._printer.join(_LAST_WORDS_SECONDS)

    def _print(self) -> None:
        try:
            while (line := self._waiting.get()) is not None:
                self._stream.write(line + "\n")
                if self._left_out:
                    self._stream.write(f"          … {self._left_out} lines are only in the log file …\n")
                    self._left_out = 0
                if self._waiting.empty():
                    self._stream.flush()
            self._stream.flush()
        except (OSError, ValueError):  # the terminal was closed; the file has it all
            while self._waiting.get() is not None:
                pass


class LogSink:
    """See the module. What is logged before `show` is first called waits, so that a terminal begins with that."""

    def __init__(self, path: Path, stream: TextIO | None = None) -> None:
        self._file = LogFile(path)
        self._terminal = None if stream is None else Terminal(stream)
        self._held: list[str] | None = []

    def say(self, level: str, source: str, text: str) -> None:
        """Log an event of now."""
        self.line(str(LogLine(time.time(), level, source, text)))

    def record(self, level: str, source: str, text: str) -> None:
        """Log an event of now to the file alone: on the terminal it is shown in another way."""
        self._file.write(str(LogLine(time.time(), level, source, text)))

    def line(self, line: str) -> None:
        """Log what is a line of the file already (with a traceback: several)."""
        self._file.write(line)
        if self._held is not None:
            self._held.append(line)
        else:
            self._print_log(line)

    def show(self, text: str) -> None:
        """Print what is for the terminal alone, and after it whatever was held back."""
        if self._terminal is not None:
            self._terminal.print(text)
        held, self._held = self._held or [], None
        for line in held:
            self._print_log(line)

    def close(self) -> None:
        """The end; what is still held back is only in the file."""
        if self._terminal is not None:
            self._terminal.close()
        self._file.close()

    def _print_log(self, line: str) -> None:
        if self._terminal is not None:
            for single in line.split("\n"):
                self._terminal.print(shown(single, colour=self._terminal.colour))


def log_to_stream(source: str, stream: TextIO = sys.stderr) -> None:
    """Have this process's log records written as lines of the log to a stream: a child's, to its supervisor."""
    _log_with(logging.StreamHandler(stream), source)


def log_to_file(source: str, path: Path) -> None:
    """The same, straight to the file: for a child that has lost its supervisor."""
    _log_with(logging.FileHandler(path, encoding="utf-8"), source)


def _log_with(handler: logging.Handler, source: str) -> None:
    handler.setFormatter(LineFormatter(source))
    logging.raiseExceptions = False  # a pipe without a reader is no reason to print more
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for chatty in ("httpx", "httpcore", "websockets", "uvicorn", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _open_for_appending(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0), 0o600)
