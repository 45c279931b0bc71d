"""Somebody who writes in a notebook, as the others know them.

Two who have the same name and are of the same kind are one author to a reader: a person with two tabs, or who comes
back tomorrow, has another peer id each time. So authors are equal by name and kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, get_args

AuthorKind = Literal["person", "agent", "program", "daemon", "file", "unknown"]
KINDS: Final[tuple[str, ...]] = get_args(AuthorKind)


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote: a peer by its id, or (kind "file") the notebook's file, whose `name` is then the file's."""

    peer_id: str = field(compare=False)
    name: str
    kind: AuthorKind
