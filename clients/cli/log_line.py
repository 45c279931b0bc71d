"""One line of the service's log: how it is written, read back, and shown. Pure.

In the file a line is `2026-01-31T12:00:00.123Z INFO    hub        text`: the time in UTC, the level, the process that
speaks, what it says. What an event has to say beyond one line (a traceback) follows in lines that begin with spaces. In
a terminal the time is local and short, UUIDs are cut to their first eight digits, and the level shows only where it is
a warning or worse.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

SOURCE_WIDTH: Final = 10  # "supervisor"
_LEVEL_WIDTH: Final = 8
_LINE: Final = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z (?P<level>[A-Z]+) +(?P<source>\S+)(?P<rest> .*)"
)
_UUID: Final = re.compile(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # what could steer a terminal
_COLOURS: Final = {"WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}
_SOURCES: Final = {"hub": "36", "daemon": "35", "supervisor": "34"}
_DIM: Final = "2"


@dataclass(frozen=True, slots=True)
class LogLine:
    """An event: when (seconds since the epoch), how grave, who says it, what."""

    time: float
    level: str
    source: str
    text: str

    def __str__(self) -> str:
        """The line as it stands in the file, without a newline at its end."""
        moment = datetime.fromtimestamp(self.time, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        first, *rest = clean(self.text).split("\n")
        head = f"{moment}Z {self.level:<{_LEVEL_WIDTH}}{self.source:<{SOURCE_WIDTH}} {first}"
        return "\n".join([head, *(f"    {line}" for line in rest)])


def clean(text: str) -> str:
    """Text that only ever prints: control characters, save for newlines and tabs, are shown as a question mark."""
    return _CONTROL.sub("?", text.rstrip("\n"))


def parse(line: str) -> LogLine | None:
    """The event in a line of the file; None if it is none (it continues the one before, or a crash wrote it)."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    moment = datetime.strptime(found["time"], "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=UTC)
    padding = max(SOURCE_WIDTH - len(found["source"]), 0) + 1  # exactly: what is said may begin with a space
    return LogLine(moment.timestamp(), found["level"], found["source"], found["rest"][padding:])


def shown(line: str, *, colour: bool) -> str:
    """A line of the file as a person reads it."""
    event = parse(line)
    if event is None:
        return f"          {_painted(line, _DIM, colour)}" if line.strip() else ""
    moment = datetime.fromtimestamp(event.time).strftime("%H:%M:%S")
    grave = event.level in _COLOURS
    text = _UUID.sub(r"\1", f"{event.level.lower()}: {event.text}" if grave else event.text)
    return "  ".join(
        (
            _painted(moment, _DIM, colour),
            _painted(f"{event.source:<{SOURCE_WIDTH}}", _SOURCES.get(event.source, _DIM), colour),
            _painted(text, _COLOURS[event.level], colour) if grave else text,
        )
    )


class LineFormatter(logging.Formatter):
    """Formats a process's own records as lines of the file."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self._source = source

    def format(self, record: logging.LogRecord) -> str:
        """The record with its traceback, if it has one."""
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return str(LogLine(record.created, record.levelname, self._source, text))


def _painted(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour else text
