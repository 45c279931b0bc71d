r"""The open line of a stream, as a terminal would show it: carriage return and backspace move, what follows overwrites.

Knows one line without its newline. `\r` moves to the line's start, `\b` one column back (never past the start), and
text written there replaces what stood there, code point by code point; nothing is erased (but by `erase`), re-wrapped,
stripped or expanded: tabs and every other character take one column. ANSI escape sequences take none: each belongs to
the character written after it and is replaced together with it, so an overwritten line never holds half a sequence.
Memory is bounded by the line's visible length, however often it is rewritten; the work is linear in what is written.
"""

from __future__ import annotations

import re
from typing import Any, Final

# ECMA-48: control sequences (ESC [ parameters intermediates final) and system commands (ESC ] ... BEL or ESC \).
_ESCAPE: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
# The beginning of one, at the end of a chunk: the rest comes with the next. Longer than this it is text, no sequence.
_TORN_ESCAPE: Final = re.compile(r"\x1b(?:\[[0-?]{0,256}[ -/]{0,8}|\][^\x07\x1b]{0,256}\x1b?)?\Z")
_MOVE: Final = re.compile(r"([\r\b])")
# Code points of escape sequences kept for one column; only a program that writes nothing else exceeds it.
_ESCAPES_PER_COLUMN: Final = 1024


class Line:
    """One line being written. Owns its text and the place where the next character goes.

    It begins plain, a list of what was written. The first move turns it into cells, one visible character each, with
    the escape sequences that precede it.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._cells: list[str] | None = None
        self._column = 0  # of _cells, as are all that follow
        self._pending = ""  # escape sequences written at _column; no character has followed yet
        self._end = ""  # escape sequences written after the last cell
        self._torn = ""
        self._last_escape = ""

    def __len__(self) -> int:
        """The line's length in code points; escape sequences do not count once something has moved."""
        return self._length if self._cells is None else len(self._cells)

    @property
    def plain(self) -> bool:
        """Whether nothing has moved yet, so that the line is simply what was written."""
        return self._cells is None

    def state(self) -> list[Any] | None:
        """What the rendered line does not show, as JSON; None if it is simply what was written."""
        if self._cells is None:
            return None
        return [self._cells, self._column, self._pending, self._end, self._torn, self._last_escape]

    @classmethod
    def restored(cls, state: list[Any]) -> Line:
        """The line of which this is the `state`."""
        line = cls()
        line._cells, line._column, line._pending, line._end, line._torn, line._last_escape = state
        return line

    def write(self, text: str) -> None:
        """Write text that holds no newline."""
        if self._cells is None:
            if "\r" not in text and "\b" not in text:
                self._parts.append(text)
                self._length += len(text)
                return
            text = "".join((*self._parts, text))
            self._parts.clear()
            self._cells = []
        text, self._torn = self._torn + text, ""
        torn = _TORN_ESCAPE.search(text)
        if torn:
            text, self._torn = text[: torn.start()], torn.group()
        for piece in _MOVE.split(text):
            if piece == "\r":
                self._move_to(0)
            elif piece == "\b":
                self._move_to(max(0, self._column - 1))
            elif piece:
                self._put(self._cells, piece)

    def erase(self, *, all_of_it: bool) -> None:
        """Erase what stands from here on, or the whole line; then the next character goes to its start."""
        if all_of_it:
            self._begin()
        elif self._cells is not None:
            del self._cells[self._column :]
            self._end = ""

    def render(self) -> str:
        """The line as it reads now."""
        if self._cells is None:
            if len(self._parts) > 1:
                self._parts = ["".join(self._parts)]
            return self._parts[0] if self._parts else ""
        here = self._pending + self._torn
        if self._column == len(self._cells):
            shown = "".join(self._cells) + (here or self._end)
        else:
            shown = "".join((*self._cells[: self._column], here, *self._cells[self._column :], self._end))
        # Overwriting may have dropped the sequence that was written last, say the one that ends a colour.
        if self._last_escape and shown[shown.rfind("\x1b") :][: len(self._last_escape)] != self._last_escape:
            shown += self._last_escape
        return shown

    def _put(self, cells: list[str], text: str) -> None:
        if "\x1b" not in text:
            new = list(text)
            if self._pending:
                new[0], self._pending = self._pending + new[0], ""
        else:
            new = self._with_escapes(text)
        if new and self._column + len(new) > len(cells):
            self._end = ""
        cells[self._column : self._column + len(new)] = new
        self._column += len(new)

    def _with_escapes(self, text: str) -> list[str]:
        """The cells of a text; sequences that no character follows become pending."""
        cells: list[str] = []
        pending, at = [self._pending], 0
        for escape in (*_ESCAPE.finditer(text), None):
            characters = text[at : escape.start() if escape else len(text)]
            if characters:
                cells.append(_bounded("".join(pending)) + characters[0])
                cells.extend(characters[1:])
                pending = []
            if escape:
                self._last_escape = escape.group()
                pending.append(self._last_escape)
                at = escape.end()
        self._pending = _bounded("".join(pending))
        return cells

    def _move_to(self, column: int) -> None:
        assert self._cells is not None
        if self._pending:  # sequences without a character: they stay where they were written, in place of older ones
            if self._column < len(self._cells):
                self._cells[self._column] = self._pending + self._cells[self._column][-1]
            else:
                self._end = self._pending
            self._pending = ""
        self._column = column


def _bounded(escapes: str) -> str:
    """The latest of the sequences of one column, whole ones."""
    if len(escapes) <= _ESCAPES_PER_COLUMN:
        return escapes
    return escapes[max(0, escapes.find("\x1b", len(escapes) - _ESCAPES_PER_COLUMN)) :]
