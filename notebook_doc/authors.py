"""Somebody who writes in a notebook, as the others know them.

Two who have the same name and are of the same kind are one author to a reader: a person with two tabs, or who comes
back tomorrow, has another peer id each time. So authors are equal by name and kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, cast, get_args

from notebook_doc.json_values import Json
from notebook_doc.plain import well_formed

AuthorKind = Literal["person", "agent", "program", "daemon", "file", "unknown"]
KINDS: Final[tuple[str, ...]] = get_args(AuthorKind)
_KEYS: Final = ("peer_id", "name", "kind")


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote: a peer by its id, or (kind "file") the notebook's file, whose `name` is then the file's."""

    peer_id: str = field(compare=False)
    name: str
    kind: AuthorKind

    @property
    def is_known(self) -> bool:
        """Whether anybody has told who it is."""
        return self.kind != "unknown"


def author_json(author: Author) -> dict[str, Json]:
    """An author as it stands in the document."""
    return {"peer_id": author.peer_id, "name": well_formed(author.name), "kind": author.kind}


def author_of_json(value: Json) -> Author:
    """The author that stands there; somebody, where what stands there cannot be read."""
    known = value if isinstance(value, dict) else {}
    peer_id, name, kind = (found if isinstance(found := known.get(key), str) else "" for key in _KEYS)
    return Author(peer_id, name or "somebody", cast(AuthorKind, kind) if kind in KINDS else "unknown")
