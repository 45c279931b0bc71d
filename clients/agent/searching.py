"""Lines that match a regular expression, looked for where nothing else waits.

Some expressions take for ever on some lines, and nothing in Python can interrupt them. The agents' tools run in the
hub, which everybody's typing goes through; so an expression that repeats something is tried in a process of its own,
which is ended after `SECONDS`.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Sequence
from typing import Final

from clients.agent.errors import AgentError

# Seconds that looking for an expression may take: a thousand cells take a few milliseconds.
SECONDS: Final = 5.0
_PROGRAM: Final = """\
import json, re, sys
pattern, lines = json.load(sys.stdin)
wanted = re.compile(pattern)
json.dump([number for number, line in enumerate(lines) if wanted.search(line)], sys.stdout)
"""


async def matching_lines(pattern: str, lines: Sequence[str], *, seconds: float = SECONDS) -> list[int]:
    """The indices of the lines that match. Raises AgentError if that is no regular expression, or takes too long."""
    try:
        wanted = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        told = f"{pattern!r} is no regular expression: {error}."
        raise AgentError(told, "Put a backslash before what is meant literally, as in \\(.") from error
    if not re.search(r"[*+?{]", pattern):
        return [number for number, line in enumerate(lines) if wanted.search(line)]
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", _PROGRAM),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(seconds):
            found, _ = await child.communicate(json.dumps([pattern, list(lines)]).encode())
        return [int(number) for number in json.loads(found)]
    except TimeoutError as error:
        told = f"Looking for {pattern!r} took more than {seconds:g} s, so it was given up."
        raise AgentError(told, "Search for something simpler, without repetitions in repetitions.") from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
