"""Handles: what a notebook has under an id, for whoever keeps it. Made anew at each look; two of the same are equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clients.peer.notebook import Notebook


class Handle:
    """A cell, a thread, a widget: it follows what has this id, and knows nothing of it by itself."""

    def __init__(self, notebook: Notebook, own_id: str) -> None:
        self._notebook = notebook
        self.id = own_id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and (other._notebook, other.id) == (self._notebook, self.id)

    def __hash__(self) -> int:
        return hash((id(self._notebook), self.id))
