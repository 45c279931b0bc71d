"""Python code of a cell as ruff would write it.

`formatted` takes the code of one cell. It promises that what is not Python (magics, `!` lines, `name?`) and the
semicolon that keeps a cell from showing its last value stay as they are, that code which does not parse is answered
unchanged, and that formatting twice changes nothing more. It looks at no project's configuration. ruff is optional: it
is looked for beside this Python, then on PATH. It runs as a process of its own, so the event loop is never blocked.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from clients.peer.errors import CannotFormat

# Seconds for one cell: ruff takes milliseconds, a loaded machine more.
SECONDS: Final = 10.0
# Characters of one cell: a hundred times what people write, and ruff still takes a fraction of a second.
MAX_CODE: Final = 256 * 1024
_FILE: Final = "cell.ipynb"  # a notebook of one cell: so ruff knows what IPython adds to Python
# What ruff says of code that does not parse: file, number of the cell, line, column, and what is wrong.
_BROKEN: Final = re.compile(re.escape(_FILE) + r":\d+:(\d+):\d+: (.+)")


@dataclass(frozen=True, slots=True)
class Formatted:
    """The code as it is to be; `why` says why it is as it was, where it could not be formatted."""

    code: str
    why: str = ""


def find_ruff() -> str | None:
    """The ruff that would be used."""
    beside = Path(sys.executable).with_name("ruff")
    return str(beside) if beside.is_file() else shutil.which("ruff")


async def formatted(code: str) -> Formatted:
    """The code as ruff writes it, without a line feed at the end, as cells are.

    Raises CannotFormat if there is no ruff, if it does not answer in time, or if the code is too long.
    """
    if len(code) > MAX_CODE:
        raise CannotFormat(f"The cell has {len(code):,} characters; up to {MAX_CODE:,} are formatted.", "Split it.")
    ruff = find_ruff()
    if ruff is None:
        raise CannotFormat("There is no ruff to format with.", "Install it where Quire is: pip install ruff.")
    try:
        async with asyncio.timeout(SECONDS):
            status, out, err = await _run(ruff, json.dumps(_notebook_of(code)).encode())
    except TimeoutError:
        raise CannotFormat(f"ruff did not answer within {SECONDS:g} s.", "Try again.") from None
    except OSError as error:
        raise CannotFormat(f"{ruff} could not be started: {error}.", "Install it again: pip install ruff.") from error
    if status != 0:
        found = _BROKEN.search(err.decode(errors="replace"))
        told = "" if found is None else f" (line {found[1]}: {found[2]})"
        return Formatted(code, f"It does not parse{told}.")
    (cell,) = json.loads(out)["cells"]
    return Formatted("".join(cell["source"]).rstrip("\r\n"))


async def _run(ruff: str, content: bytes) -> tuple[int | None, bytes, bytes]:
    process = await asyncio.create_subprocess_exec(
        ruff,
        *("format", "--isolated", "--stdin-filename", _FILE, "-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await process.communicate(content)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, out, err


def _notebook_of(code: str) -> dict[str, Any]:
    about: dict[str, Any] = {"id": "c", "metadata": {}, "outputs": [], "execution_count": None}
    cell = {"cell_type": "code", "source": code, **about}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
