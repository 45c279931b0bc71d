"""When a kernel's keeper may forget: once what its messages put out is on the hub's disk.

A Receipts owns the list of changes of RuntimeDoc that the hub has not acknowledged, each with the message of the kernel
that it goes up to. It promises that a kernel is told of a position only after the change that holds it, and hence all
before it, is durable.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from clients.peer.notebook import Notebook
from notebook_doc.replica import Heads
from notebook_doc.runtime_records import SpoolPosition

# Changes remembered one by one while the hub is away; of more, only the latest counts.
MOST: Final = 64


class Receipts:
    """See the module. `acknowledge` is told what is durable, in order."""

    def __init__(self, notebook: Notebook, acknowledge: Callable[[SpoolPosition], None]) -> None:
        self._notebook = notebook
        self._acknowledge = acknowledge
        self._unsaved: deque[tuple[Heads, SpoolPosition]] = deque()

    def written(self, heads: Heads, position: SpoolPosition) -> None:
        """A change was made here that holds what came up to this position."""
        if len(self._unsaved) >= MOST:
            self._unsaved.pop()
        self._unsaved.append((heads, position))

    async def run(self) -> None:
        """Pass on what becomes durable, until cancelled."""
        while True:
            await self._notebook.until(self._first_is_saved)
            latest = None
            while self._first_is_saved():
                _, latest = self._unsaved.popleft()
            if latest is not None:
                self._acknowledge(latest)

    def _first_is_saved(self) -> bool:
        return bool(self._unsaved) and self._notebook.runtime_saved(self._unsaved[0][0])
