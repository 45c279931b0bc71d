r"""From a kernel's outputs to the fewest changes of one execution's output list.

Knows one execution: what its list holds (as far as it told) and what has arrived since. It takes the kernel's output
events in order and gives, when asked, the operations that bring the list up to date: chunks of a stream are joined,
moves of a terminal are rendered (see `terminal`), what was cleared before anybody saw it is never written. It promises
that the list depends only on the events, not on when `take` was called (only where a stream is cut into contents does).
It knows no clock, no document and no blob store: values come out as the kernel sent them, for the shell to convert.

A stream is a list of contents. Full ones are sealed: given out once, forgotten here, never written again; the last, the
tail, is rewritten while the stream grows. So memory is bounded by one segment and what arrived since the last `take`,
and work is linear. The price: `\r` and `\b` cannot reach what is sealed, which is finished lines, or a line longer than
any screen: `LONGEST_STATUS_LINE` when it is printed slowly, `SEGMENT` in any case.

Several progress bars at once move up and down between their lines (`ESC [ n A`). In a stream that has done so the lines
below the open one are open too, and the last `ROWS` are not sealed early; up goes no further than what is not sealed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from clients.daemon.events import ClearOutput, Output, OutputEvent, UpdateDisplay
from clients.daemon.terminal import Line

SEGMENT: Final = 64 * 1024  # code points in a full content: each is quick to fetch
# Code points of full contents that are given out together as one: a flood makes a hundred blobs of 100 MB, not 1,600,
# and each of them waits for the disk.
LARGEST: Final = 1024 * 1024
INLINE: Final = 1024  # code points: a tail beyond it is a blob, and then each rewriting leaves a blob behind
# Code points: an open line beyond it is no status line that a `\r` will come back to, so it need not be held open.
LONGEST_STATUS_LINE: Final = 4096
OTHER_VALUE: Final = 1024  # characters that a value counts for which is no text
# Takes after which a tail that is a blob is sealed though not full: about a second of printing at 30 ms a take. It
# bounds what slow printing writes in total to this many times half its length.
TAIL_REWRITES: Final = 32
ROWS: Final = 64  # finished lines that a program may come back to, once it has: more than bars are drawn at once
# Up, down, to the next line, to the one before; erase the display or the line; and the newline, which may move, too.
_ROW_MOVE: Final = re.compile(r"\x1b\[(\d{0,4})([ABEFJK])|(\n)")
_UP: Final = re.compile(r"\x1b\[\d{0,4}[AF]")


@dataclass(frozen=True)
class AppendOutput:
    """Append this output, which is no stream, at `index`, the present length of the list; in the shape of nbformat."""

    index: int
    output: Mapping[str, Any]
    display_id: str | None = None


@dataclass(frozen=True)
class AppendStream:
    """Append a stream at `index`, its contents these sealed ones and, unless empty, the tail."""

    index: int
    name: str
    sealed: tuple[str, ...]
    tail: str


@dataclass(frozen=True)
class ExtendStream:
    """Of the stream at `index`, keep the first `keep` contents; then come these sealed ones and the tail, if any."""

    index: int
    keep: int
    sealed: tuple[str, ...]
    tail: str


@dataclass(frozen=True)
class ClearOutputs:
    """Remove every output of this execution."""


@dataclass(frozen=True)
class WrittenStream:
    """A stream as it is on record: how many contents it has, and the text of the last."""

    name: str
    contents: int
    tail: str


Operation = AppendOutput | AppendStream | ExtendStream | ClearOutputs | UpdateDisplay


class OutputBuffer:
    """The outputs of one execution on their way into its list. `written` is how many the list holds already."""

    def __init__(self, written: int = 0) -> None:
        # Outputs in the list, once what is pending has been carried out up to its last clear.
        self._written = written
        self._count = written
        self._stream: _Stream | None = None  # the last output, if it is a stream
        self._clear_at_next = False
        self._waiting = 0
        # What `take` will give, in order. The key is what an entry is about: a later one about the same replaces it.
        self._pending: dict[tuple[str, int | str], Operation | _Stream] = {}

    @classmethod
    def restored(cls, written: int, last: WrittenStream | None, state: str | None) -> OutputBuffer:
        """The buffer that goes on where another one was after its latest `take`: then the list held `written` outputs,
        the last of which is this, if it is a stream, and its `state` was this."""
        told = {} if state is None else json.loads(state)
        buffer = cls(written)
        buffer._clear_at_next = bool(told.get("clear"))
        if last is not None:
            buffer._stream = _Stream.restored(written - 1, last, told)
        return buffer

    def state(self) -> str | None:
        """After a `take`: what a buffer must know to go on and the list does not show, if there is such a thing."""
        told: dict[str, Any] = {"clear": True} if self._clear_at_next else {}
        if self._stream is not None:
            told |= self._stream.state()
        return json.dumps(told) if told else None

    @property
    def waiting(self) -> int:
        """About how many characters the next `take` will give: a shell in doubt takes before this grows large."""
        return self._waiting

    @property
    def idle(self) -> bool:
        """Whether there is nothing to take and nothing that the next output would do besides."""
        return not self._pending and not self._clear_at_next

    def feed(self, event: OutputEvent) -> None:
        """Take the next event of this execution."""
        match event:
            case Output(output={"output_type": "stream", "name": str(name), "text": str(text)}):
                self._write(name, text)
            case Output(output=output, display_id=display_id):
                self._append(output, display_id)
            case ClearOutput(wait=True):
                self._clear_at_next = True
            case ClearOutput():
                self._clear()
            case UpdateDisplay():
                self._update(event)

    def take(self) -> list[Operation]:
        """What to do to the list to bring it up to date, in this order; empty if nothing is to be done."""
        operations: list[Operation] = []
        for entry in self._pending.values():
            operation = entry.take() if isinstance(entry, _Stream) else entry
            if operation is not None:
                operations.append(operation)
        self._pending.clear()
        self._waiting = 0
        self._written = self._count
        return operations

    def _write(self, name: str, text: str) -> None:
        text = without_surrogates(text)
        if self._stream is None or self._stream.name != name or self._clear_at_next:
            text = text.lstrip("\r\b")  # on an empty line they do nothing; a stream of nothing else is no output
            if not text:
                return
            self._clear_if_due()
            self._stream = _Stream(self._count, name)
            self._count += 1
        key = ("output", self._stream.index)
        before = self._stream.waiting if key in self._pending else 0
        self._stream.write(text)
        self._pending[key] = self._stream
        self._waiting += self._stream.waiting - before

    def _append(self, output: Mapping[str, Any], display_id: str | None) -> None:
        self._clear_if_due()
        self._stream = None
        if display_id is not None:  # as in every Jupyter client, the older outputs of that display follow the new one
            self._update(UpdateDisplay(display_id, output.get("data", {}), output.get("metadata", {})))
        self._pending["output", self._count] = AppendOutput(self._count, output, display_id)
        self._waiting += _characters(output.get("data") or {})
        self._count += 1

    def _update(self, event: UpdateDisplay) -> None:
        key = ("display", event.display_id)
        self._pending.pop(key, None)  # it moves to the end: outputs appended meanwhile are to follow it too
        self._pending[key] = event
        self._waiting += _characters(event.data)

    def _clear_if_due(self) -> None:
        if self._clear_at_next:
            self._clear()

    def _clear(self) -> None:
        self._clear_at_next = False
        self._stream = None
        self._pending = {key: entry for key, entry in self._pending.items() if key[0] != "output"}
        self._waiting = 0
        if self._written:
            self._pending["clear", 0] = ClearOutputs()
        self._written = self._count = 0


class _Stream:
    """One stream output: what its list of contents holds, and what comes next."""

    def __init__(self, index: int, name: str) -> None:
        self.index = index
        self.name = name
        self._appended = False
        self._kept = 0  # sealed contents given out
        self._sealed: list[str] = []  # sealed since
        self._lines: list[str] = []  # finished lines after them
        self._lines_length = 0
        self._line = Line()
        self._below: list[Line] = []  # under the open line, the nearest first; none of them is sealed
        self._has_moved_up = False
        self._given_tail = ""
        self._rewrites = 0

    @classmethod
    def restored(cls, index: int, last: WrittenStream, told: Mapping[str, Any]) -> _Stream:
        stream = cls(index, last.name)
        stream._appended = True
        tail = "" if told.get("sealed") else last.tail
        stream._kept = last.contents if told.get("sealed") else max(0, last.contents - 1)
        stream._given_tail = tail
        stream._has_moved_up = bool(told.get("rows"))
        stream._below = [_line_of(below) for below in told.get("below", ())]
        tail = tail[: len(tail) - sum(len(below) + 1 for below in told.get("below", ()))]
        if line := told.get("line"):
            stream._line = Line.restored(line)
            finished = tail[: len(tail) - len(stream._line.render())]
        else:
            lines, newline, rest = tail.rpartition("\n")
            finished = lines + newline
            stream._line.write(rest)
        if finished:
            stream._lines, stream._lines_length = [finished], len(finished)
        return stream

    def state(self) -> dict[str, Any]:
        """What its contents do not show."""
        told: dict[str, Any] = {}
        if self._kept and not self._given_tail:
            told["sealed"] = True  # the last content too
        if (line := self._line.state()) is not None:
            told["line"] = line
        if self._has_moved_up:
            told["rows"] = True
        if self._below:
            told["below"] = [line.render() for line in self._below]
        return told

    @property
    def waiting(self) -> int:
        return sum(map(len, self._sealed)) + self._lines_length + len(self._line) + sum(map(len, self._below))

    def write(self, text: str) -> None:
        if "\r\n" in text:
            text = text.replace("\r\n", "\n")
        if self._has_moved_up or ("\x1b[" in text and _UP.search(text)):
            self._has_moved_up = True
            self._write_in_rows(text)
        else:
            finished, newline, rest = text.rpartition("\n")
            if newline:
                self._finish_lines(finished)
            if rest:
                self._line.write(rest)
        if self._lines_length >= SEGMENT:
            self._seal_lines()
        if len(self._line) >= SEGMENT:
            self._seal_open_line()

    def take(self) -> AppendStream | ExtendStream | None:
        """The operation that brings this stream up to date, or None if it is."""
        if self._rewrites >= TAIL_REWRITES and not self._sealed:
            self._seal_early()
        if len(self._lines) > 1:
            self._lines = ["".join(self._lines)]
        tail = "".join((*self._lines, self._line.render(), *(f"\n{line.render()}" for line in self._below)))
        sealed = tuple(_joined(self._sealed, LARGEST))
        if self._appended and not sealed and tail == self._given_tail:
            return None
        operation: AppendStream | ExtendStream = (
            ExtendStream(self.index, self._kept, sealed, tail)
            if self._appended
            else AppendStream(self.index, self.name, sealed, tail)
        )
        self._rewrites = 0 if sealed else self._rewrites + 1
        self._appended = True
        self._kept += len(sealed)
        self._sealed.clear()
        self._given_tail = tail
        return operation

    def _write_in_rows(self, text: str) -> None:
        at = 0
        for move in (*_ROW_MOVE.finditer(text), None):
            between = text[at : move.start() if move else len(text)]
            if between:
                self._line.write(between)
            if move is not None:
                at = move.end()
                self._move_row(move[1] or "", move[2] or move[3])

    def _move_row(self, number: str, move: str) -> None:
        match move:
            case "\n":
                self._down()
            case "A" | "F":
                for _ in range(max(1, int(number or "1"))):
                    self._up()
            case "B" | "E":
                for _ in range(min(len(self._below), max(1, int(number or "1")))):
                    self._down()
            case "K":
                self._line.erase(all_of_it=number == "2")
            case _ if number in ("", "0"):
                self._line.erase(all_of_it=False)
                self._below.clear()

    def _up(self) -> None:
        """To the start of the line above, if there is one that is not sealed. Whoever moves up goes there anyway."""
        if not self._lines or len(self._below) >= ROWS:
            return
        finished, newline, last = "".join(self._lines)[:-1].rpartition("\n")
        self._lines = [finished + newline] if newline else []
        self._lines_length = sum(map(len, self._lines))
        self._below.insert(0, self._line)
        self._line = _line_of(last)

    def _down(self) -> None:
        """To the start of the line below, which may be a new one."""
        self._add(self._line.render())
        self._line = self._below.pop(0) if self._below else Line()
        self._line.write("\r")

    def _finish_lines(self, text: str) -> None:
        """The open line goes on with `text` and ends after it; `text` may hold newlines itself."""
        if "\r" in text or "\b" in text:
            for line in text.split("\n"):
                self._finish_line(line)
            return
        first, newline, others = text.partition("\n")
        self._finish_line(first)
        if newline:
            self._add(others)

    def _finish_line(self, text: str) -> None:
        if len(self._line) or not self._line.plain or "\r" in text or "\b" in text:
            self._line.write(text)
            text = self._line.render()
            self._line = Line()
        self._add(text)

    def _add(self, text: str) -> None:
        self._lines += (text, "\n")
        self._lines_length += len(text) + 1

    def _seal_lines(self) -> None:
        """Seal full segments of the finished lines."""
        rest = self._seal_segments("".join(self._lines))
        self._lines, self._lines_length = [rest], len(rest)

    def _seal_open_line(self) -> None:
        """Seal full segments, of the open line too. A line on which something moved is sealed as it stands."""
        text = "".join((*self._lines, self._line.render()))
        plain = self._line.plain
        self._lines, self._lines_length, self._line = [], 0, Line()
        rest = self._seal_segments(text)
        if plain:
            self._line.write(rest)
        elif rest:
            self._sealed.append(rest)

    def _seal_early(self) -> None:
        """Seal a tail that has been rewritten often, so that slow printing does not rewrite it for ever."""
        if self._lines_length >= INLINE:
            lines = "".join(self._lines).splitlines(keepends=True) if self._has_moved_up else []
            kept = "".join(lines[-ROWS:])
            self._sealed += filter(None, ("".join(self._lines)[: self._lines_length - len(kept)],))
            self._lines, self._lines_length = [kept] if kept else [], len(kept)
        if len(self._line) >= LONGEST_STATUS_LINE:
            self._sealed.append("".join((*self._lines, self._line.render())))
            self._lines, self._lines_length, self._line = [], 0, Line()

    def _seal_segments(self, text: str) -> str:
        """Seal full segments of this text, cut behind a newline where there is one; return the rest."""
        at = 0
        while len(text) - at >= SEGMENT:
            cut = text.rfind("\n", at, at + SEGMENT) + 1 or at + SEGMENT
            self._sealed.append(text[at:cut])
            at = cut
        return text[at:]


def _line_of(text: str) -> Line:
    """A line that reads so, at whose start is written next."""
    line = Line()
    line.write(text)
    line.write("\r")
    return line


def _joined(pieces: list[str], largest: int) -> Iterator[str]:
    """The same text in as few pieces as it takes if none but a piece that was longer already exceeds `largest`."""
    together: list[str] = []
    length = 0
    for piece in pieces:
        if together and length + len(piece) > largest:
            yield "".join(together)
            together, length = [], 0
        together.append(piece)
        length += len(piece)
    if together:
        yield "".join(together)


def _characters(data: Mapping[str, Any]) -> int:
    """About how large a display is: values that are no text are rarely large."""
    return sum(len(value) if isinstance(value, str) else OTHER_VALUE for value in data.values())


def without_surrogates(text: str) -> str:
    """The same text, without lone surrogates (each becomes U+FFFD), which neither UTF-8 nor Automerge can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
