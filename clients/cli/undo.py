"""`quire undo`: takes back one change of a notebook, as a new edit that leaves what others did since."""

from __future__ import annotations

import asyncio

from clients.cli.errors import OK, CliError, ServiceFailed, answered
from clients.peer.errors import PeerError
from clients.peer.notebook import Notebook
from clients.peer.opening import open
from notebook_doc.errors import NotebookDocError
from notebook_doc.taking_back import Undone
from relay.errors import WireError

# Seconds for the hub to store the undo.
SAVE_SECONDS = 10.0


def undo(notebook: str, *, by: str | None, change: str | None) -> int:
    """Take back what `by` did last and is not taken back yet, or the change whose hash begins with `change`."""
    try:
        undone = asyncio.run(_undo(notebook, by, change))
    except (PeerError, WireError, NotebookDocError) as error:
        raise answered(getattr(error, "code", ""), error.message, error.hint) from error
    print("\n".join(_said(undone)) or "Nothing was left to undo.")
    return OK


async def _undo(target: str, by: str | None, change: str | None) -> Undone:
    async with open(target) as notebook:
        if by is not None:
            undone = await notebook.take_back_latest(by)
            if undone is None:
                raise CliError(f"Nothing that {by} wrote is left to undo.", "`quire history` tells who wrote what.")
        else:
            undone = notebook.take_back(_change(notebook, change or ""))
        if not await notebook.saved(SAVE_SECONDS):
            raise ServiceFailed("The hub has not stored the undo.", "See `quire logs`.")
        return undone


def _change(notebook: Notebook, prefix: str) -> bytes:
    found = [one.hash for one in notebook.doc.replica.recorded_since(()) if one.hash.hex().startswith(prefix.lower())]
    if len(found) != 1:
        raise CliError(f"{len(found)} changes begin with {prefix!r}.", "Give more of the hash.")
    return found[0]


def _said(undone: Undone) -> list[str]:
    done = undone.committed
    parts = (
        ("Brought back", done.created),
        ("Restored", tuple(dict.fromkeys((*done.edited, *done.moved)))),
        ("Deleted", done.deleted),
        ("Kept as others have changed it since:", undone.kept),
        ("Gone since:", undone.gone),
    )
    return [f"{what} {', '.join(cells)}." for what, cells in parts if cells]
