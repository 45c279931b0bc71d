"""What `quire run` shows of a notebook's own text."""

from __future__ import annotations

import pytest

from clients.cli.run_view import first_line, printable


def test_colours_of_a_traceback_reach_a_terminal_and_nothing_else_does() -> None:
    hostile = "\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b[2Jcleared\x9b5n\rback"
    assert printable(hostile, colour=True) == "\x1b[31mred\x1b[0m cleared5nback\x1b[0m"
    assert printable(hostile, colour=False) == "red cleared5nback"


@pytest.mark.parametrize(
    ("source", "line"),
    [("\n\n  x = 1\ny = 2", "x = 1"), ("", ""), ("a" * 100, "a" * 59 + "…"), ("print('\x1b[2J')", "print('')")],
)
def test_a_cell_is_named_by_its_first_line(source: str, line: str) -> None:
    assert first_line(source) == line
