"""Moments that somebody gave a name to ("before lunch"), kept in the NotebookDoc itself, so that everybody has them.

A version is a name for heads. It is an ordinary edit, so it is synced, works offline and survives in every copy; two
versions of one name may exist, and the newest counts. Pure: the time is handed in.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final, cast

from notebook_doc.errors import BadEdit, UnknownHeads
from notebook_doc.json_values import Json
from notebook_doc.notebook import NotebookDoc
from notebook_doc.plain import well_formed
from notebook_doc.replica import ROOT, Heads

LONGEST_NAME: Final = 200  # characters


@dataclass(frozen=True, slots=True)
class Version:
    """A named version: the notebook at `heads`, named at `time` (seconds since 1970, by its author's clock)."""

    id: str
    name: str
    heads: Heads
    time: float


def versions(notebook: NotebookDoc) -> list[Version]:
    """All named versions, in the order in which they were named. What cannot be read is passed over."""
    obj = notebook.view.child(ROOT, "versions")
    stored = {} if obj is None else cast(dict[str, Json], notebook.view.json(obj))
    found = [version for name, value in stored.items() if (version := _version(name, value)) is not None]
    return sorted(found, key=lambda version: (version.time, version.id))


def name_version(notebook: NotebookDoc, name: str, time: float, heads: Heads | None = None) -> Version:
    """Give the notebook at these heads, or as it is now, a name. Raises BadEdit, UnknownHeads."""
    name = well_formed(name.strip())
    if not 0 < len(name) <= LONGEST_NAME:
        raise BadEdit(f"a version's name has 1 to {LONGEST_NAME} characters.", "Choose a shorter name.")
    heads = notebook.replica.heads() if heads is None else heads
    if not notebook.replica.contains(heads):
        raise UnknownHeads("a version cannot be named: the replica does not contain its heads.")
    version_id = secrets.token_hex(8)
    with notebook.edit():
        root = notebook.view.child(ROOT, "versions")
        assert root is not None, "a root since the seed"
        obj = notebook.transaction.make_map(root, version_id)
        hashes = cast("list[Json]", [head.hex() for head in heads])
        notebook.transaction.fill(obj, {"name": name, "heads": hashes, "time": time})
    return Version(version_id, name, heads, time)


def forget_version(notebook: NotebookDoc, version_id: str) -> None:
    """Take the name away; what it named stays in the history. Naming one that is gone does nothing."""
    with notebook.edit():
        root = notebook.view.child(ROOT, "versions")
        if root is not None and notebook.view.child(root, version_id) is not None:
            notebook.transaction.delete(root, version_id)


def _version(version_id: str, value: Json) -> Version | None:
    if not isinstance(value, dict):
        return None
    name, heads, time = value.get("name"), value.get("heads"), value.get("time")
    if not isinstance(name, str) or not isinstance(heads, list) or not isinstance(time, int | float):
        return None
    try:
        hashes = tuple(sorted(bytes.fromhex(str(head)) for head in heads))
    except ValueError:
        return None
    return Version(version_id, name, hashes, float(time))
