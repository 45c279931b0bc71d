"""`quire history`, `quire diff`, `quire restore`: a notebook's past on the command line.

They look at the notebook as one more peer of the service that runs, or of one that is started for as long as the
command takes. Two files are compared without any service. What names a moment is said in docs/operations.md.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from clients.cli.errors import OK, NotebookUnusable, ServiceFailed, WrongName
from clients.cli.history_text import Paint, diff_json, diff_lines, history_lines, moment_json, when, who
from clients.cli.notebook_path import notebook_path
from clients.cli.service import find_service, private_service, state_folder, wait_for_service
from clients.peer.errors import PeerError
from clients.peer.identity import this_program
from clients.peer.notebook import Notebook
from notebook_doc.cells import Cell
from notebook_doc.errors import NotebookDocError, UnknownCell, UnknownMoment
from notebook_doc.history.diff import diff
from notebook_doc.history.moments import Moment
from notebook_doc.ipynb import same_cells
from notebook_doc.json_values import Json
from notebook_doc.model import NotebookModel
from relay.errors import WireError
from relay.messages import Role
from sync_server.notebook_file import parse_file, read_file


def history(path: Path, number: int, *, as_json: bool) -> int:
    """Print the latest moments, newest first (as JSON: all of them, oldest first). Raises CliError."""

    async def show(notebook: Notebook) -> int:
        moments = await notebook.history()
        if as_json:
            print(json.dumps([moment_json(moment) for moment in moments], indent=2))
            return OK
        for line in history_lines(moments[-number:], _places(notebook), time.time(), _paint()):
            print(line)
        if len(moments) > number:
            print(f"… and {len(moments) - number} before (-n {len(moments)} shows all)")
        return OK

    return _look(path, "viewer", show)


def difference(path: Path, a: str | None, b: str | None, *, as_json: bool) -> int:
    """Print what differs between two moments, one and now, or two files. Raises CliError."""
    if a is not None and b is None and _is_file(a):
        return _show_diff(_file(path), _file(Path(a)), str(path), a, as_json=as_json)

    async def show(notebook: Notebook) -> int:
        one = await notebook.moment("~1" if a is None else a)
        other = None if b is None else await notebook.moment(b)
        found = await notebook.diff(one, other)
        if as_json:
            print(json.dumps(diff_json(found), indent=2))
            return OK
        new = "now" if other is None else _told(other)
        for line in diff_lines(found, _told(one), new, _places(notebook), _paint()):
            print(line)
        return OK

    return _look(path, "viewer", show)


def restore(path: Path, moment: str, cells: list[str]) -> int:
    """Make the notebook, or these cells, what they were, and save it. Raises CliError."""

    async def bring_back(notebook: Notebook) -> int:
        found = await notebook.moment(moment)
        before = (await notebook.history())[-1]
        past = await notebook.at(found)
        ids = [_cell_id(name, [cell.id for cell in past.cells]) for name in cells]
        done = await notebook.restore(found, ids or None)
        await notebook.saved()
        saved = await notebook.save()
        touched = {*done.created, *done.edited, *done.moved, *done.deleted}
        if not touched:
            print(f"Nothing differs from {_told(found)}.")
            return OK
        print(f"{len(touched)} cell{'s' if len(touched) > 1 else ''} of {saved} restored to {_told(found)}.")
        print(f"To take it back: quire restore {path} {before.short_id}")
        return OK

    return _look(path, "editor", bring_back)


def _look(path: Path, role: Role, look: Callable[[Notebook], Awaitable[int]]) -> int:
    path, state = notebook_path(path), state_folder()
    with ExitStack() as stack:
        service = find_service(state)
        if service is not None and service.supervisor is not None:
            service = wait_for_service(state)
        else:
            service = stack.enter_context(private_service(state))
        hub = service.hub_http

        async def open_and_look() -> int:
            notebook_id = await asyncio.to_thread(hub.open_notebook, path)
            me = this_program(kind="person")
            async with Notebook.connect(notebook_id, service.address, peer=me, role=role) as notebook:
                return await look(notebook)

        try:
            return asyncio.run(open_and_look())
        except (UnknownMoment, UnknownCell) as error:
            raise WrongName(error.message, error.hint) from error
        except (PeerError, WireError, NotebookDocError) as error:
            raise ServiceFailed(error.message, error.hint) from error


def _cell_id(name: str, known: list[str]) -> str:
    """The cell that is meant: by its id, or by a beginning that is no other's."""
    fitting = [name] if name in known else [cell_id for cell_id in known if name and cell_id.startswith(name)]
    if len(fitting) != 1:
        what = "no cell" if not fitting else f"{len(fitting)} cells"
        raise WrongName(f"{what} of that moment had an id that begins with {name!r}.", "`quire diff` shows the ids.")
    return fitting[0]


def _places(notebook: Notebook) -> dict[str, int]:
    return {cell.id: number for number, cell in enumerate(notebook.cells, start=1)}


def _told(moment: Moment) -> str:
    names = "".join(f" “{name}”" for name in moment.names)
    return f"{moment.number} {moment.short_id}{names}, {when(moment.ended, time.time())}, {who(moment.authors)}"


def _paint() -> Paint:
    return Paint(colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)


# --- files ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _File:
    """A notebook file, to be compared."""

    read: tuple[Cell, ...]
    settings: dict[str, Json]

    def cells(self) -> list[Cell]:
        """Its cells, in order."""
        return list(self.read)

    def metadata(self) -> dict[str, Json]:
        """Its metadata."""
        return self.settings


def _is_file(name: str) -> bool:
    return name.endswith(".ipynb") and Path(name).exists()


def _file(path: Path) -> NotebookModel:
    path = notebook_path(path)
    try:
        state = read_file(path)
        if state is None:
            raise NotebookUnusable(f"There is no file {path}.", "Check the path.")
        return parse_file(state, path, "00000000-0000-0000-0000-000000000000").model
    except (WireError, NotebookDocError) as error:
        raise NotebookUnusable(error.message, error.hint) from error


def _readable(model: NotebookModel, ids: dict[int, str]) -> _File:
    cells = [
        Cell(
            ids.get(index, cell.id),
            cell.cell_type,
            f"{index:08X}80",
            cell.source,
            cell.metadata,
            _plain(cell.attachments),
        )
        for index, cell in enumerate(model.cells)
    ]
    return _File(tuple(cells), model.metadata)


def _plain(attachments: object) -> dict[str, Json] | None:
    return None if attachments is None else json.loads(json.dumps(attachments))


def _show_diff(old: NotebookModel, new: NotebookModel, one: str, other: str, *, as_json: bool) -> int:
    known = {cell.id for cell in old.cells}
    ids: dict[int, str] = {}
    if old.nbformat_minor < 5 or new.nbformat_minor < 5 or not any(cell.id in known for cell in new.cells):
        ids = same_cells([(cell.id, cell.source) for cell in old.cells], new.cells)  # files without ids of their own
    before, after = _readable(old, {}), _readable(new, ids)
    found = diff(before, after)
    if as_json:
        print(json.dumps(diff_json(found), indent=2))
    else:
        places = {cell.id: number for number, cell in enumerate(after.read, start=1)}
        for line in diff_lines(found, one, other, places, _paint()):
            print(line)
    return OK
