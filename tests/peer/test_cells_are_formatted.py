"""Python as ruff writes it: what is changed, what stays, and what is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from clients.peer import formatting
from clients.peer.errors import CannotFormat
from clients.peer.formatting import MAX_CODE, Formatted, formatted
from tests.support.aio import aio


@aio
async def test_code_is_formatted_and_what_ipython_adds_to_python_stays() -> None:
    cells = {
        "x=[1,2]\n\n": "x = [1, 2]",
        "plot( ) ;": "plot();",  # the semicolon keeps the cell from showing the value
        "%matplotlib  inline\nx=1": "%matplotlib  inline\nx = 1",
        "! ls   a\nfiles = !ls  x\nwhat?": "! ls   a\nfiles = !ls  x\nwhat?",
        "%%bash\nls   -l": "%%bash\nls   -l",
        "await  f('é😀')": 'await f("é😀")',
        "": "",
    }
    first = await asyncio.gather(*map(formatted, cells))
    assert [one.code for one in first] == list(cells.values())
    again = await asyncio.gather(*(formatted(one.code) for one in first))
    assert again == first, "formatting twice changes nothing more"


@aio
async def test_code_that_does_not_parse_stays_and_it_is_said_where() -> None:
    assert await formatted("a=1\nx = = 2") == Formatted(
        "a=1\nx = = 2", "It does not parse (line 2: Expected an expression)."
    )
    surrogate = "x =  '\ud800'"
    assert await formatted(surrogate) == Formatted(surrogate, "It does not parse.")


@aio
async def test_without_ruff_or_with_too_much_code_nothing_is_formatted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CannotFormat, match="262,145 characters"):
        await formatted("#" * (MAX_CODE + 1))
    monkeypatch.setattr(formatting, "find_ruff", lambda: None)
    with pytest.raises(CannotFormat, match="pip install ruff"):
        await formatted("x=1")
    monkeypatch.setattr(formatting, "find_ruff", lambda: str(tmp_path / "gone"))
    with pytest.raises(CannotFormat, match="could not be started"):
        await formatted("x=1")


@aio
async def test_a_ruff_that_does_not_answer_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "ruff"
    slow.write_text("#!/bin/sh\nexec sleep 600\n")
    slow.chmod(0o700)
    monkeypatch.setattr(formatting, "find_ruff", lambda: str(slow))
    monkeypatch.setattr(formatting, "SECONDS", 0.1)
    with pytest.raises(CannotFormat, match="did not answer"):
        await formatted("x=1")
