"""Packages in a batch: installed before the document changes, taken back if the document then refuses the batch.

Installing is the daemon's (`clients.peer.packages`). What nobody has approved here is not installed because an agent
wants it: then nothing of the batch is done, and a person is to be asked. A proposal declares packages and installs
nothing; that comes when it is accepted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from clients.agent.errors import AgentError
from clients.agent.operations import ChangePackages
from clients.peer.errors import PeerError
from clients.peer.notebook import Notebook
from clients.peer.packages import declared
from relay.errors import WireError

# Where a notebook's metadata may declare what it needs: ours, nteract's, and at the top.
PLACES: Final = (("quire",), ("runt",), ())


@asynccontextmanager
async def changed(notebook: Notebook, wanted: ChangePackages) -> AsyncIterator[None]:
    """Inside, the packages are changed; if what happens inside fails, they are as they were.

    Raises AgentError if a person has to approve first, RequestFailed with the installer's words.
    """
    before = set(notebook.packages.list())
    if wanted.add:
        change = await notebook.packages.add(*wanted.add, only_approved=True)
        if change.status == "asks":
            raise AgentError(
                f"A person has to approve {', '.join(wanted.add)} before it is installed; nothing was done.",
                'Propose it (propose= in MCP, ctx.propose("why")), or ask for `quire trust`.',
            )
    if wanted.remove:
        await notebook.packages.remove(*wanted.remove)
    try:
        yield
    except BaseException:
        await _take_back(notebook, wanted, before)
        raise


async def _take_back(notebook: Notebook, wanted: ChangePackages, before: set[str]) -> None:
    with suppress(PeerError, WireError, TimeoutError):  # what made us do this is told
        if added := [one for one in wanted.add if one not in before]:
            await notebook.packages.remove(*added)
        if removed := [one for one in wanted.remove if one in before]:
            await notebook.packages.add(*removed)


def declaring(metadata: Mapping[str, Any], wanted: ChangePackages) -> dict[str, Any]:
    """The notebook's metadata with these packages declared, where it declares its packages already."""
    place = next((place for place in PLACES if _dependencies(metadata, place) is not None), ("quire",))
    known = _dependencies(metadata, place) or []
    gone = [one for one in known if any(_same(one, name) for name in wanted.remove)]
    return declared(dict(metadata), list(place), list(wanted.add), gone)


def _dependencies(metadata: Mapping[str, Any], place: tuple[str, ...]) -> list[str] | None:
    table: Any = metadata
    for key in place:
        table = table.get(key) if isinstance(table, Mapping) else None
    found = table.get("dependencies") if isinstance(table, Mapping) else None
    return found if isinstance(found, list) else None


def _same(requirement: str, name: str) -> bool:
    return requirement == name or requirement.lower().startswith(tuple(f"{name.lower()}{sign}" for sign in "=<>~![; "))
