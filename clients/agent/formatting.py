"""Python code as ruff would write it. ruff is optional: it is looked for beside this Python, then on PATH."""

from __future__ import annotations

import asyncio
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import Final

from clients.agent.errors import CannotFormat

# Seconds for one cell: ruff takes milliseconds, a loaded machine more.
SECONDS: Final = 10.0


@cache
def find_ruff() -> str | None:
    """The ruff that would be used."""
    beside = Path(sys.executable).with_name("ruff")
    return str(beside) if beside.is_file() else shutil.which("ruff")


async def formatted(code: str) -> str:
    """The code as ruff writes it, without a line feed at the end, as cells are.

    Code that is not Python (a magic, half a line) stays as it is. Raises CannotFormat if there is no ruff.
    """
    ruff = find_ruff()
    if ruff is None:
        raise CannotFormat(
            "There is no ruff here to format with.", "Install it: pip install ruff. Or pass format=False."
        )
    process = await asyncio.create_subprocess_exec(
        ruff,
        *("format", "--isolated", "--stdin-filename", "cell.py", "-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(SECONDS):
            out, _ = await process.communicate(code.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return out.decode().rstrip("\n") if process.returncode == 0 else code
