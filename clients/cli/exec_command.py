"""`quire exec`: runs code in a notebook's kernel without a cell, and prints what it says as it says it.

The exit code is that of the code: 0 if it ended well, 1 if it raised or took too long. Ctrl-C stops this execution,
queued or running, and nothing else. Its standard input has ended.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final

from clients.agent.running import without_colours
from clients.agent.scratch import LIMIT, Channel, ask, follow
from clients.cli.errors import CELL_FAILED, OK, NotebookUnusable, WrongName, answered
from clients.cli.service import running_service, state_folder
from clients.peer.errors import PeerError
from clients.peer.execution import Execution
from clients.peer.opening import open as open_notebook
from notebook_doc.errors import NotebookDocError
from notebook_doc.runtime_records import Execution as Record
from relay.errors import WireError

STDIN: Final = "-"


def execute(
    code: str | None,
    file: str | None,
    *,
    notebook: str | None,
    timeout: float | None,
    whole: bool,
    own: bool,
    result: str | None,
) -> int:
    """Run `code`, or what is in `file`, in a copy of the kernel's names or (`own`) in those; or tell what the execution
    `result` has said. Raises CliError."""
    source = "" if result is not None else _source(code, file)
    target = notebook or _only_open_notebook()
    try:
        return asyncio.run(_execute(target, source, timeout, None if whole or result else LIMIT, result, own))
    except (PeerError, WireError, NotebookDocError) as error:
        raise answered(getattr(error, "code", ""), error.message, error.hint) from error


async def _execute(
    target: str, code: str, timeout: float | None, limit: int | None, result: str | None, own: bool
) -> int:
    async with open_notebook(target) as notebook:
        if result is None:
            execution = await ask(notebook, code, timeout, "own" if own else "copy")
        else:
            execution = Execution(notebook, result)
            if notebook.runtime.execution(result) is None:
                raise WrongName(f"There is no execution {result!r} in this notebook.", "Check its id.")
        left_out = await follow(notebook, execution, _print, limit, tell_waiting=_print_waiting)
        if left_out:
            where = f"quire exec --notebook {notebook.id} --result {execution.id}"
            print(f"quire: {left_out} characters are left out. All of it: {where}", file=sys.stderr)
        if said := _ending(execution.record):
            print(f"quire: {said}", file=sys.stderr)
        return OK if execution.ok else CELL_FAILED


def _ending(record: Record) -> str:
    """What is to be said of how it ended, beside what it has put out."""
    if record.error is not None and (record.status != "error" or record.error.ename == "ExecutionTimeout"):
        return record.error.evalue
    return "" if record.status in ("done", "error") else f"it ended as {record.status}"


def _print(channel: Channel, text: str) -> None:
    stream = sys.stderr if channel == "stderr" else sys.stdout
    print(text if stream.isatty() else without_colours(text), end="", flush=True, file=stream)


def _print_waiting(what: str) -> None:
    print(f"quire: {what}", file=sys.stderr, flush=True)


def _source(code: str | None, file: str | None) -> str:
    if code is not None:
        return code
    if file is None or file == STDIN:
        return sys.stdin.read()
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongName(f"{file} cannot be read: {error}.", "Name a file, or give -c CODE.") from error


def _only_open_notebook() -> str:
    notebooks = running_service(state_folder()).hub_http.notebooks()
    if len(notebooks) == 1:
        return str(notebooks[0]["notebook_id"])
    names = ", ".join(str(one["path"] or one["notebook_id"]) for one in notebooks)
    raise NotebookUnusable(
        f"{len(notebooks)} notebooks are open{f': {names}' if names else ''}.", "Say which with --notebook."
    )
